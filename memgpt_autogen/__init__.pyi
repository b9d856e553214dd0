from .adapter.capability import MemGPTCapability
from .adapter.translator import AutoGenTranslator, Translator
from .agent import MemGPTAgent
from .client.client import MemGPT
from .engine.engine import ContextOverview
from .errors import (
    ChatModelError,
    ConfigurationError,
    ConflictError,
    ContextOverflowError,
    DirectoryLockedError,
    EmbedderMismatchError,
    ForkedError,
    LocalModelError,
    MemGPTError,
    ReentryError,
    StateFormatError,
    StorageError,
    TakenOverError,
    UnknownBlockError,
)
from .events import DocumentUpload, Event, Login, Message, MessageEvent, SystemAlert, TimedEvent
from .memory.archival import Passage
from .memory.blocks import Block
from .memory.page import Page
from .settings import Settings
from .sources.load import LoadedSource, load_source
from .steps import Eviction, FunctionCall, FunctionResult, Step, Turn, TurnEnd, Usage
from .storage.journal.blocks import BlockChange, StoredBlock
from .upkeep.agents import AgentSummary, Deleted
from .upkeep.forget import Receipt
from .upkeep.reindex import reindex
from .upkeep.remains import Remnant

__all__ = [
    "AgentSummary",
    "AutoGenTranslator",
    "Block",
    "BlockChange",
    "ChatModelError",
    "ConfigurationError",
    "ConflictError",
    "ContextOverflowError",
    "ContextOverview",
    "Deleted",
    "DirectoryLockedError",
    "DocumentUpload",
    "EmbedderMismatchError",
    "Event",
    "Eviction",
    "ForkedError",
    "FunctionCall",
    "FunctionResult",
    "LoadedSource",
    "LocalModelError",
    "Login",
    "MemGPT",
    "MemGPTAgent",
    "MemGPTCapability",
    "MemGPTError",
    "Message",
    "MessageEvent",
    "Page",
    "Passage",
    "Receipt",
    "ReentryError",
    "Remnant",
    "Settings",
    "StateFormatError",
    "Step",
    "StorageError",
    "StoredBlock",
    "SystemAlert",
    "TakenOverError",
    "TimedEvent",
    "Translator",
    "Turn",
    "TurnEnd",
    "UnknownBlockError",
    "Usage",
    "load_source",
    "reindex",
]
__version__: str
