"""Memory that outlives the context window, for AutoGen agents (MemGPT, arXiv 2310.08560)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from memgpt_autogen.installation import check_autogen

check_autogen()

if TYPE_CHECKING:
    from memgpt_autogen.adapter.capability import MemGPTCapability
    from memgpt_autogen.adapter.translator import AutoGenTranslator, Translator
    from memgpt_autogen.agent import MemGPTAgent
    from memgpt_autogen.engine.overview import ContextOverview
    from memgpt_autogen.errors import MemGPTError
    from memgpt_autogen.events import DocumentUpload, Event, Login, SystemAlert, TimedEvent
    from memgpt_autogen.settings import Settings
    from memgpt_autogen.sources.load import LoadedSource, load_source
    from memgpt_autogen.storage.store import reindex
    from memgpt_autogen.upkeep.forget import Receipt

# Loaded at first use: AutoGen and Chroma take seconds to import, `--help` should not.
_HOMES = {
    "AutoGenTranslator": "adapter.translator",
    "ContextOverview": "engine.overview",
    "DocumentUpload": "events",
    "Event": "events",
    "LoadedSource": "sources.load",
    "Login": "events",
    "MemGPTAgent": "agent",
    "MemGPTCapability": "adapter.capability",
    "MemGPTError": "errors",
    "Receipt": "upkeep.forget",
    "Settings": "settings",
    "SystemAlert": "events",
    "TimedEvent": "events",
    "Translator": "adapter.translator",
    "load_source": "sources.load",
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
