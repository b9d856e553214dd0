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
    from memgpt_autogen.engine.engine import ContextOverview
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
        Message,
        MessageEvent,
        SystemAlert,
        TimedEvent,
    )
    from memgpt_autogen.memory.archival import Passage
    from memgpt_autogen.memory.core import Block
    from memgpt_autogen.memory.page import Page
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
    from memgpt_autogen.upkeep.forget import Receipt
    from memgpt_autogen.upkeep.reindex import reindex

# Loaded at first use: AutoGen and Chroma take seconds to import, `--help` should not.
_HOMES = {
    "AutoGenTranslator": "adapter.translator",
    "Block": "memory.core",
    "ChatModelError": "errors",
    "ConfigurationError": "errors",
    "ConflictError": "errors",
    "ContextOverflowError": "errors",
    "ContextOverview": "engine.engine",
    "DirectoryLockedError": "errors",
    "DocumentUpload": "events",
    "EmbedderMismatchError": "errors",
    "Event": "events",
    "Eviction": "steps",
    "FunctionCall": "steps",
    "FunctionResult": "steps",
    "LoadedSource": "sources.load",
    "LocalModelError": "errors",
    "Login": "events",
    "MemGPTAgent": "agent",
    "MemGPTCapability": "adapter.capability",
    "MemGPTError": "errors",
    "Message": "events",
    "MessageEvent": "events",
    "Page": "memory.page",
    "Passage": "memory.archival",
    "Receipt": "upkeep.forget",
    "ReentryError": "errors",
    "Settings": "settings",
    "StateFormatError": "errors",
    "Step": "steps",
    "StorageError": "errors",
    "SystemAlert": "events",
    "TakenOverError": "errors",
    "TimedEvent": "events",
    "Translator": "adapter.translator",
    "Turn": "steps",
    "TurnEnd": "steps",
    "Usage": "steps",
    "load_source": "sources.load",
    "reindex": "upkeep.reindex",
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
