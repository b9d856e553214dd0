"""Connections: the only place that opens SQLite files.

Idle connections are kept for the next user, the least recently used are closed; so a
process may have many memories and few descriptors (a connection in WAL mode holds three).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.process import forget_in_child

IDLE = 24  # connections that are kept open for nobody
_WAIT_SECONDS = 10.0

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")


@contextlib.contextmanager
def sqlite_errors(path: Path | None) -> Iterator[None]:
    """SQLite's errors as a StorageError that names the file and the way out."""
    try:
        yield
    except sqlite3.DatabaseError as problem:
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
        place = path or "the memory"
        raise StorageError(f"{place} cannot be read or written: {text}; {advice}") from problem


@dataclass
class _Open:
    """A connection and the file that it was opened on."""

    connection: sqlite3.Connection
    path: Path
    file: tuple[int, int]


class Connections:
    """Lends connections, each to one thread at a time."""

    def __init__(self, idle: int = IDLE) -> None:
        self._most = idle
        self._guard = threading.Lock()
        self._idle: list[_Open] = []  # the least recently used first
        self._parents: list[list[_Open]] = []

    @contextlib.contextmanager
    def lent(self, path: Path) -> Iterator[sqlite3.Connection]:
        """A connection to a file that is there, for the `with` block.

        Raises:
            StorageError: the file is gone, or cannot be opened.
        """
        one = self._take(path)
        try:
            yield one.connection
        except BaseException:
            if one.connection.in_transaction:
                one.connection.rollback()
            raise
        finally:
            self._give_back(one)

    def close(self, path: Path) -> None:
        """Close what is idle of a file."""
        with self._guard:
            mine = [one for one in self._idle if one.path == path]
            self._idle = [one for one in self._idle if one.path != path]
        for one in mine:
            one.connection.close()

    def forget(self) -> None:
        """Let a parent's connections be, unused and unclosed."""
        self._parents.append(self._idle)
        self._idle = []
        self._guard = threading.Lock()

    def _take(self, path: Path) -> _Open:
        file = identity_of(path)
        with self._guard:
            for at in range(len(self._idle) - 1, -1, -1):
                one = self._idle[at]
                if one.path == path and one.file == file:
                    return self._idle.pop(at)
        with sqlite_errors(path):
            return _Open(connect(path), path, file)

    def _give_back(self, one: _Open) -> None:
        with self._guard:
            self._idle.append(one)
            surplus = self._idle[: max(len(self._idle) - self._most, 0)]
            del self._idle[: len(surplus)]
        for old in surplus:
            old.connection.close()


def identity_of(path: Path) -> tuple[int, int]:
    """What tells a file from another one that was put in its place.

    Raises:
        StorageError: it is gone.
    """
    try:
        found = path.stat()
    except OSError as problem:
        raise StorageError(
            f"{path} is gone: the memory was moved or removed while it was open. Put it back, or"
            " close the agent and make it anew."
        ) from problem
    return found.st_dev, found.st_ino


def connect(path: Path | str) -> sqlite3.Connection:
    """A connection in autocommit mode; who shares it among threads keeps them apart."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=_WAIT_SECONDS
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for its owner alone.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        for one in [*reversed(folder.parents), folder]:
            if not one.exists():
                one.mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise StorageError(
            f"{folder} cannot be written: {problem}. Choose another directory with memory=, or"
            " mend its permissions."
        ) from problem


def make_private_file(path: Path) -> None:
    """Make an empty file that its owner alone may read, unless it is there."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


connections = Connections()
forget_in_child(connections.forget)
