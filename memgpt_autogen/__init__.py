"""Memory that outlives the context window, for AutoGen agents (MemGPT, arXiv 2310.08560)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from memgpt_autogen.installation import check_autogen

check_autogen()

if TYPE_CHECKING:
    from memgpt_autogen.agent import MemGPTAgent
    from memgpt_autogen.capability import MemGPTCapability
    from memgpt_autogen.erasure import Receipt
    from memgpt_autogen.errors import MemGPTError
    from memgpt_autogen.events import DocumentUpload, Event, Login, SystemAlert, TimedEvent
    from memgpt_autogen.overview import ContextOverview
    from memgpt_autogen.settings import Settings
    from memgpt_autogen.sources import LoadedSource, load_source
    from memgpt_autogen.storage.chroma import reindex
    from memgpt_autogen.translator import AutoGenTranslator, Translator

# Loaded at first use: AutoGen and Chroma take seconds to import, `--help` should not.
_HOMES = {
    "AutoGenTranslator": "translator",
    "ContextOverview": "overview",
    "DocumentUpload": "events",
    "Event": "events",
    "LoadedSource": "sources",
    "Login": "events",
    "MemGPTAgent": "agent",
    "MemGPTCapability": "capability",
    "MemGPTError": "errors",
    "Receipt": "erasure",
    "Settings": "settings",
    "SystemAlert": "events",
    "TimedEvent": "events",
    "Translator": "translator",
    "load_source": "sources",
    "reindex": "storage.chroma",
}

__all__ = [
    "AutoGenTranslator",
    "ContextOverview",
    "DocumentUpload",
    "Event",
    "LoadedSource",
    "Login",
    "MemGPTAgent",
    "MemGPTCapability",
    "MemGPTError",
    "Receipt",
    "Settings",
    "SystemAlert",
    "TimedEvent",
    "Translator",
    "load_source",
    "reindex",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
