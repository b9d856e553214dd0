"""Core memory blocks that several agents share, attached to one agent."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.memory.core import Block, CoreMemory
from memgpt_autogen.storage.journal.blocks import BlockShelf, open_shelf


class SharedLink(BaseModel):
    """That an agent has attached a shared block, and whether it may edit it."""

    model_config = ConfigDict(frozen=True)

    name: str
    read_only: bool = False


class SharedBlocks:
    """Opens the shared blocks at a memory location for one agent's core memory."""

    def __init__(self, location: str, core: CoreMemory) -> None:
        self._location = location
        self._core = core
        self._shelf: BlockShelf | None = None

    def attach(self, link: SharedLink, *, value: str = "", limit: int) -> Block:
        """Attach a block, made with this text and limit where there is none of its name.

        Raises:
            ConfigurationError: the agent has a block of its own of that name, or the text
                is over the limit.
            StorageError: the storage cannot be used.
        """
        name = link.name
        if not name.strip() or (name in self._core and not self._core.shown(name).shared):
            raise ConfigurationError(
                f"a shared block needs a name that the agent has no block of, not {name!r}"
            )
        if len(value) > limit:
            raise ConfigurationError(
                f"the shared block {name!r} is to hold {limit} characters and was given"
                f" {len(value)}: shorten the text or raise limit="
            )
        shelf = self._open()
        shelf.create(name, value, limit)
        if name in self._core:
            self._core.remove(name)
        return self._core.share(name, shelf, read_only=link.read_only)

    def restore(self, links: list[SharedLink], *, limit: int) -> None:
        """Attach what was attached before."""
        for link in links:
            self.attach(link, limit=limit)

    def detach(self, name: str) -> bool:
        """Take a block out of the agent's view; False if it was not attached."""
        if name not in self._core or not self._core.shown(name).shared:
            return False
        self._core.remove(name)
        return True

    def scrub(self) -> None:
        """Take earlier texts of the blocks out of the files."""
        if self._shelf is not None:
            self._shelf.scrub()

    def close(self) -> None:
        """Let go of the storage."""
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = None

    def _open(self) -> BlockShelf:
        if self._shelf is None:
            self._shelf = open_shelf(self._location)
        return self._shelf
