"""Stores: the journal, the indexer and the vector index of one agent or one source.

A store that is open in this process is handed to everybody here who asks for it.
"""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from memgpt_autogen.errors import ConfigurationError, EmbedderMismatchError, StorageError
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.address import Server, is_server
from memgpt_autogen.storage.directory import Section, local_directory, root_of
from memgpt_autogen.storage.indexer import Indexer, Progress
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.ownership import Ownership, let_go_of_unused, ownership_of
from memgpt_autogen.storage.process import OfProcess
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.shared_copy.server import ServerCopy, open_copy
from memgpt_autogen.storage.tables import Tables
from memgpt_autogen.storage.vectors.choice import (
    MOVING,
    check,
    choose,
    must_be_installed,
    sweep,
    vector_store,
)

if TYPE_CHECKING:
    from memgpt_autogen.storage.embedders.embedder import Embedder
    from memgpt_autogen.storage.vectors.base import VectorStore

logger = logging.getLogger(__name__)

DEFAULT = Settings()
MEMORY = ":memory:"
EMBEDDER = "embedder"
PURGE = "purge"  # says in a journal that what was deleted is yet to be overwritten


class Store:
    """What is kept for one agent or one source; made by `open_store`.

    Attributes:
        directory: where its files lie; None where it is kept in memory only.
        tables: those of its journal; `state` and `blocks` are two of them.
        recall, archival: the records.
        written: to be called before what was written is acknowledged.
    """

    def __init__(
        self,
        directory: Path | None,
        name: str,
        embedder: Embedder,
        *,
        copy: ServerCopy | None = None,
        settings: Settings = DEFAULT,
        anew: bool = False,
    ) -> None:
        self.directory = directory
        self.name = name
        self.embedder = embedder
        self.users = 0
        self._copy = copy
        self.ownership: Ownership | None = None if directory is None else ownership_of(directory)
        self.journal = Journal(directory, name)
        self._vectors = copy.vectors if copy else self._chosen(directory, settings)
        self.tables = Tables(self.journal, name)
        self.state, self.blocks = self.tables.state, self.tables.blocks
        tables = [self.tables.recall, self.tables.archival]
        if copy is not None:
            copy.fill(self.journal, tables)
        if not anew:
            self._check_embedder()
        worth = {"worth": copy.worth} if copy else {}
        self.indexer = Indexer(tables, embedder, self._vectors, self.ownership, **worth)
        self.written: Callable[[], None] = self.indexer.nudge if copy is None else self._send
        self.recall, self.archival = (
            Records(table, embedder, self.indexer, self.written) for table in tables
        )
        if self.is_purging and self.indexer.own():  # a forget that was broken off
            try:
                self.purge()
            except StorageError as problem:  # it goes on at the next opening
                logger.warning("what was forgotten is yet to be overwritten: %s", problem)
        self._sweep()
        self.indexer.is_wanted = self._vectors is not None and bool(self._vectors.look())
        if self.indexer.is_wanted or any(len(table.changes) for table in tables):
            self.indexer.nudge()

    def _sweep(self) -> None:
        """Empty a store that a migration left behind when it was broken off."""
        if self.directory is not None and self.journal.get(MOVING) and self.indexer.own():
            try:
                sweep(self.directory, self.journal)
            except StorageError as problem:  # it goes on at the next opening
                logger.warning("a vector store not in use is yet to be emptied: %s", problem)
            self.indexer.nudge()  # it lets go of the ownership

    def _chosen(self, directory: Path | None, settings: Settings) -> VectorStore | None:
        """The vector store that the memory has; of a source, whatever the settings say."""
        if directory is None:
            return None
        is_new, is_agent = self.journal.get(EMBEDDER) is None, directory.parent.name == "agents"
        wanted = settings.vectors if is_new or is_agent else None
        store = choose(self.journal, self.name, wanted, is_new=is_new)
        must_be_installed(store)
        found = vector_store(store, directory, self.journal, texts=settings.chroma_texts)
        if found is not None:
            found.look()  # before anything is written: another memory's is refused
        return found

    @property
    def place(self) -> str:
        """Names the store in messages."""
        return str(self.directory or MEMORY)

    @property
    def is_purging(self) -> bool:
        """What was deleted is yet to be overwritten."""
        return self.journal.get(PURGE) is not None

    def _send(self) -> None:
        """Let the server have what was written before it is acknowledged."""
        assert self._copy is not None
        self._copy.send(self.journal)
        self.indexer.nudge()

    def own(self, wait: float) -> bool:
        """Take the ownership, to be kept until `close`; False if another process has it."""
        if self.ownership is None:
            return True
        self.indexer.keeps = self.ownership.take(wait)
        return self.indexer.keeps

    def embed_anew(self, progress: Progress | None = None) -> int:
        """Embed everything with this store's embedder; how many records there are.

        Killed midway, whoever opens the store next with this embedder goes on.
        """
        tables = [self.recall.table, self.archival.table]
        if self.journal.get(EMBEDDER) != self.embedder.model_id:
            with self.journal.transaction():
                self.journal.put(EMBEDDER, self.embedder.model_id)
                self.journal.put("dimension", None)
                for table in tables:
                    table.vectors.clear()
                    table.changes.begin_anew()
            self.indexer.start_over()
        self.indexer.settle(progress)
        return sum(map(len, tables))

    def purge(self) -> bool:
        """Take what was deleted out of all files; False where some are elsewhere, out of reach.

        Raises:
            StorageError: a file cannot be overwritten; what was deleted stays deleted.
        """
        self.journal.purge()
        overwritten = self.indexer.erase()
        self.journal.put(PURGE, None)
        return overwritten

    def close(self, *, finish: bool = True) -> None:
        """Let go of all files; the last user's call counts.

        Args:
            finish: embed what waits for it and tell the index first, which may take a while.
        """
        self.users -= 1
        if self.users:
            return
        with _open.guard:
            if _open.things.get(self.place) is self:
                del _open.things[self.place]
        try:
            self.indexer.close(finish=finish)
            if self._copy is not None:
                self._copy.send(self.journal)
        finally:
            self.journal.close()
            if self._copy is not None:
                self._copy.close()

    def must_have(self, embedder: Embedder) -> None:
        """See that it is open with this embedder.

        Raises:
            EmbedderMismatchError: it is open with another one.
        """
        if self.embedder.model_id != embedder.model_id:
            raise EmbedderMismatchError(
                f"{self.name!r} is open in this process with the embedder"
                f" {self.embedder.model_id!r}, and {embedder.model_id!r} was asked for."
            )

    def _check_embedder(self) -> None:
        made_with = self.journal.get(EMBEDDER)
        if made_with is None:
            self.journal.put(EMBEDDER, self.embedder.model_id)
        elif made_with != self.embedder.model_id:
            is_source = self.directory is not None and self.directory.parent.name == "sources"
            anew = (
                "load the files into a source of another name with the second."
                if is_source
                else "embed everything anew with the second: from memgpt_autogen import reindex;"
                f" reindex({self.name!r}, memory=..., embedder=...)"
            )
            raise EmbedderMismatchError(
                f"the memory of {self.name!r} in {self.place} was made with the embedder"
                f" {made_with!r} and is now opened with {self.embedder.model_id!r}. Give the first"
                f" one as embedder=, or {anew}"
            )


def settled(memory: str | Path | Settings | None) -> Settings:
    """The settings that `memory=` stands for.

    Their location is the same place also where the program changes directory.

    Raises:
        ConfigurationError: there can be no memory.
    """
    if not isinstance(memory, Settings):
        memory = Settings() if memory is None else Settings(location=str(memory))
    location = memory.location
    served = location != MEMORY and is_server(location)
    check(memory.vectors, is_directory=location != MEMORY and not served)
    if location == MEMORY:
        return memory
    if served:
        Server.at(location)  # refuses what is no address
        return memory
    root = root_of(location)
    for one in (root, *root.parents):
        if os.path.isfile(one):  # noqa: PTH113 - where one may not look, this says no
            raise ConfigurationError(
                f"memory={location!r} cannot be a directory, for {one} is a file: name another."
            )
    return memory.model_copy(update={"location": str(root)})


_open: OfProcess[Store] = OfProcess(weakref.WeakValueDictionary())


def is_open(directory: Path) -> bool:
    """Whether the store in a directory is open in this process."""
    with _open.guard:
        return str(directory) in _open.things


def open_store(
    location: str,
    section: Section,
    name: str,
    embedder: Embedder,
    *,
    settings: Settings = DEFAULT,
    anew: bool = False,
) -> Store:
    """Open, or make, what is stored for an agent or a source; to be closed by each who asked.

    Args:
        location: a directory, `http(s)://host:port` of a Chroma server, or `:memory:`.
        section: whether it is an agent's or a source's.
        name: its name; any text.
        embedder: must be the one that made its vectors.
        settings: `vectors` and `chroma_texts` of them; `vectors` of an agent's must be its own.
        anew: another embedder's vectors are to be replaced, by `Store.embed_anew`.

    Raises:
        EmbedderMismatchError: it was made with another embedder.
        StateFormatError: it has a layout that this version cannot read.
        StorageError: it cannot be read or written, or the server does not answer.
    """
    if location == MEMORY:
        store = Store(None, name, embedder)
        store.users = 1
        return store
    copy: ServerCopy | None = None
    directory = local_directory(location, section, name)
    with _open.guard:
        if is_server(location):
            copy, directory = open_copy(location, section, name)
        let_go_of_unused(map(Path, _open.things))
        store_here = _open.things.get(str(directory))
        if store_here is None:
            store_here = Store(directory, name, embedder, copy=copy, settings=settings, anew=anew)
            _open.things[str(directory)] = store_here
        else:
            store_here.must_have(embedder)
        store_here.users += 1
        return store_here
