"""Records: those of one kind in a store, as memory writes, deletes and searches them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from memgpt_autogen.errors import EmbedderMismatchError
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.indexer import COMPARED, Indexer, Progress
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.record import Kind, Record

WRITTEN = 256  # records in one transaction
_BACKLOG = 64  # records without a vector that a program may leave behind it
_BACKLOG_SECONDS = 600.0
_NEAR = 10_000  # vectors of what the index was not told of yet


class Records:
    """The records of one kind."""

    def __init__(
        self, table: RecordTable, embedder: Embedder, indexer: Indexer, written: Callable[[], None]
    ) -> None:
        self.table = table
        self.embedder = embedder
        self.indexer = indexer
        self._written = written
        self._guard = threading.Lock()
        self._read: tuple[int, list[int], Vectors] | None = None

    @property
    def kind(self) -> Kind:
        return self.table.kind

    def __len__(self) -> int:
        return len(self.table)

    def store(self, records: Sequence[Record]) -> list[int]:
        """Store records, within the transaction around it if there is one; their numbers.

        Those with the number 0 get the next ones. Embedding them is left to the indexer.

        Raises:
            StorageError: another record has the number of one of these.
        """
        if not any(record.number for record in records):
            return self.table.insert(records)
        with self.table.journal.transaction():
            self.table.add(record for record in records if record.number)
            return [one.number or self.table.insert([one])[0] for one in records]

    def write(self, records: Sequence[Record], progress: Progress | None = None) -> list[int]:
        """`store`, in parts; of many it waits until most are embedded."""
        numbers: list[int] = []
        for start in range(0, len(records), WRITTEN):
            numbers += self.store(records[start : start + WRITTEN])
            self.indexer.wait(_BACKLOG_SECONDS, _BACKLOG)
            self.indexer.nudge()
            if progress is not None:
                progress(len(numbers), len(records))
        self._written()
        return numbers

    def origins(self) -> list[str]:
        """Where the records come from: each origin once."""
        sql = f"SELECT DISTINCT origin FROM {self.kind.name} ORDER BY origin"  # noqa: S608
        return [str(origin) for (origin,) in self.table.journal.rows(sql)]

    def delete(self, numbers: Iterable[int]) -> int:
        """Delete records; how many there were. Their numbers are not given again."""
        count = self.table.delete(numbers)
        self.indexer.nudge()
        self._written()
        return count

    def nearest(self, vector: Vectors, count: int) -> dict[int, float]:
        """The records nearest to a vector, with their cosines, by the index and the journal."""
        told, gone = self.table.changes.told()  # before the index is asked: it may hold more then
        found = self.indexer.query(self.table, vector, count + len(gone)) if told else None
        if found is None:
            numbers, rows = self._all()
        else:
            numbers, rows = self.table.vectors.after(told, _NEAR)
            self._read = None
        near = {number: cosine for number, cosine in found or () if number not in gone}
        if numbers:
            cosines = rows @ vector[0]
            best = np.lexsort((-np.array(numbers), -cosines))[:count]
            near.update((numbers[at], float(cosines[at])) for at in best.tolist())
        return dict(sorted(near.items(), key=lambda pair: (-pair[1], -pair[0]))[:count])

    def check(self, vector: Vectors) -> None:
        """See that a vector can be compared with those of the records.

        Raises:
            EmbedderMismatchError: it has another dimension.
        """
        known, dimension = self.table.journal.get("dimension"), vector.shape[1]
        if known not in (None, dimension):
            raise EmbedderMismatchError(
                f"the vectors of {self.table.journal.path} have {known} dimensions, and the"
                f" embedder {self.embedder.model_id!r} now makes {dimension}: give the one that"
                " made them, or embed everything anew with reindex(agent, memory=, embedder=)."
            )

    def _all(self) -> tuple[list[int], Vectors]:
        """The vectors of the latest records, read when they have changed."""
        version = self.table.vectors.version
        with self._guard:
            if self._read is None or self._read[0] != version:
                self._read = (version, *self.table.vectors.latest(COMPARED))
            return self._read[1:]
