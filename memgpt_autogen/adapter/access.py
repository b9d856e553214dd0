"""Access to an agent's memory, the same on an agent and on a capability."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from typing_extensions import Self

from memgpt_autogen.engine.build import Mind
from memgpt_autogen.engine.overview import ContextOverview
from memgpt_autogen.events import Event
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import Block, CoreMemory
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.memory.sharing import SharedLink
from memgpt_autogen.steps import Step
from memgpt_autogen.upkeep.checkpoint import write_checkpoint
from memgpt_autogen.upkeep.forget import Receipt

A = TypeVar("A", bound="MemoryAccess")


class Memory(Protocol):
    """What stands behind the access: the mind and who keeps its turns in order."""

    @property
    def last_steps(self) -> Sequence[Step]: ...
    def open(self) -> Mind: ...
    def settled(self) -> AbstractContextManager[Mind]: ...
    def overview(self) -> ContextOverview: ...
    def notify(self, event: Event) -> tuple[str, ...]: ...
    def erase(self, speaker: str) -> Receipt: ...
    def close(self) -> None: ...


class MemoryAccess:
    """What a program may read and change of a memory. To be mixed in."""

    @property
    def _memgpt_memory(self) -> Memory:
        raise NotImplementedError

    @property
    def core_memory(self) -> CoreMemory:
        """The labelled blocks that the model always sees."""
        return self._memgpt_memory.open().workspace.core

    @property
    def recall(self) -> RecallStorage:
        """Every message ever said or heard."""
        return self._memgpt_memory.open().workspace.recall

    @property
    def archival(self) -> ArchivalStorage:
        """Passages the agent keeps, and attached documents."""
        return self._memgpt_memory.open().workspace.archival

    @property
    def last_steps(self) -> Sequence[Step]:
        """The typed steps of the latest turn."""
        return self._memgpt_memory.last_steps

    def notify(self, event: Event) -> tuple[str, ...]:
        """Let the agent act on an event outside a chat; returns the messages it sent."""
        return self._memgpt_memory.notify(event)

    def context_overview(self) -> ContextOverview:
        """Tokens per section of the main context, its window, and what lies outside."""
        return self._memgpt_memory.overview()

    def attach(self, source: str, *, writable: bool = False) -> int:
        """Let archival searches find documents that `load_source` loaded; their passages.

        With `writable`, the source is an archive that several agents share: it is made
        where there is none of its name, and the model may add to it with
        `archival_memory_insert(archive=…)`. The agent is told of it, and remembers it
        when it is reopened. Attaching a source again changes nothing.

        Raises:
            ConfigurationError: there is no such source at the memory's location.
            DirectoryLockedError: another process has the source open.
            EmbedderMismatchError: it was loaded with another embedder.
        """
        with self._memgpt_memory.settled() as mind:
            return mind.attach(source, writable=writable)

    def detach(self, source: str) -> bool:
        """Search a source no longer; False if it was not attached."""
        with self._memgpt_memory.settled() as mind:
            return mind.detach(source)

    def attach_block(
        self, name: str, value: str = "", *, limit: int | None = None, read_only: bool = False
    ) -> Block:
        """See a core memory block that all agents share who attach it at this location.

        It is made with `value` where there is none of its name. What one agent writes
        the others see at their next step. An edit by somebody who has not seen the
        latest text is refused, so none is lost. The agent remembers the block when it
        is reopened.

        Args:
            name: of the block, for all who share it.
            value: its first text.
            limit: characters it may hold, where it is made; default Settings.block_limit.
            read_only: this agent may see it only.

        Raises:
            ConfigurationError: the agent has a block of its own of that name, or the text
                is over the limit.
            StorageError: the storage cannot be used.
        """
        with self._memgpt_memory.settled() as mind:
            return mind.attach_block(SharedLink(name=name, read_only=read_only), value, limit)

    def detach_block(self, name: str) -> bool:
        """See a shared block no longer; False if it was not attached. The others keep it."""
        with self._memgpt_memory.settled() as mind:
            return mind.detach_block(name)

    def forget(self, speaker: str) -> Receipt:
        """Erase a speaker from every tier: all they said, and the agent's notes that name them.

        Their messages leave recall storage, with others' that quote them; the queue
        loses what they said and every step that names or quotes them, core memory its
        lines and archival memory its own passages that do. The files are overwritten.
        Messages of others that only name them stay, and so do attached sources,
        read-only blocks, system_message, checkpoints, AutoGen's own chat history, and
        vectors (numbers, no text) in freed places of Chroma's index, whose unused places
        may also hold scraps of this process's memory. Of a Chroma
        server, run `chroma vacuum` there.

        Raises:
            ConfigurationError: the name is empty or the agent's own.
            StorageError: a storage failed; call it again to finish.
        """
        return self._memgpt_memory.erase(speaker)

    def checkpoint(self, path: str | Path) -> None:
        """Write all the agent remembers to one JSON file, for `from_checkpoint`.

        It holds the state, all messages and the agent's own passages; no key, no
        llm_config, no vectors. Attached sources are named, not copied.

        Raises:
            StorageError: the file cannot be written.
        """
        with self._memgpt_memory.settled() as mind:
            write_checkpoint(path, mind)

    def close(self) -> None:
        """Write everything and release the storage; a later use opens it again."""
        self._memgpt_memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
