"""The SQLite file of the lexical index: opened, checked for damage, made anew."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from memgpt_autogen.errors import StorageError

# Of the tables that are made in the file; a file of another version is made anew.
SCHEMA_VERSION = 2


class IndexFile:
    """One SQLite file, safe for several threads.

    A file that is damaged or of another version is replaced by an empty one, to be
    filled from Chroma.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lock = threading.RLock()
        self.connection = self._connect()

    def close(self) -> None:
        with self.lock:
            self.connection.close()

    def scrub(self) -> None:
        """Take what was deleted out of the file, out of word lists and the log too.

        Raises:
            StorageError: the disk has no room, or another process reads the file.
        """
        sql = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE % fts5(%'"
        words = [str(name) for (name,) in self.rows(sql)]
        with self.transaction() as connection:
            for name in words:  # the words of deleted texts stay until lists are merged
                connection.execute(f"INSERT INTO {name} ({name}) VALUES ('optimize')")  # noqa: S608
        self.rows("VACUUM")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextlib.contextmanager
    def transaction(self, *, lasting: bool = False) -> Iterator[sqlite3.Connection]:
        """All of a change or nothing of it; if `lasting`, it outlives a loss of power too.

        Raises:
            StorageError: the file is damaged or the disk is full.
        """
        with self.lock:
            try:
                if lasting:
                    self.connection.execute("PRAGMA synchronous=FULL")
                with self.connection:
                    self.connection.execute("BEGIN IMMEDIATE")
                    yield self.connection
                if lasting:
                    self.connection.execute("PRAGMA synchronous=NORMAL")
            except sqlite3.DatabaseError as problem:
                raise self._failure(problem) from problem

    def rows(self, sql: str, parameters: Sequence[int | str] = ()) -> list[tuple[object, ...]]:
        """The result of a query.

        Raises:
            StorageError: the file is damaged or closed.
        """
        with self.lock:
            try:
                return self.connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as problem:
                raise self._failure(problem) from problem

    def _failure(self, problem: sqlite3.Error) -> StorageError:
        return StorageError(
            f"the index {self._path} failed: {problem}. Close the agent and delete that file:"
            " it is made anew from Chroma."
        )

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = self._open()
            try:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version == SCHEMA_VERSION:
                    return connection
                (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if not objects:
                    return self._stamped(connection)
            except sqlite3.DatabaseError:
                connection.close()
                raise
            connection.close()
        except sqlite3.OperationalError as problem:  # locked, no room, no permission
            raise self._failure(problem) from problem
        except sqlite3.DatabaseError:
            pass  # not a database any more
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        return self._stamped(self._open())

    def _open(self) -> sqlite3.Connection:
        # Autocommit, with explicit transactions; threads are kept apart by `lock`.
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA secure_delete=ON")
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _stamped(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        return connection
