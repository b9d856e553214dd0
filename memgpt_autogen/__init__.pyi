from .adapter.capability import MemGPTCapability
from .adapter.translator import AutoGenTranslator, Translator
from .agent import MemGPTAgent
from .client.client import MemGPT
from .engine.asking.view import ContextOverview
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
from .events import (
    DocumentUpload,
    Event,
    Login,
    Message,
    MessageEvent,
    Schedule,
    SystemAlert,
    TimedEvent,
)
from .memory.archival import Passage
from .memory.blocks import Block
from .memory.page import Page
from .settings import Settings
from .sources.load import LoadedSource, SkippedFile, load_source
from .sources.remote.database import load_database
from .steps import Eviction, FunctionCall, FunctionResult, Step, Turn, TurnEnd, Usage
from .storage.journal.blocks import BlockChange, StoredBlock
from .upkeep.agent_files.by_name import export_agent, import_agent
from .upkeep.agents import AgentSummary, Deleted
from .upkeep.chats.load import ImportedChats, import_chats
from .upkeep.forgetting.forget import Receipt
from .upkeep.forgetting.remains import Remnant
from .upkeep.migrate import migrate
from .upkeep.reindex import reindex

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
    "ImportedChats",
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
    "Schedule",
    "Settings",
    "SkippedFile",
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
    "export_agent",
    "import_agent",
    "import_chats",
    "load_database",
    "load_source",
    "migrate",
    "reindex",
]
__version__: str
