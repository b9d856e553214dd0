"""The vectors of the records, once computed, in half precision, which is enough to rank."""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.journal.journal import Journal, Parameters
from memgpt_autogen.storage.journal.where import AMONG
from memgpt_autogen.storage.record import Kind

Row = NDArray[np.float32]


class VectorTable:
    """The vectors of one kind's records, by number."""

    def __init__(self, journal: Journal, kind: Kind) -> None:
        self._journal = journal
        self._records = kind.name
        self._name = f"{kind.name}_vectors"
        journal.ensure(
            self._name, [f"CREATE TABLE {self._name} (number INTEGER PRIMARY KEY, vector BLOB)"]
        )

    def __len__(self) -> int:
        return int(self._journal.rows(f"SELECT count(*) FROM {self._name}")[0][0])

    @property
    def version(self) -> int:
        """Rises with every change, so that copies in memory can be told from old ones."""
        return int(self._journal.get(self._name) or 0)

    def put(self, numbers: Iterable[int], rows: Vectors) -> None:
        """Store vectors, a row for each number, of the records that are still there."""
        halves = [row.tobytes() for row in rows.astype(np.float16)]
        self._change(
            f"INSERT OR REPLACE INTO {self._name} SELECT number, ? FROM {self._records}"
            " WHERE number = ?",
            zip(halves, numbers, strict=True),
        )

    def remove(self, numbers: Iterable[int]) -> None:
        """Delete vectors."""
        self._change(f"DELETE FROM {self._name} WHERE number = ?", [(one,) for one in numbers])

    def clear(self) -> None:
        """Delete all: another embedder's are of no use."""
        self._change(f"DELETE FROM {self._name}", [()])

    def _change(self, sql: str, parameters: Iterable[Parameters]) -> None:
        with self._journal.transaction() as connection:
            connection.executemany(sql, parameters)
            self._journal.put(self._name, self.version + 1)

    def missing(self, since: int, count: int) -> list[tuple[int, int]]:
        """The oldest changes after `since` whose records lack a vector: sequence and number."""
        sql = (
            f"SELECT sequence, number FROM changes JOIN {self._records} USING (number)"
            " WHERE kind = ? AND NOT deleted AND sequence > ?"
            f" AND NOT EXISTS (SELECT 1 FROM {self._name} AS v WHERE v.number = changes.number)"
            " ORDER BY sequence LIMIT ?"
        )
        return self._journal.rows(sql, [self._records, since, count])

    def get(self, numbers: Sequence[int]) -> dict[int, Row]:
        """The vectors of these records that there are."""
        rows = self._of(numbers)
        return dict(zip([number for number, _ in rows], _table(rows), strict=True))

    def cosines(self, vector: Vectors, numbers: Sequence[int]) -> dict[int, float]:
        """The cosine of each of these records' vectors to a vector; without those unknown."""
        rows = self._of(numbers)
        if not rows:
            return {}
        products: list[float] = (_table(rows) @ vector[0]).tolist()
        return {number: product for (number, _), product in zip(rows, products, strict=True)}

    def _of(self, numbers: Sequence[int]) -> list[tuple[int, bytes]]:
        sql = f"SELECT number, vector FROM {self._name} WHERE {AMONG}"
        return self._journal.rows(sql, [json.dumps(list(numbers))]) if numbers else []

    def after(self, sequence: int, most: int) -> tuple[list[int], Vectors]:
        """The numbers and vectors of records that were put after a change, the latest first."""
        sql = (
            f"SELECT DISTINCT number, vector FROM changes JOIN {self._name} USING (number)"
            " WHERE kind = ? AND sequence > ? AND NOT deleted ORDER BY sequence DESC LIMIT ?"
        )
        rows = self._journal.rows(sql, [self._records, sequence, most])
        return [number for number, _ in rows], _table(rows)

    def latest(self, most: int) -> tuple[list[int], Vectors]:
        """The numbers and vectors of the records stored last."""
        sql = f"SELECT number, vector FROM {self._name} ORDER BY number DESC LIMIT ?"
        rows = self._journal.rows(sql, [most])
        return [number for number, _ in rows], _table(rows)


def waiting(journal: Journal, since: Mapping[str, int], most: int) -> int:
    """How many records lack a vector, up to so many of each kind.

    Args:
        journal: of the records.
        since: for each kind, the sequence of the change that all vectors are there up to.
        most: how far to count.
    """
    counts = (
        f"(SELECT count(*) FROM (SELECT 1 FROM changes WHERE kind = '{kind}' AND NOT deleted"
        f" AND sequence > {int(sequence)} AND NOT EXISTS (SELECT 1 FROM {kind}_vectors AS v"
        f" WHERE v.number = changes.number) LIMIT {int(most)}))"
        for kind, sequence in since.items()
    )
    return int(journal.rows(f"SELECT {' + '.join(counts)}")[0][0])


def _table(rows: Sequence[tuple[int, bytes]]) -> Vectors:
    if not rows:
        return np.zeros((0, 0), dtype=np.float32)
    stored = b"".join(row[1] for row in rows)
    return np.frombuffer(stored, dtype=np.float16).reshape(len(rows), -1).astype(np.float32)
