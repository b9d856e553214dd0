"""An agent's memory, open to be read, searched and edited block by block.

Nothing is owned and no index is opened: all may read at any time, and edit blocks, each edit
at the version that was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from typing_extensions import Self

from memgpt_autogen.errors import StorageError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.memory.sharing import SharedBlocks
from memgpt_autogen.memory.state import PutAside, SavedState
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.indexer import Indexer
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.ownership import ownership_of
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.tables import Tables
from memgpt_autogen.storage.text import clean
from memgpt_autogen.upkeep.reading.contents import directory_of


class NoEmbedder:
    """Stands where texts are searched by their words alone."""

    embeds = semantic = False
    model_id = "none"
    dimension = 1

    def embed(self, texts: Sequence[str]) -> Vectors:  # noqa: ARG002 - the protocol's
        raise StorageError("this memory was opened without an embedder: search by words.")


@dataclass(eq=False)
class AgentMemory:
    """What an agent remembers, open until `close`; made by `open_memory`.

    Attributes:
        directory: where its files lie.
        embedder: the id of the embedder that made its vectors; None before there are any.
        core: its blocks and the shared ones that are attached; an edit is refused where
            somebody else was faster.
        recall, archival: all that was said and kept, with the attached sources.
        saved: its state and its queue.
        missing: attached sources that are not there any more.
    """

    name: str
    directory: Path
    embedder: str | None
    core: CoreMemory
    recall: RecallStorage
    archival: ArchivalStorage
    saved: SavedState
    missing: tuple[str, ...] = ()
    _opened: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def owner(self) -> str | None:
        """The process that runs its turns, for people; None where none does."""
        return ownership_of(self.directory).holder()

    @property
    def queues(self) -> Iterator[tuple[str, PutAside]]:
        """What is each partner's own of the state, that which is in use first; as it was opened."""
        yield self.saved.values.partner, self.saved.present
        for partner in self.saved.partners():
            yield partner, self.saved.take_up(partner)

    @property
    def by_words_alone(self) -> bool:
        """It was opened without an embedder."""
        return isinstance(self.recall.records.embedder, NoEmbedder)

    @property
    def last_seen(self) -> datetime | None:
        """When the latest message was said to it, or by it."""
        latest = self.recall.search("", limit=1).items
        return latest[0].timestamp if latest else None

    def close(self) -> None:
        """Let go of all files."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_memory(
    location: str, name: str, embedder: Embedder | None = None, *, clock: Clock = local_now
) -> AgentMemory:
    """Open an agent's memory to be read, searched, and edited block by block.

    Args:
        location: a directory; or the address of a Chroma server, of which this machine's working
            copy is read, as it is.
        name: of the agent.
        embedder: for searches by meaning: the one that made the vectors. None: by words alone.
        clock: dates edits, and what a query says of times.

    Raises:
        ConfigurationError: there is no such agent.
        StateFormatError: it has a layout that this version cannot read.
        StorageError: it cannot be read, or the server does not answer.
    """
    with ExitStack() as opened:
        by = embedder or NoEmbedder()
        directory = directory_of(location, "agents", name)
        tables = _opened(directory, name, opened)
        recall, archival = _records(tables, by)
        saved = SavedState(tables)
        core = CoreMemory(tables.blocks, clock, clean(name))
        shared = SharedBlocks(location, core, clock)
        opened.callback(shared.close)
        shared.restore(saved.values.shared_blocks)
        kept = ArchivalStorage(archival, clock=clock)
        there = names_at(location, "sources") if saved.values.sources else []
        for source in (one for one in saved.values.sources if one in there):
            of_source = _opened(directory_of(location, "sources", source), source, opened)
            kept.attach(
                ArchivalStorage(_records(of_source, by)[1], clock=clock, source=source),
                writable=source in saved.values.archives,
            )
        missing = tuple(one for one in saved.values.sources if one not in there)
        parts = (core, RecallStorage(recall, clock=clock), kept, saved)
        made_with = tables.journal.get("embedder")
        return AgentMemory(name, directory, made_with, *parts, missing, opened.pop_all())


def _opened(directory: Path, name: str, opened: ExitStack) -> Tables:
    journal = Journal(directory, name)
    opened.callback(journal.close)
    return Tables(journal, name)


def _records(tables: Tables, embedder: Embedder) -> tuple[Records, Records]:
    """The records of both kinds; what lacks a vector gets one, and no index is told."""
    both = (tables.recall, tables.archival)
    indexer = Indexer(both, embedder, None, None)
    recall, archival = (Records(table, embedder, indexer, lambda: None) for table in both)
    return recall, archival
