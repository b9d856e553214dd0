"""Moving a memory's vector index from one store to another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import DirectoryLockedError, StorageError
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.ownership import ownership_of
from memgpt_autogen.storage.store import EMBEDDER, is_open, settled
from memgpt_autogen.storage.tables import Tables
from memgpt_autogen.storage.vectors.agreement import fill
from memgpt_autogen.storage.vectors.base import VectorStore
from memgpt_autogen.storage.vectors.choice import (
    MOVING,
    VECTORS,
    choose,
    must_be_installed,
    sweep,
    vector_store,
)
from memgpt_autogen.upkeep.reading.contents import directory_of

_OWNER_SECONDS = 3.0  # another process may be at work on the index for a moment


@checked
def migrate(
    name: str,
    *,
    to: str,
    memory: str | Path | Settings | None = None,
    source: bool = False,
    progress: Progress = lambda done, total: None,
) -> int:
    """Move the vectors of an agent or a source to another store; how many there are.

    Nothing is embedded again: they come from the journal. Killed at any moment, the memory has
    the old store or the new one, whole; what is half filled or left is emptied at the next
    opening. Where it is in that store already, nothing is done.

    Args:
        name: of the agent, or the source; it must be closed.
        to: `chroma`, `lancedb`, or a URI, as in `Settings(vectors=...)`.
        memory: where its memory is; default `./.memgpt`.
        source: it is a source or a shared archive.
        progress: is told the number of records done and their total.

    Raises:
        ConfigurationError: there is none of that name, or no such store; or LanceDB is not
            installed.
        DirectoryLockedError: it is open here, or in another process.
        StorageError: the storage cannot be used.
    """
    settings = settled(memory).model_copy(update={"vectors": to})
    settings = settled(settings)  # sees that there can be such a store
    directory = directory_of(settings.location, "sources" if source else "agents", name)
    with _owned(directory, name), closing(Journal(directory, name)) as journal:
        old = choose(journal, name, None, is_new=False)
        sweep(directory, journal)
        if to == old:
            return _count(journal, name)
        must_be_installed(to)
        journal.put(MOVING, to)  # from here on a kill leaves what is to be emptied
        with _usable(to, directory, journal, settings.chroma_texts) as store:
            store.destroy()
            moved = _move(journal, name, store, progress, old, to)
        with _usable(old, directory, journal, texts=False) as left:
            left.destroy()
        journal.put(MOVING, None)
        return moved


def _move(
    journal: Journal, name: str, store: VectorStore, progress: Progress, old: str, to: str
) -> int:
    """Fill the new store, and let the memory have it from one moment to the next."""
    tables = _tables(journal, name)
    total, done = sum(map(len, tables)), 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(done, max(total, done))

    embedder = str(journal.get(EMBEDDER))
    filled = [fill(store, table, embedder, count) for table in tables]
    sizes = [len(store.index(table.kind)) for table in tables]
    with journal.transaction():
        for table, (sequence, waiting), size in zip(tables, filled, sizes, strict=True):
            table.changes.go_on_with(sequence, waiting)
            journal.put(f"count.{table.kind.name}", size)
        journal.put(VECTORS, to)
        journal.put(MOVING, old)
    return sum(sizes)


def _tables(journal: Journal, name: str) -> list[RecordTable]:
    tables = Tables(journal, name)
    return [tables.recall, tables.archival]


def _count(journal: Journal, name: str) -> int:
    return sum(len(table.vectors) for table in _tables(journal, name))


@contextmanager
def _owned(directory: Path, name: str) -> Iterator[None]:
    """Inside the `with` block nobody else runs the agent or writes its index."""
    ownership = ownership_of(directory)
    if is_open(directory):
        raise DirectoryLockedError(f"{name!r} is open in this process: close it first.")
    if not ownership.take(_OWNER_SECONDS):
        raise DirectoryLockedError(f"{name!r} is open in {ownership.owner}: close it there.")
    try:
        yield
    finally:
        ownership.release()


@contextmanager
def _usable(store: str, directory: Path, journal: Journal, texts: bool) -> Iterator[VectorStore]:
    found = vector_store(store, directory, journal, texts=texts)
    if found is None:
        raise StorageError(f"{store} cannot be used in a forked child: call migrate elsewhere.")
    with closing(found):
        yield found
