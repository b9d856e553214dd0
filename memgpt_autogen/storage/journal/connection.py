"""Connections: the only place that opens SQLite files.

A file has one connection to write and one to read, so reading never waits for writing.
Those of files that rest are closed when there are too many, so a process may have many
memories and few descriptors (a connection in WAL mode holds three).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.process import OfProcess

OPEN = 24  # files with open connections
_WAIT_SECONDS = 10.0

_PAUSE_SECONDS = 0.01

_PRAGMAS = ("synchronous=FULL", "secure_delete=ON")


class Link:
    """The connections to one file, opened at first use; each with the lock of its user.

    Attributes:
        used: when it was used last.
        file: what tells the file from another one that was put in its place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writing = threading.RLock()
        self.reading = threading.RLock()
        self.writer: sqlite3.Connection | None = None
        self.reader: sqlite3.Connection | None = None
        self.used = time.monotonic()
        self.file: tuple[int, int] | None = None

    def open_writer(self) -> sqlite3.Connection:
        """The connection to write; to be called with its lock."""
        self.writer = self._opened()
        return self.writer

    def open_reader(self) -> sqlite3.Connection:
        """The connection to read; to be called with its lock."""
        self.reader = self._opened()
        return self.reader

    def check(self) -> None:
        """See that the file is still in its place.

        Raises:
            StorageError: it is gone.
        """
        try:
            found = self.path.stat()
        except OSError as problem:
            raise StorageError(
                f"{self.path} is gone: the memory was moved or removed while it was open. Put it"
                " back, or close the agent and make it anew."
            ) from problem
        if self.file is None:
            self.file = (found.st_dev, found.st_ino)
        elif self.file != (found.st_dev, found.st_ino):
            raise StorageError(
                f"{self.path} is another file than the one that was opened: close the agent and"
                " make it anew."
            )

    def renew(self) -> None:
        """Let go of a file whose place another one has taken since nobody uses it any more."""
        try:
            self.check()
        except StorageError:
            self.close()

    def close(self) -> None:
        """Close both connections; a later use opens them again."""
        with self.writing, self.reading:
            for connection in (self.writer, self.reader):
                if connection is not None:
                    connection.close()
            self.writer = self.reader = self.file = None

    def close_unless_used(self) -> None:
        """Close both connections, if no other thread is at work with one."""
        locks = (self.writing, self.reading)
        held = [lock for lock in locks if lock.acquire(blocking=False)]
        try:
            if len(held) == len(locks) and not (self.writer and self.writer.in_transaction):
                self.close()  # this thread's own locks are no bar to it, its transaction is
        finally:
            for lock in held:
                lock.release()

    def _opened(self) -> sqlite3.Connection:
        self.check()
        _close_surplus(self)
        try:
            return connect(self.path)
        except sqlite3.Error as problem:
            raise failure(self.path, problem) from problem


_links: OfProcess[Link] = OfProcess({})


def link_to(path: Path) -> Link:
    """The connections of this process to a file."""
    with _links.guard:
        return _links.things.setdefault(path, Link(path))


def _close_surplus(wanted: Link) -> None:
    """Close the connections of the files that were used longest ago, if too many are open."""
    with _links.guard:
        links = _links.things.values()
        resting = [one for one in links if one is not wanted and one.file is not None]
        resting.sort(key=lambda one: one.used)
    for one in resting[: max(len(resting) - OPEN + 1, 0)]:
        one.close_unless_used()


def connect(path: Path | str) -> sqlite3.Connection:
    """A connection in autocommit mode; who shares it among threads keeps them apart."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=_WAIT_SECONDS
    )
    try:
        _write_ahead(connection)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Put a new file into WAL mode, in which others are already.

    SQLite does not wait by itself where two processes do so at once
    (https://sqlite.org/c3ref/busy_handler.html: a wait might be a deadlock).
    """
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem) or time.monotonic() > end:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing, not even by closing: it works no log in.

    Raises:
        StorageError: SQLite cannot read the file.
    """
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            yield connection
    except sqlite3.DatabaseError as problem:
        raise failure(path, problem) from problem


def failure(path: Path | None, problem: sqlite3.Error) -> StorageError:
    """SQLite's error as one that names the file and the way out."""
    text = str(problem)
    if "malformed" in text or "not a database" in text:
        advice = (
            "it is damaged. Nothing was changed: keep the file, and restore a backup or"
            " a checkpoint (see docs/storage.md)."
        )
    elif "locked" in text:
        advice = "another program holds it for long. Let that one end, and try again."
    else:
        advice = "make sure that the disk has room and that the file may be written."
    return StorageError(f"{path or 'the memory'} cannot be read or written: {text}; {advice}")


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for its owner alone.

    Raises:
        StorageError: it cannot be made.
    """
    with written_in(folder):
        for one in [*reversed(folder.parents), folder]:
            if not one.exists():
                one.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def written_in(folder: Path) -> Iterator[None]:
    """A folder is written inside the `with` block; what the system refuses is a StorageError."""
    try:
        yield
    except OSError as problem:
        raise StorageError(
            f"{folder} cannot be written: {problem}. Choose another directory with memory=, or"
            " mend its permissions."
        ) from problem


def make_private_file(path: Path) -> None:
    """Make an empty file that its owner alone may read, unless it is there."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
