"""The journal: the SQLite file that holds the truth about one agent or one source.

It is written in transactions, each lasting (WAL, synchronous=FULL) when it returns. Any
number of processes may read it and write short transactions.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Union

from memgpt_autogen.errors import StateFormatError, StorageError
from memgpt_autogen.storage.journal.connection import (
    Link,
    connect,
    failure,
    link_to,
)
from memgpt_autogen.storage.journal.file import FILE, STEP, look_at
from memgpt_autogen.storage.process import forked

logger = logging.getLogger(__name__)

LAYOUT = 1  # of all tables; a newer program brings an older layout up to its own
_APPLICATION = 0x4D454D47  # tells our files from others of SQLite ("MEMG")
_NEXT_STEP = "UPDATE meta SET value = value + 1 WHERE key = 'step' RETURNING value"

Value = Union[int, float, str, bytes, None]  # noqa: UP007 - Python 3.10
Parameters = Sequence[Value]


class Journal:
    """One file, or memory alone where `directory` is None.

    Attributes:
        identity: tells this journal from every other one, for good.
        inside: the thread that is inside a transaction, and its connection.

    Raises:
        StateFormatError: the directory holds a memory of another layout.
        StorageError: the file is damaged, missing beside what belongs to it, or older than
            what was acknowledged.
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self.directory = directory
        self.path = None if directory is None else directory / FILE
        self._process = os.getpid()
        self.inside: tuple[int, sqlite3.Connection] | None = None
        if self.path is None:
            self._link = Link(Path())
            self._link.writer = self._link.reader = connect(":memory:")
            self._link.reading = self._link.writing
        else:
            look_at(self.path)
            self._link = link_to(self.path)
            self._link.renew()
        self._prepare(name)
        self.identity = str(self.get("identity"))
        noted = 0 if directory is None else _noted_step(directory)  # first: others may write
        if self.step < noted:
            raise StorageError(
                f"{self.path} lacks its latest steps: the file {FILE}-wal beside it was lost, or"
                " an older copy was put in its place. Put the missing file back; or, to go on"
                f" from what the journal holds, delete {directory}/{STEP}."
            )

    # --- reading and writing -----------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of a change or nothing of it; one inside another joins it.

        Raises:
            StorageError: the file is gone or damaged, or the disk is full.
            ForkedError: this process is a child of the one that opened it.
        """
        inside = self.inside  # once: another thread may end its own in between
        if inside is not None and inside[0] == threading.get_ident():
            yield inside[1]
            return
        link = self._link
        if os.getpid() != self._process:
            raise forked(self.called)
        with link.writing:
            if self.path is not None:
                link.check()
            link.used = time.monotonic()
            connection = link.writer or link.open_writer()
            try:
                connection.execute("BEGIN IMMEDIATE")
                self.inside = (threading.get_ident(), connection)
                yield connection
                ((step,),) = connection.execute(_NEXT_STEP).fetchall()
                connection.execute("COMMIT")
            except BaseException as problem:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(problem, sqlite3.DatabaseError):
                    raise failure(self.path, problem) from problem
                raise
            finally:
                self.inside = None
            if self.directory is not None:
                self._note(step)

    def _note(self, step: int) -> None:
        """Note how far the journal has come, beside it: so a lost `-wal` is noticed.

        The step is written by then, so a note that fails undoes nothing.
        """
        assert self.directory is not None
        try:
            handle = os.open(self.directory / STEP, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.pwrite(handle, b"%020d\n" % step, 0)
            finally:
                os.close(handle)
        except OSError as problem:
            logger.warning(
                "%s cannot be written, so the loss of %s-wal may go unnoticed: %s",
                self.directory / STEP,
                FILE,
                problem,
            )

    def rows(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The result of a query; inside a transaction it sees what that has written.

        Raises:
            StorageError: the file is gone or damaged.
            ForkedError: this process is a child of the one that opened it.
        """
        try:
            inside = self.inside
            if inside is not None and inside[0] == threading.get_ident():
                return inside[1].execute(sql, parameters).fetchall()
            if os.getpid() != self._process:
                raise forked(self.called)
            link = self._link
            with link.reading:
                link.used = time.monotonic()
                return (link.reader or link.open_reader()).execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as problem:
            raise failure(self.path, problem) from problem

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
        return int(self.get(STEP))

    def ensure(self, table: str, statements: Sequence[str]) -> None:
        """Make a table, and what belongs to it, unless it is there."""
        if self.rows("SELECT 1 FROM sqlite_master WHERE name = ?", [table]):
            return
        with self.transaction() as connection:
            if self.rows("SELECT 1 FROM sqlite_master WHERE name = ?", [table]):
                return  # another process made it meanwhile
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
        with self._link.writing, self._link.reading:
            connection = self._link.writer or self._link.open_writer()
            try:
                connection.execute("VACUUM")
                ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.DatabaseError as problem:
                raise failure(self.path, problem) from problem
        if busy:
            raise StorageError(
                f"{self.path}-wal still holds what was deleted, as another program reads it: let"
                " that one end, and call forget again, or open the agent anew."
            )

    def close(self) -> None:
        """Let go of the file; a later use opens it again."""
        if self.path is not None:
            self._link.close()

    @property
    def called(self) -> str:
        """What to call it in messages."""
        return f"the memory in {self.directory}" if self.directory else "this memory"

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
        with self.transaction() as connection:
            for statement in (
                "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
                f"PRAGMA application_id={_APPLICATION}",
                f"PRAGMA user_version={LAYOUT}",
            ):
                connection.execute(statement)
            connection.executemany(
                "INSERT OR IGNORE INTO meta VALUES (?, ?)",
                [("identity", secrets.token_hex(16)), ("name", name), (STEP, 0)],
            )


def _noted_step(directory: Path) -> int:
    try:
        return int((directory / STEP).read_bytes()[:20] or b"0")
    except (OSError, ValueError):
        return 0
