"""The vectors of Chroma's records once more, in the index, to be read by number.

Chroma finds the nearest of all records quickly; but the vectors of records that were
found otherwise cost it more to hand out than all else in a search, and a filter costs
it a look at every record. Here they are read by the primary key, and the few records
that pass a filter are compared one by one. Half precision is enough to rank.
"""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from memgpt_autogen.storage.index_file import IndexFile
from memgpt_autogen.storage.record import Kind
from memgpt_autogen.storage.vectors import Vectors
from memgpt_autogen.storage.where import among

Row = NDArray[np.float32]


class VectorTable:
    """The vectors of one kind's records.

    They are those of one collection of Chroma, `origin`: another embedder's vectors
    are in another collection.
    """

    def __init__(self, index: IndexFile, kind: Kind) -> None:
        self._index = index
        self._records = kind.name
        self._name = f"{kind.name}_vectors"
        with index.transaction() as connection:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {self._name} (number INTEGER PRIMARY KEY, vector BLOB)"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS origins (kind TEXT PRIMARY KEY, origin TEXT)"
            )
        rows = index.rows("SELECT origin FROM origins WHERE kind = ?", [kind.name])
        self.origin = str(rows[0][0]) if rows else ""

    def put(self, connection: sqlite3.Connection, rows: Mapping[int, Row]) -> None:
        """Store vectors, by number; within a transaction of the index."""
        connection.executemany(
            f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?)",
            [(number, row.astype(np.float16).tobytes()) for number, row in rows.items()],
        )

    def remove(self, connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
        """Delete vectors; within a transaction of the index."""
        connection.executemany(
            f"DELETE FROM {self._name} WHERE number = ?", [(number,) for number in numbers]
        )

    def replace(self, parts: Iterable[Mapping[int, Row]], origin: str) -> None:
        """Take those of another collection in the place of all."""
        with self._index.transaction() as connection:
            connection.execute("DELETE FROM origins WHERE kind = ?", [self._records])
            connection.execute(f"DELETE FROM {self._name}")
        for part in parts:
            with self._index.transaction() as connection:
                self.put(connection, part)
        with self._index.transaction() as connection:
            connection.execute("INSERT INTO origins VALUES (?, ?)", [self._records, origin])
        self.origin = origin

    def cosines(self, vector: Vectors, numbers: Sequence[int]) -> dict[int, float]:
        """The cosine of each of these records' vectors to a vector; without those unknown."""
        rows: list[tuple[object, ...]] = []
        for condition, part in among(numbers):
            sql = f"SELECT number, vector FROM {self._name} WHERE {condition}"
            rows += self._index.rows(sql, part)
        return _cosines(vector, rows)

    def nearest(self, vector: Vectors, numbers: Sequence[int], count: int) -> dict[int, float]:
        """Of these records, the nearest to a vector, with their cosines."""
        found = self.cosines(vector, numbers)
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], -pair[0]))[:count])


def _cosines(vector: Vectors, rows: Sequence[tuple[object, ...]]) -> dict[int, float]:
    if not rows:
        return {}
    stored = b"".join(row[1] for row in rows if isinstance(row[1], bytes))
    table = np.frombuffer(stored, dtype=np.float16).reshape(len(rows), -1).astype(np.float32)
    products: list[float] = (table @ vector[0]).tolist()
    return {int(str(row[0])): product for row, product in zip(rows, products, strict=True)}
