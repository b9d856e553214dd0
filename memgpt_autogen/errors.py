"""Errors for the programmer, each with a message that says what to do.

    MemGPTError
    ├── ConfigurationError        an argument or a setting cannot work
    │   └── UnknownBlockError     there is no core memory block of that name
    ├── StorageError
    │   ├── ConflictError         somebody else changed a block meanwhile
    │   ├── DirectoryLockedError  another process runs the agent's turns
    │   ├── EmbedderMismatchError a collection was made with another embedder
    │   ├── StateFormatError      a saved state or checkpoint cannot be read
    │   └── TakenOverError        another process took this agent over
    ├── ChatModelError            the model's provider failed or answered nonsense
    │   └── ContextOverflowError  the request was larger than the model's window
    ├── ReentryError              the agent waits for the code that calls it
    ├── ForkedError               a forked child uses what its parent opened
    └── LocalModelError           the local model cannot be fetched, built or run

A model's own mistakes (an unknown function, broken arguments, an edit over a
limit) are not exceptions for the programmer: they are raised as `ModelMistake`
inside the function executor and become text for the model.
"""

from __future__ import annotations


class MemGPTError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(MemGPTError, ValueError):
    """An argument or a setting cannot work as given."""


class UnknownBlockError(ConfigurationError, KeyError):
    """There is no core memory block of that name."""

    __str__ = Exception.__str__  # a KeyError's would quote the message


class StorageError(MemGPTError):
    """Recall storage, archival storage or the saved state cannot be used."""


class ConflictError(StorageError):
    """Somebody else changed a core memory block since it was read."""


class DirectoryLockedError(StorageError):
    """Another process runs this agent's turns, or loads this source."""


class EmbedderMismatchError(StorageError):
    """A collection was made with another embedder than the one it is opened with."""


class StateFormatError(StorageError):
    """A saved state or a checkpoint has a format that this version cannot read."""


class TakenOverError(StorageError):
    """Another process opened the same agent, as on a Chroma server, and writes it now."""


class ChatModelError(MemGPTError):
    """The model's provider failed, or answered with something that is no completion."""


class ContextOverflowError(ChatModelError):
    """The request held more tokens than the model's context window takes.

    Attributes:
        window: the window in tokens, where the provider named it.
        prompt_tokens: the size of the refused request in tokens, where named.
    """

    def __init__(
        self, message: str, *, window: int | None = None, prompt_tokens: int | None = None
    ) -> None:
        super().__init__(message)
        self.window = window
        self.prompt_tokens = prompt_tokens


class ReentryError(MemGPTError, RuntimeError):
    """The agent cannot be used here and now: it waits for the very code that calls it."""


class LocalModelError(MemGPTError):
    """The local model cannot be fetched, assembled or run on this machine."""


class ModelMistake(Exception):  # noqa: N818 - it is no error of the program
    """A mistake of the language model; its text is written for the model to act on."""


class ForkedError(MemGPTError, RuntimeError):
    """A forked child process uses what its parent opened."""
