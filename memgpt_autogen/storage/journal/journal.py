"""The journal: the SQLite file that holds the truth about one agent or one source.

It is written in transactions, each lasting (WAL, synchronous=FULL) when it returns. Any
number of processes may read it and write short transactions.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Union

from memgpt_autogen.errors import StateFormatError, StorageError
from memgpt_autogen.storage.journal.connection import (
    connect,
    connections,
    make_private,
    make_private_file,
    sqlite_errors,
)
from memgpt_autogen.storage.process import Belonging

LAYOUT = 1  # of all tables; a newer program brings an older layout up to its own
FILE = "journal.sqlite3"
_APPLICATION = 0x4D454D47  # tells our files from others of SQLite ("MEMG")
_HEADER = b"SQLite format 3\0"
_STEP = "step"
_OLD_LAYOUT = ("state.sqlite3", "index.sqlite3")

Value = Union[int, float, str, bytes, None]  # noqa: UP007 - Python 3.10
Parameters = Sequence[Value]


class Journal:
    """One file, or memory alone where `directory` is None.

    Attributes:
        identity: tells this journal from every other one, for good.

    Raises:
        StateFormatError: the directory holds a memory of another layout.
        StorageError: the file is damaged, missing beside what belongs to it, or older than
            what was acknowledged.
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self.directory = directory
        self.path = None if directory is None else directory / FILE
        self._belongs = Belonging()
        self._writing = threading.RLock()
        self._own: sqlite3.Connection | None = None
        self._current = threading.local()
        if self.path is None:
            self._own = connect(":memory:")
        else:
            self._look_at(self.path)
        self._prepare(name)
        self.identity = str(self.get("identity"))
        if directory is not None and self.step < _noted_step(directory):
            raise StorageError(
                f"{self.path} lacks its latest steps: the file {FILE}-wal beside it was lost, or"
                " an older copy was put in its place. Put the missing file back; or, to go on"
                f" from what the journal holds, delete {directory / _STEP}."
            )

    # --- reading and writing -----------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of a change or nothing of it; one inside another joins it.

        Raises:
            StorageError: the file is gone or damaged, or the disk is full.
            ForkedError: this process is a child of the one that opened it.
        """
        inside: sqlite3.Connection | None = getattr(self._current, "connection", None)
        if inside is not None:
            yield inside
            return
        self._belongs.check(self._called)
        with self._writing, self._connection() as connection:
            with sqlite_errors(self.path):
                connection.execute("BEGIN IMMEDIATE")
            self._current.connection = connection
            undoings: list[Callable[[], object]] = []
            self._current.undoings = undoings
            try:
                with sqlite_errors(self.path):
                    yield connection
                    sql = "UPDATE meta SET value = value + 1 WHERE key = 'step' RETURNING value"
                    ((step,),) = connection.execute(sql).fetchall()
                    connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                for undo in reversed(undoings):
                    undo()
                raise
            finally:
                self._current.connection = None
        if self.directory is not None:
            self._note(self.directory, step)

    def unless_written(self, undo: Callable[[], object]) -> None:
        """Do something if the transaction around this call is not written."""
        self._current.undoings.append(undo)

    def rows(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The result of a query; inside a transaction it sees what that has written.

        Raises:
            StorageError: the file is gone or damaged.
            ForkedError: this process is a child of the one that opened it.
        """
        inside: sqlite3.Connection | None = getattr(self._current, "connection", None)
        if inside is not None:
            with sqlite_errors(self.path):
                return inside.execute(sql, parameters).fetchall()
        self._belongs.check(self._called)
        with self._connection() as connection, sqlite_errors(self.path):
            return connection.execute(sql, parameters).fetchall()

    def get(self, key: str) -> Any:
        """A value of the journal itself, None if there is none."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", [key])
        return rows[0][0] if rows else None

    def put(self, key: str, value: int | str | None) -> None:
        """Keep a value of the journal itself; None takes it away."""
        with self.transaction() as connection:
            if value is None:
                connection.execute("DELETE FROM meta WHERE key = ?", [key])
            else:
                connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])

    @property
    def step(self) -> int:
        """How many transactions there were."""
        return int(self.get(_STEP))

    def ensure(self, table: str, statements: Sequence[str]) -> None:
        """Make a table, and what belongs to it, unless it is there."""
        if self.rows("SELECT 1 FROM sqlite_master WHERE name = ?", [table]):
            return
        with self.transaction() as connection:
            for statement in statements:
                connection.execute(statement)

    # --- the file ------------------------------------------------------------------

    def purge(self) -> None:
        """Take what was deleted out of the file, its word lists and its log.

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

    def close(self) -> None:
        """Let go of the file; a later use opens it again."""
        if self.path is not None:
            connections.close(self.path)

    @property
    def _called(self) -> str:
        return f"the memory in {self.directory}" if self.directory else "this memory"

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self.path is not None:
            with connections.lent(self.path) as connection:
                yield connection
            return
        assert self._own is not None
        with self._writing:
            yield self._own

    def _prepare(self, name: str) -> None:
        """Make the table of the journal itself, or see that this program can read it."""
        ((layout,),) = self.rows("PRAGMA user_version")
        if layout > LAYOUT:
            raise StateFormatError(
                f"the memory of {name!r} was written by a newer version of memgpt-autogen (layout"
                f" {layout}, this one reads {LAYOUT}): install that version."
            )
        if layout == LAYOUT:
            return
        with self._connection() as connection, sqlite_errors(self.path):
            connection.execute("BEGIN IMMEDIATE")
            for statement in (
                "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
                f"PRAGMA application_id={_APPLICATION}",
                f"PRAGMA user_version={LAYOUT}",
            ):
                connection.execute(statement)
            connection.executemany(
                "INSERT OR IGNORE INTO meta VALUES (?, ?)",
                [("identity", secrets.token_hex(16)), ("name", name), (_STEP, 0)],
            )
            connection.execute("COMMIT")

    def _look_at(self, path: Path) -> None:
        """Make a new file, or see that the one that is there is what it should be."""
        folder = path.parent
        if not path.exists() or path.stat().st_size == 0:
            old = [name for name in _OLD_LAYOUT if (folder / name).exists()]
            if old:
                raise StateFormatError(
                    f"{folder} holds a memory of an older layout ({', '.join(old)}): open it with"
                    " the version of memgpt-autogen that wrote it, write agent.checkpoint(path),"
                    " and restore that with MemGPTAgent.from_checkpoint at another memory=."
                )
            left = [name for name in (_STEP, "chroma") if (folder / name).exists()]
            if left or path.with_name(f"{FILE}-wal").exists():
                raise StorageError(
                    f"{path} is missing or empty, though other parts of a memory lie beside it."
                    " Nothing was changed: put the file back from a backup or restore a"
                    f" checkpoint elsewhere; to begin anew, move {folder} away."
                )
            make_private(folder)
            make_private_file(path)
        elif _is_cut(path):
            raise StorageError(
                f"{path} is shorter than it should be: it was cut. Nothing was changed: keep it,"
                " and put a backup in its place or restore a checkpoint elsewhere."
            )

    @staticmethod
    def _note(directory: Path, step: int) -> None:
        """Note how far the journal has come, beside it: so a lost `-wal` is noticed."""
        try:
            handle = os.open(directory / _STEP, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.pwrite(handle, b"%020d\n" % step, 0)
            finally:
                os.close(handle)
        except OSError as problem:
            raise StorageError(f"{directory} cannot be written: {problem}.") from problem


def _is_cut(path: Path) -> bool:
    """Whether a file is shorter than its header says (https://sqlite.org/fileformat.html, 1.3)."""
    if path.with_name(f"{FILE}-wal").exists():
        return False
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(_HEADER):
        return False  # it was never a database: SQLite says so
    size = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    return path.stat().st_size < (65_536 if size == 1 else size) * pages


def _noted_step(directory: Path) -> int:
    try:
        return int((directory / _STEP).read_bytes()[:20] or b"0")
    except (OSError, ValueError):
        return 0
