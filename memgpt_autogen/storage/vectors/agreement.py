"""How a vector index is brought into agreement with its journal, and how the two are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np

from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.vectors.base import Standing, VectorIndex, VectorStore

_PART = 1000  # changes that an index is told at once


def tell(store: VectorStore, table: RecordTable, embedder: str) -> None:
    """Tell the index of a table all changes whose records have vectors."""
    index = store.index(table.kind)
    while _tell_part(index, table, embedder):
        pass


def fill(
    store: VectorStore, table: RecordTable, embedder: str, done: Callable[[int], None]
) -> tuple[int, list[int]]:
    """Fill an empty index with all records that have vectors, while the table may be written.

    Args:
        store: of the index; its table's changes are those of another one, and stay.
        table: of the records.
        embedder: the id of the one that made the vectors.
        done: is told how many records were read, time and again.

    Returns:
        The change that the index has all up to, and the numbers of the records without vectors.
    """
    sequence, index = table.changes.last, store.index(table.kind)
    waiting: list[int] = []
    source = table.everything()
    while records := list(islice(source, _PART)):
        rows = table.vectors.get([record.number for record in records])
        told = [record for record in records if record.number in rows]
        waiting += [record.number for record in records if record.number not in rows]
        if told:
            index.upsert(told, np.stack([rows[record.number] for record in told]))
        done(len(records))
    index.note(Standing(table.journal.identity, embedder, sequence))
    return sequence, waiting


def fault(store: VectorStore, tables: Iterable[RecordTable], embedder: str) -> str:
    """What speaks against indexes that can be opened; empty for nothing."""
    faults = (_fault(store.index(table.kind), table, embedder) for table in tables)
    return next(filter(None, faults), "")


def _tell_part(index: VectorIndex, table: RecordTable, embedder: str) -> bool:
    """Tell the oldest changes; False if there are none that can be told."""
    changes = table.changes.first(_PART)
    latest = {one.number: one for one in changes}
    records = table.get(sorted(n for n, one in latest.items() if not one.deleted))
    rows = table.vectors.get(list(records))
    if waiting := records.keys() - rows:  # stored meanwhile, and not embedded yet
        first = min(one.sequence for one in changes if one.number in waiting)
        changes = [one for one in changes if one.sequence < first]
        records = {number: records[number] for number in rows}
    if not changes:
        return False
    if records:
        index.upsert(list(records.values()), np.stack([rows[number] for number in records]))
    index.delete(sorted({one.number for one in changes} - records.keys()))
    sequence = changes[-1].sequence
    index.note(Standing(table.journal.identity, embedder, sequence))
    count = len(index)  # before: who closes a folder holds it, and waits for the transaction
    with table.journal.transaction():
        table.changes.drop(sequence)
        table.journal.put(f"count.{table.kind.name}", count)
    return True


def _fault(index: VectorIndex, table: RecordTable, embedder: str) -> str:
    applied = table.changes.applied
    standing = index.standing
    if standing is None:
        return "lacks what it was told" if applied else ""
    if standing.journal != table.journal.identity:
        return "belongs to another memory"
    if standing.embedder != embedder:
        return "holds another embedder's vectors"
    if not applied <= standing.sequence <= table.changes.last:
        return "is not as old as the journal"
    if standing.sequence == applied and len(index) not in _counts(table):
        return "lacks records"
    return ""


def _counts(table: RecordTable) -> range:
    """How many records an index may hold that was told up to `applied`.

    More or fewer where a process was killed in the midst of telling: it is told again.
    """
    count = int(table.journal.get(f"count.{table.kind.name}") or 0)
    latest = {one.number: one.deleted for one in table.changes.first(_PART)}
    gone = sum(latest.values())
    return range(count - gone, count + len(latest) - gone + 1)
