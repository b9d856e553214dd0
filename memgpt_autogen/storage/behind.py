"""Writing behind: records wait in memory and go to a store several at a time.

One write to Chroma costs about as much for eight messages as for one, and embedding
need not keep an answer waiting. Whoever puts records here has journalled them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from memgpt_autogen.storage.hybrid import HybridStore
from memgpt_autogen.storage.record import Record

logger = logging.getLogger(__name__)

ENOUGH = 8  # records that are worth a write


class WriteBehind:
    """Records on their way to a store, written in a thread once there are enough.

    Every method may be called from any thread.
    """

    def __init__(self, store: HybridStore) -> None:
        self.store = store
        self._waiting: list[Record] = []
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failed = False

    def put(self, records: Sequence[Record]) -> None:
        """Take records in, to be written later.

        Raises:
            StorageError: the last write failed, and fails again.
        """
        with self._guard:
            self._waiting.extend(records)
            start = len(self._waiting) >= ENOUGH and self._thread is None and not self._failed
            if start:
                self._thread = threading.Thread(target=self._work, name="memgpt-recall")
                self._thread.start()
        if self._failed:
            self.settle()

    @property
    def waiting(self) -> set[int]:
        """The numbers of the records that are not written yet."""
        with self._guard:
            return {record.number for record in self._waiting}

    def settle(self) -> None:
        """Write everything now.

        Raises:
            StorageError: it cannot be written; it goes on waiting.
        """
        if not self._waiting:
            return
        with self._writing:
            while part := self._next():
                self.store.write(part)
                with self._guard:
                    del self._waiting[: len(part)]
            self._failed = False

    def _next(self) -> list[Record]:
        """A write's worth: Chroma lets no other thread run while it adds."""
        with self._guard:
            return self._waiting[:ENOUGH]

    def _work(self) -> None:
        try:
            self.settle()
        except Exception:  # the next to come meets it in a thread where it can be handled
            logger.exception("messages could not be written; they are kept and tried again")
            self._failed = True
        finally:
            self._thread = None
