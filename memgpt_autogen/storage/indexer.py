"""The indexer: embeds what was stored and tells the vector index, behind whoever stores.

It works in a thread that is there only while there is something to do. An embedder or an
index that fails keeps nobody waiting: what it was to do is tried again later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.embedders.arrays import Vectors, unit_rows
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.journal.vectors import waiting
from memgpt_autogen.storage.ownership import Ownership
from memgpt_autogen.storage.process import Workers
from memgpt_autogen.storage.vectors.agreement import fault, tell
from memgpt_autogen.storage.vectors.base import VectorStore
from memgpt_autogen.storage.vectors.choice import VECTORS

logger = logging.getLogger(__name__)

Found = list[tuple[int, float]] | None
Progress = Callable[[int, int], None]  # how many are done, of how many

EMBEDDED = 16  # texts embedded at once
TOLD = 256  # changes that are worth a write to the vector index
COMPARED = 50_000  # vectors that are read from the journal to be compared without an index
_FEW = 64  # vectors that are made anew where they were a fault of the embedder
_REST = 0.3  # seconds to wait for more to do

_workers = Workers()


class Indexer:
    """Keeps the vectors of a memory's records, and its vector index, up to date.

    Args:
        tables: of the records.
        embedder: makes the vectors.
        store: the vector index; None: vectors stay in the journal only.
        ownership: to be had for the vector index.
        worth: changes that are worth a write to the index.

    Attributes:
        keeps: the ownership is kept, not given back when there is nothing to do.
        is_wanted: the index is to be looked at and opened, and made anew where it must be.
    """

    def __init__(
        self,
        tables: Sequence[RecordTable],
        embedder: Embedder,
        store: VectorStore | None,
        ownership: Ownership | None,
        worth: int = TOLD,
    ) -> None:
        self.keeps = False
        self.is_wanted = False
        self._tables = tables
        self._embedder = embedder
        self._store = store
        self._ownership = ownership
        self._worth = worth
        self._changed = threading.Condition()
        self._working = threading.RLock()
        self._preparing = threading.RLock()
        self._thread: threading.Thread | None = None
        self._asked = self._hurry = self._closed = self._failing = self._ready = False
        self._users, self._kept = 0, tables[0].journal.get(VECTORS)
        self._since = dict.fromkeys((table.kind.name for table in tables), 0)

    def nudge(self, *, hurry: bool = False) -> None:
        """Say that there may be something to do; with `hurry`, without waiting for more."""
        with self._changed:
            self._asked = True
            self._hurry = self._hurry or hurry
            if self._thread is None and not (self._closed or _workers.ending):
                self._thread = _workers.started(self._work, "memgpt indexer")
            self._changed.notify_all()

    def wait(self, seconds: float, most: int = 0) -> bool:
        """Wait until at most so many records lack a vector; False where time ran out.

        It does not wait for an embedder that failed the last time.
        """
        if self._few(most):
            return True
        self.nudge(hurry=True)
        end = time.monotonic() + seconds
        with self._changed:
            while not self._few(most):
                left = end - time.monotonic()
                if left <= 0 or self._failing:
                    return False
                self._changed.wait(min(left, 0.1))
        return True

    def settle(self, progress: Progress | None = None, *, at_least: int = 1) -> None:
        """Do all there is to do now, in this thread; the index is told of so many changes.

        Raises:
            StorageError: the index cannot be written.
            Exception: the embedder's own.
        """
        with self._working:
            self._embed(progress)
            self._tell(at_least)

    def close(self, *, finish: bool = True) -> None:
        """Do what there is to do, and let go of the index and the ownership.

        What fails, or is not to be finished, stays in the journal, for the next opening.
        """
        with self._changed:
            self._closed, thread = True, self._thread
            self._changed.notify_all()
        if thread is not None and not _workers.ended(thread, self._progress):
            logger.warning("an embedder hangs: what waits for it is left to the next opening")
            return  # with the ownership: the thread may be in the midst of its work
        if finish:
            self._failing = False  # so that a failure is said once more
            self._try(at_least=1)
        self.keeps = False
        self._let_go()

    def _progress(self) -> list[int]:
        return [*self._since.values(), *(table.changes.applied for table in self._tables)]

    def query(self, table: RecordTable, vector: Vectors, count: int) -> Found:
        """What the vector index finds; None where this process cannot ask it now.

        Nobody waits for an index to be looked at and opened, where the vectors in the
        journal are few enough to be compared.
        """
        if self._store is None:
            return None
        if not self._ready and len(table) <= COMPARED:
            self.is_wanted = True
            self.nudge()
            return None
        with self._changed:
            self._users += 1
        try:
            if not self._prepared():
                return None
            return self._store.index(table.kind).query(vector, count)
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()
            if not self.keeps:
                self.nudge()  # lets go of it when nobody searches any more

    def _few(self, most: int) -> bool:
        """Whether at most so many records wait to be embedded."""
        return waiting(self._tables[0].journal, self._since, most + 1) <= most

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._hurry or self._closed, _REST)
                self._asked = self._hurry = False
            if not self._closed:
                self._try(self._worth)
            with self._changed:
                self._changed.notify_all()
                if self._closed or _workers.ending or not self._asked:
                    self._thread = None
                    break
        if not self.keeps and not self._closed:
            self._let_go()

    def _try(self, at_least: int) -> None:
        try:
            self.settle(at_least=at_least)
            self._failing = False
        except Exception as problem:  # noqa: BLE001 - whatever a user's embedder raises
            log = logger.info if self._failing else logger.warning
            kind = type(problem).__name__
            log("some of what was stored waits to be embedded: %s: %s", kind, problem)
            self._failing = True

    def _let_go(self) -> None:
        with self._working, self._preparing:
            with self._changed:
                if self._users or self.keeps:
                    return
                self._ready = False
            if self._ownership is not None:
                self._ownership.release()

    def own(self) -> bool:
        """Take the ownership if it is free; whether the index may be used, and was not moved."""
        if self._ownership is None or self._ownership.take():
            return bool(self._tables[0].journal.get(VECTORS) == self._kept)
        return False

    def _embed(self, progress: Progress | None = None) -> None:
        for table in self._tables:
            done, name, missing = 0, table.kind.name, table.vectors.missing
            while not _workers.ending and (part := missing(self._since[name], EMBEDDED)):
                records = list(table.get([number for _, number in part]).values())
                if records:
                    with _workers.turn():
                        rows = self._embedder.embed([one.embedded(table.kind) for one in records])
                    rows = unit_rows(rows)  # an embedder of the user's may return NaN
                    self._check(rows.shape[1], table)
                    table.vectors.put([record.number for record in records], rows)
                self._since[name] = part[-1][0]
                done += len(part)
                if progress is not None:
                    progress(done, done + len(missing(part[-1][0], 1 << 40)))
                with self._changed:
                    self._changed.notify_all()

    def _check(self, dimension: int, table: RecordTable) -> None:
        """See that all vectors have one size; the first few may have been a fault."""
        known = table.journal.get("dimension")
        if known is None:
            table.journal.put("dimension", dimension)
        elif known != dimension:
            many = sum(len(one.vectors) for one in self._tables) > _FEW
            if many or self._embedder.embed(["dimension"]).shape[1] != dimension:
                raise StorageError(
                    f"the embedder {self._embedder.model_id!r} makes vectors of {dimension}"
                    f" numbers, and those of {table.journal.path} have {known}: give the embedder"
                    " that made them, or call reindex."
                )
            logger.warning("the first vectors had a size of %s: embedded anew", known)
            with table.journal.transaction():
                for one in self._tables:
                    one.vectors.clear()
                table.journal.put("dimension", dimension)
            self.start_over()

    def _tell(self, at_least: int) -> None:
        """Tell the index of the changes, if there are so many."""
        if self._store is None:
            return
        if self.is_wanted and self._prepared():
            self.is_wanted = False
        for table in self._tables:
            if len(table.changes) >= at_least and self._prepared():
                tell(self._store, table, self._embedder.model_id)

    def _prepared(self) -> bool:
        """Whether the index may be used: it was looked at, and is this journal's."""
        with self._preparing:
            if self._ready:
                return True
            if not self.own():
                return False
            assert self._store is not None
            if not self._store.prepare():
                self._begin_anew()
            elif found := fault(self._store, self._tables, self._embedder.model_id):
                place = self._tables[0].journal.path
                logger.warning("the vector index beside %s %s: it is made anew", place, found)
                self._store.put_aside()
                self._begin_anew()
            self._ready = True
            if self._ownership is not None:
                self._ownership.before_release(self._store.close)
            return True

    def _begin_anew(self) -> None:
        for table in self._tables:
            table.changes.begin_anew()
            self._since[table.kind.name] = 0
        self.nudge()

    def start_over(self) -> None:
        """Put the index aside, and tell a new one of all records."""
        with self._working, self._preparing:
            if self._store is not None and self.own():
                self._store.put_aside()
            self._begin_anew()

    def erase(self) -> bool:
        """Overwrite the index, and tell a new one of the rest; False where it was only removed.

        Raises:
            StorageError: it cannot be overwritten, or another process owns it.
        """
        with self._working, self._preparing:
            if self._store is None:
                return True
            if not self.own():
                raise StorageError("the vector index is another process's, or moved: forget there.")
            if self._ownership is not None:
                self._ownership.before_release(self._store.close)
            overwritten = self._store.destroy()
            self._begin_anew()
            self._ready = True
            return overwritten
