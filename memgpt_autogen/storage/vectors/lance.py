"""LanceDB as a vector index: a table of a database, which is a folder or lies in object storage."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.process import Unforkable
from memgpt_autogen.storage.record import Kind, Record
from memgpt_autogen.storage.vectors.base import Standing

if TYPE_CHECKING:
    from lancedb.table import Table

LANCE = Unforkable()  # it warns in a forked child that it may hang there (0.40)
EXACT = 10_000  # records that are compared one by one; more get an index (IVF_SQ)
_PROBES = 64  # parts of an index that are looked into, of 8,192 records each
_REFINED = 2  # times as many are compared exactly as are asked for
_WRITES = 32  # between looks at whether a table is to be tidied
_LOOSE = 20_000  # records in small pieces that are not worth being put together
_PIECES = (8, 128)  # pieces that a small table, or any, may be in
_CACHE_BYTES = 64 << 20  # for all databases of this process
_FAILURES = (RuntimeError, ValueError, OSError)  # LanceDB has no errors of its own


@contextlib.contextmanager
def lance_errors(place: str) -> Iterator[None]:
    """LanceDB's errors as a StorageError that names the place."""
    try:
        yield
    except _FAILURES as problem:
        raise StorageError(f"LanceDB failed at {place}: {problem}") from problem
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":  # of Rust, with no public name in Python
            raise
        raise StorageError(f"LanceDB failed at {place}: {problem}") from problem


class Database:
    """A database that is open; it holds no descriptor and no thread of its own.

    Args:
        place: a folder, or a URI.
    """

    def __init__(self, place: str) -> None:
        lancedb, session = _library()
        self._guard = threading.RLock()
        self._tables: dict[str, Table] = {}
        self._writes: dict[str, int] = {}
        self._with_old: set[str] = set()  # tables that still keep what they were before a tidying
        with lance_errors(place):
            self._connection = lancedb.connect(place, session=session)

    def table(self, name: str) -> Table | None:
        """A table, if there is one of that name."""
        with self._guard:
            if name not in self._tables and name in self.names():
                self._tables[name] = self._connection.open_table(name)
            return self._tables.get(name)

    def names(self) -> list[str]:
        """Of all tables."""
        return list(self._connection.list_tables().tables)

    def create(self, name: str, rows: Any) -> Table:
        """Make a table of these rows."""
        with self._guard:
            self._tables[name] = self._connection.create_table(name, rows)
            return self._tables[name]

    def drop(self) -> None:
        """Delete all tables."""
        with self._guard:
            self._tables.clear()
            for name in self.names():
                self._connection.drop_table(name)

    def wrote(self, name: str) -> None:
        """Note that a table was written, and tidy it now and then."""
        self._writes[name] = self._writes.get(name, 0) + 1
        if self._writes[name] % _WRITES == 0:
            self._tidy(name, is_last=False)

    def tidy(self) -> None:
        """Tidy what was written; nobody reads meanwhile."""
        for name in self._writes:
            self._tidy(name, is_last=True)
        self._writes.clear()
        self._with_old.clear()

    def _tidy(self, name: str, *, is_last: bool) -> None:
        table = self.table(name)
        if table is None:
            return
        is_note = "vector" not in table.schema.names
        if is_note or _is_in_pieces(table) or (is_last and name in self._with_old):
            # Searches may still read what is a minute old.
            old = timedelta(milliseconds=1) if is_last else timedelta(minutes=1)
            table.optimize(cleanup_older_than=old)
            self._with_old.add(name)
        if not is_note and len(table) > EXACT and not list(table.list_indices()):
            from lancedb.index import IvfSq  # heavy

            table.create_index("vector", config=IvfSq(distance_type="cosine"))


def _is_in_pieces(table: Table) -> bool:
    """Whether a table is in so many pieces that they are worth being put together."""
    pieces = table.stats()["fragment_stats"]
    longest = int(pieces["lengths"]["max"])
    loose = len(table) - longest
    few, many = _PIECES
    count = int(pieces["num_fragments"])
    return (
        (count > few and len(table) <= _LOOSE) or count > many or loose > max(_LOOSE, longest // 10)
    )


class LanceIndex:
    """A table that is made at the first write, with vectors in half precision.

    Args:
        lent: gives the database for a `with` block; it may be another one each time.
        kind: of the records.
        place: names the location in errors.
        texts: whether the table holds the texts too, so that other programs can read them.
    """

    def __init__(
        self,
        lent: Callable[[], AbstractContextManager[Database]],
        kind: Kind,
        *,
        place: str,
        texts: bool = True,
    ) -> None:
        self._lent = lent
        self._kind = kind
        self._name = kind.name
        self._note = f"{kind.name}_standing"
        self._place = place
        self._texts = texts

    def upsert(self, records: Sequence[Record], vectors: Vectors) -> None:
        with self._used() as database:
            rows = self._rows(records, vectors)
            table = database.table(self._name)
            if table is None:
                database.create(self._name, rows)
            else:
                merging = table.merge_insert("number").when_matched_update_all()
                merging.when_not_matched_insert_all().execute(rows)
            database.wrote(self._name)

    def delete(self, numbers: Sequence[int]) -> None:
        with self._used() as database:
            table = database.table(self._name)
            if table is not None and numbers:
                table.delete(f"number IN ({', '.join(map(str, map(int, numbers)))})")
                database.wrote(self._name)

    def query(self, vector: Vectors, count: int) -> list[tuple[int, float]]:
        with self._used() as database:
            table = database.table(self._name)
            if table is None or count < 1:
                return []
            asked = table.search(vector[0], vector_column_name="vector").distance_type("cosine")
            asked = asked.select(["number", "_distance"]).limit(count)
            found = asked.nprobes(_PROBES).refine_factor(_REFINED).to_arrow()
        numbers, distances = found["number"].to_pylist(), found["_distance"].to_pylist()
        pairs = zip(numbers, distances, strict=True)
        return [(number, 1.0 - distance) for number, distance in pairs]

    def __len__(self) -> int:
        with self._used() as database:
            table = database.table(self._name)
            return 0 if table is None else int(table.count_rows())

    @property
    def standing(self) -> Standing | None:
        with self._used() as database:
            table = database.table(self._note)
            rows = [] if table is None else table.to_arrow().to_pylist()
        return Standing(**rows[0]) if rows else None

    def note(self, standing: Standing) -> None:
        import pyarrow as pa  # comes with LanceDB

        rows = pa.Table.from_pylist([asdict(standing)])
        with self._used() as database:
            table = database.table(self._note)
            if table is None:
                database.create(self._note, rows)
            else:
                table.add(rows, mode="overwrite")
            database.wrote(self._note)

    @contextlib.contextmanager
    def _used(self) -> Iterator[Database]:
        with self._lent() as database, lance_errors(self._place):
            yield database

    def _rows(self, records: Sequence[Record], vectors: Vectors) -> Any:
        import pyarrow as pa  # comes with LanceDB

        halves = pa.array(np.asarray(vectors, dtype=np.float16).ravel())
        columns = {
            "number": pa.array([one.number for one in records], pa.int64()),
            "id": pa.array([self._kind.id_of(one.number) for one in records], pa.string()),
            "timestamp": pa.array([one.timestamp for one in records], pa.timestamp("us", "UTC")),
            "speaker": pa.array([one.speaker for one in records], pa.string()),
            "tags": pa.array([list(one.tags) for one in records], pa.list_(pa.string())),
            "origin": pa.array([one.origin for one in records], pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(halves, vectors.shape[1]),
        }
        if self._texts:
            columns["text"] = pa.array([one.text for one in records], pa.string())
        return pa.table(columns)


@cache
def _library() -> tuple[Any, Any]:
    """LanceDB, and what its databases share."""
    # Its warning is for those who use it in a forked child; nobody here does.
    warnings.filterwarnings("ignore", "lancedb fork support", RuntimeWarning)
    # Making an index warns on standard error of each part that has become empty, which is fine.
    os.environ.setdefault("LANCEDB_LOG", "error")
    import lancedb  # takes over a second to import, so only when an index is opened

    LANCE.use()
    return lancedb, lancedb.Session(_CACHE_BYTES, _CACHE_BYTES)
