"""What agents share: core memory blocks, and sources of documents or archives."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from memgpt_autogen import frames
from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.blocks import PROGRAM, Block
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.address import Server, is_server
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.directory import local_directory, root_of
from memgpt_autogen.storage.journal.blocks import BlockStore, BlockTable, StoredBlock
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.shared_copy.blocks import ServerBlocks
from memgpt_autogen.storage.store import MEMORY, PURGE, Store, open_store
from memgpt_autogen.storage.vectors.clients import server_client

logger = logging.getLogger(__name__)


class SharedLink(BaseModel):
    """That an agent has attached a shared block, and whether it may edit it."""

    model_config = ConfigDict(frozen=True)

    name: str
    read_only: bool = False


def home_of_blocks(location: str) -> BlockStore:
    """Where the shared blocks of a memory location are kept; to be closed."""
    if is_server(location):
        server = Server.at(location)
        return ServerBlocks(server_client(server), server.url)
    directory = None if location == MEMORY else root_of(location) / "shared"
    home = BlockTable(Journal(directory, "shared"))
    if home.journal.get(PURGE):  # a forget that was broken off
        try:
            home.purge()
        except StorageError as problem:  # it goes on at the next opening
            logger.warning("earlier texts of shared blocks are yet to be overwritten: %s", problem)
    return home


@dataclass(eq=False)
class SharedBlocks:
    """The shared blocks at a memory location, for one agent's core memory."""

    location: str
    core: CoreMemory
    clock: Clock
    _home: BlockStore | None = None

    def attach(self, link: SharedLink, *, value: str = "", limit: int) -> Block:
        """Attach a block, made with this text and limit where there is none of its name.

        Raises:
            ConfigurationError: the agent has a block of its own of that name, or the text
                is over the limit.
            StorageError: the storage cannot be used.
        """
        name = link.name
        if not frames.fits_tag(name) or (name in self.core and not self.core.shown(name).shared):
            raise ConfigurationError(
                "a shared block needs a name that the agent has no block of, of one line and"
                f" without < and >, not {name!r}"
            )
        if len(value) > limit:
            raise ConfigurationError(
                f"the shared block {name!r} is to hold {limit} characters and was given"
                f" {len(value)}: shorten the text or raise limit="
            )
        home = self.home()
        home.create(StoredBlock(name, value, 1, limit), PROGRAM, self.clock())
        if name in self.core:
            self.core.remove(name)
        return self.core.share(name, home, read_only=link.read_only)

    def restore(self, links: Sequence[SharedLink]) -> None:
        """Attach what was attached before, of it what is still there.

        One that is gone is warned of, and not made anew, empty.
        """
        for link in links:
            if self.home().read(link.name) is not None:
                self.core.share(link.name, self.home(), read_only=link.read_only)
            else:
                warnings.warn(
                    f"the shared block {link.name!r} is not at {self.location} any more and is"
                    f" not attached: agent.attach_block({link.name!r}, text) makes it anew.",
                    RuntimeWarning,
                    stacklevel=2,
                )

    def detach(self, name: str) -> bool:
        """Take a block out of the agent's view; False if it was not attached."""
        if name not in self.core or not self.core.shown(name).shared:
            return False
        self.core.remove(name)
        return True

    def begin_purge(self) -> None:
        """Say that earlier texts of the blocks are to be taken out of the files."""
        if isinstance(self._home, BlockTable):
            self._home.journal.put(PURGE, 1)

    def purge(self) -> None:
        """Take earlier texts of the blocks out of the files."""
        if self._home is not None:
            self._home.purge()

    @property
    def is_purging(self) -> bool:
        """Earlier texts are yet to be overwritten."""
        return isinstance(self._home, BlockTable) and self._home.journal.get(PURGE) is not None

    @property
    def directory(self) -> Path | None:
        """Where their file lies, if it was opened."""
        return self._home.journal.directory if isinstance(self._home, BlockTable) else None

    def close(self) -> None:
        """Let go of the storage."""
        if self._home is not None:
            self._home.close()
            self._home = None

    def home(self) -> BlockStore:
        """Where the blocks are kept."""
        if self._home is None:
            self._home = home_of_blocks(self.location)
        return self._home


@dataclass(eq=False)
class AttachedSources:
    """The sources that an agent's archival storage searches, opened and let go of.

    Attributes:
        location: of the agent's memory; its sources lie there too.
    """

    location: str
    archival: ArchivalStorage
    clock: Clock
    settings: Settings
    _open: dict[str, Store] = field(default_factory=dict)

    def attach(self, name: str, *, writable: bool = False) -> int:
        """Search a source too; how many passages it has. One attached already stays so.

        A writable one is made where there is none of its name.

        Raises:
            ConfigurationError: there is no such source, or its name is empty.
            EmbedderMismatchError: it was made with another embedder than the agent's.
        """
        if writable and not name.strip():
            raise ConfigurationError("a shared archive needs a name.")
        if not writable and name not in self._open:
            self._must_be_there(name)
        return self._attach(name, writable=writable)

    def _attach(self, name: str, *, writable: bool) -> int:
        if name in self._open and writable and name not in self.archival.archives:
            self.detach(name)
        if name not in self._open:
            embedder = self.archival.records.embedder
            store = open_store(self.location, "sources", name, embedder, settings=self.settings)
            self.archival.attach(
                ArchivalStorage(store.archival, clock=self.clock, source=name), writable=writable
            )
            self._open[name] = store
        return len(self._open[name].archival)

    def restore(self, names: Sequence[str], writable: Collection[str]) -> None:
        """Attach what was attached before.

        One that is gone is warned of, and not made anew, empty; it is attached again when it
        is back.

        Raises:
            StorageError: one that is there is damaged.
        """
        for name in names:
            try:
                if not self._is_damaged(name):
                    self._must_be_there(name)
            except ConfigurationError as problem:
                warnings.warn(f"a source is not attached: {problem}", RuntimeWarning, stacklevel=2)
            else:
                self._attach(name, writable=name in writable)

    def _is_damaged(self, name: str) -> bool:
        """Whether there are files of a source that cannot be read: opening it says why."""
        local = self.location != MEMORY and not is_server(self.location)
        return local and any(local_directory(self.location, "sources", name).glob("*"))

    def detach(self, name: str) -> bool:
        """Search a source no longer; False if it was not attached."""
        store = self._open.pop(name, None)
        if store is None:
            return False
        self.archival.detach(name)
        store.close()
        return True

    def writable(self) -> list[Store]:
        """The stores of the shared archives that the agent may write to."""
        return [self._open[name] for name in self.archival.archives]

    @property
    def stores(self) -> dict[str, Store]:
        """The stores of all that are attached and there, by name."""
        return dict(self._open)

    def purge(self) -> bool:
        """Take deleted passages out of the files of the shared archives, as `Store.purge`."""
        done = [store.purge() for store in self.writable()]
        return all(done)

    def close(self) -> None:
        """Let go of all sources."""
        for name in list(self._open):
            self.detach(name)

    def _must_be_there(self, name: str) -> None:
        names = [] if self.location == MEMORY else names_at(self.location, "sources")
        if name not in names:
            there = ", ".join(repr(one) for one in names) or "none yet"
            raise ConfigurationError(
                f"there is no source {name!r} at {self.location}; the sources there are: {there}."
                f" Load one with load_source({name!r}, paths, memory={self.location!r})."
            )
