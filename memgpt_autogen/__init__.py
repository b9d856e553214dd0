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
    from memgpt_autogen.errors import (
        ChatModelError,
        ConfigurationError,
        ConflictError,
        ContextOverflowError,
        DirectoryLockedError,
        EmbedderMismatchError,
        LocalModelError,
        MemGPTError,
        ReentryError,
        StateFormatError,
        StorageError,
        TakenOverError,
    )
    from memgpt_autogen.events import (
        DocumentUpload,
        Event,
        Login,
        MessageEvent,
        SystemAlert,
        TimedEvent,
    )
    from memgpt_autogen.memory.archival import Passage
    from memgpt_autogen.memory.core import Block
    from memgpt_autogen.memory.page import Page
    from memgpt_autogen.memory.recall import Message
    from memgpt_autogen.settings import Settings
    from memgpt_autogen.sources.load import LoadedSource, load_source
    from memgpt_autogen.steps import (
        Eviction,
        FunctionCall,
        FunctionResult,
        Step,
        Turn,
        TurnEnd,
        Usage,
    )
    from memgpt_autogen.storage.chroma import reindex
    from memgpt_autogen.upkeep.forget import Receipt

# Loaded at first use: AutoGen and Chroma take seconds to import, `--help` should not.
_HOMES = {
    name: home
    for home, names in {
        "adapter.capability": "MemGPTCapability",
        "adapter.translator": "AutoGenTranslator Translator",
        "agent": "MemGPTAgent",
        "engine.overview": "ContextOverview",
        "errors": "ChatModelError ConfigurationError ConflictError ContextOverflowError"
        " DirectoryLockedError EmbedderMismatchError LocalModelError MemGPTError"
        " ReentryError StateFormatError StorageError TakenOverError",
        "events": "DocumentUpload Event Login MessageEvent SystemAlert TimedEvent",
        "memory.archival": "Passage",
        "memory.core": "Block",
        "memory.page": "Page",
        "memory.recall": "Message",
        "settings": "Settings",
        "sources.load": "LoadedSource load_source",
        "steps": "Eviction FunctionCall FunctionResult Step Turn TurnEnd Usage",
        "storage.chroma": "reindex",
        "upkeep.forget": "Receipt",
    }.items()
    for name in names.split()
}

__all__ = [
    "AutoGenTranslator",
    "Block",
    "ChatModelError",
    "ConfigurationError",
    "ConflictError",
    "ContextOverflowError",
    "ContextOverview",
    "DirectoryLockedError",
    "DocumentUpload",
    "EmbedderMismatchError",
    "Event",
    "Eviction",
    "FunctionCall",
    "FunctionResult",
    "LoadedSource",
    "LocalModelError",
    "Login",
    "MemGPTAgent",
    "MemGPTCapability",
    "MemGPTError",
    "Message",
    "MessageEvent",
    "Page",
    "Passage",
    "Receipt",
    "ReentryError",
    "Settings",
    "StateFormatError",
    "Step",
    "StorageError",
    "SystemAlert",
    "TakenOverError",
    "TimedEvent",
    "Translator",
    "Turn",
    "TurnEnd",
    "Usage",
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
