"""Where LanceDB's tables of one memory lie: in a folder or in object storage."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import ClassVar

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.record import Kind
from memgpt_autogen.storage.vectors.folder import Folder
from memgpt_autogen.storage.vectors.lance import Database, LanceIndex, lance_errors

logger = logging.getLogger(__name__)


class LanceFolder(Folder[Database]):
    """LanceDB in a folder."""

    name: ClassVar[str] = "lancedb"
    most: ClassVar[int] = 64

    def index(self, kind: Kind) -> LanceIndex:
        return LanceIndex(self._lent, kind, place=str(self.path), texts=self._texts)

    def _connect(self) -> Database:
        return Database(str(self.path))

    def _release(self, client: Database) -> None:
        """It holds nothing open."""

    def _tidy(self, client: Database) -> None:
        try:
            with lance_errors(str(self.path)):
                client.tidy()
        except StorageError as problem:  # it is as right as before, and larger
            logger.info("%s could not be tidied: %s", self.path, problem)


class LanceStorage:
    """LanceDB in object storage; who may read it is told by the environment alone.

    Args:
        uri: of the memory's own folder there.
        texts: whether the tables hold the texts too.
    """

    def __init__(self, uri: str, *, texts: bool = True) -> None:
        self.uri = uri
        self._texts = texts
        self._guard = threading.Lock()
        self._opened: Database | None = None

    def look(self) -> str:
        return ""

    def prepare(self) -> bool:
        """Whether all tables can be read: the sequence of the index tells whether they are all."""
        try:
            for kind in ("recall", "archival"):
                with self._lent() as database, lance_errors(self.uri):
                    table = database.table(kind)
                    if table is not None:
                        table.head(1)
        except StorageError as problem:
            logger.warning("%s is made anew from the journal, and nothing is lost.", problem)
            self.put_aside()
            return False
        return True

    def index(self, kind: Kind) -> LanceIndex:
        return LanceIndex(self._lent, kind, place=self.uri, texts=self._texts)

    def put_aside(self) -> None:
        self.destroy()

    def destroy(self) -> bool:
        """The storage's own versions of what is deleted are out of reach here."""
        with self._lent() as database, lance_errors(self.uri):
            database.drop()
        return False

    def close(self) -> None:
        with self._guard:
            database, self._opened = self._opened, None
        if database is not None:
            try:
                with lance_errors(self.uri):
                    database.tidy()
            except StorageError as problem:
                logger.info("%s could not be tidied: %s", self.uri, problem)

    @contextlib.contextmanager
    def _lent(self) -> Iterator[Database]:
        with self._guard:
            if self._opened is None:
                self._opened = Database(self.uri)
            database = self._opened
        yield database
