"""Attachments: documents, archives and blocks that an agent searches, sees and shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memgpt_autogen.arguments import Positive, checked
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.sharing import SharedLink

if TYPE_CHECKING:
    from memgpt_autogen.adapter.capability import MemGPTCapability


class Attachments:
    """What a program may attach to a memory: the same on agent and capability."""

    _memgpt_capability: MemGPTCapability

    @checked
    def attach(self, source: str, *, writable: bool = False) -> int:
        """Let archival searches find documents that `load_source` loaded; their passages.

        With `writable`, the source is an archive that several agents share: it is made
        where there is none of its name, and the model may add to it with
        `archival_memory_insert(archive=…)`. The agent is told of it, and remembers it
        when it is reopened. Attaching a source again changes nothing.

        Raises:
            ConfigurationError: there is no such source at the memory's location.
            DirectoryLockedError: another process runs the agent's turns.
            EmbedderMismatchError: it was loaded with another embedder.
        """
        with self._memgpt_capability.turns.settled() as engine:
            return engine.attach(source, writable=writable)

    @checked
    def detach(self, source: str) -> bool:
        """Search a source no longer; False if it was not attached.

        Raises:
            DirectoryLockedError: another process runs the agent's turns.
        """
        with self._memgpt_capability.turns.settled() as engine:
            return engine.detach(source)

    @checked
    def attach_block(
        self, name: str, value: str = "", *, limit: Positive | None = None, read_only: bool = False
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
            DirectoryLockedError: another process runs the agent's turns.
            StorageError: the storage cannot be used.
        """
        with self._memgpt_capability.turns.settled() as engine:
            return engine.attach_block(SharedLink(name=name, read_only=read_only), value, limit)

    @checked
    def detach_block(self, name: str) -> bool:
        """See a shared block no longer; False if it was not attached. The others keep it.

        Raises:
            DirectoryLockedError: another process runs the agent's turns.
        """
        with self._memgpt_capability.turns.settled() as engine:
            return engine.detach_block(name)
