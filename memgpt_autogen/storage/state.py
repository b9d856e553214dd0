"""Where an agent's state record is kept: one text, replaced at once.

Killed at any moment, the old or the new record is read afterwards, never a mixture.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from memgpt_autogen.errors import StorageError, TakenOverError
from memgpt_autogen.storage.collection import chroma_errors
from memgpt_autogen.storage.text import clean

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_RECORD = "state"


class StateStore(Protocol):
    """Keeps the latest record."""

    def load(self) -> str | None:
        """The latest record; None if none was saved."""
        ...

    def save(self, record: str) -> None:
        """Replace the record."""
        ...


class SQLiteState:
    """The record in a SQLite file of its own.

    A saved record survives the kill of the process. When the machine loses power
    the last few may be lost, never the file (WAL, synchronous=NORMAL).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as problem:
            raise self._failure(problem) from problem
        try:
            for statement in (
                "PRAGMA journal_mode=WAL",
                "PRAGMA synchronous=NORMAL",
                "PRAGMA secure_delete=ON",
                """CREATE TABLE IF NOT EXISTS state
                   (id INTEGER PRIMARY KEY CHECK (id = 1), record TEXT NOT NULL)""",
            ):
                self._connection.execute(statement)
        except sqlite3.Error as problem:
            self._connection.close()
            raise self._failure(problem) from problem

    def load(self) -> str | None:
        with self._lock:
            try:
                row = self._connection.execute("SELECT record FROM state").fetchone()
            except sqlite3.Error as problem:
                raise self._failure(problem) from problem
        return None if row is None else str(row[0])

    def save(self, record: str) -> None:
        with self._lock:
            try:
                self._connection.execute(
                    "INSERT OR REPLACE INTO state (id, record) VALUES (1, ?)", [clean(record)]
                )
            except sqlite3.Error as problem:
                raise self._failure(problem) from problem

    def scrub(self) -> None:
        """Take earlier records out of the file and its log.

        Raises:
            StorageError: the disk has no room, or another process reads the file.
        """
        with self._lock:
            try:
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as problem:
                raise self._failure(problem) from problem

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _failure(self, problem: sqlite3.Error) -> StorageError:
        return StorageError(
            f"the state in {self._path} cannot be read or written: {problem}. Make sure that the"
            " disk has room and the file may be written; if it is damaged, restore a copy."
        )


class ServerState:
    """The record on a Chroma server, with the token of the process that writes it.

    The last one to open an agent owns it: the one before learns so at its next save.
    """

    def __init__(self, client: ClientAPI, name: str, place: str) -> None:
        self._place = place
        self._name = name
        self._token = secrets.token_hex(8)
        with chroma_errors(place):
            self._collection = client.get_or_create_collection(
                name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
        self._write(self.load())

    def load(self) -> str | None:
        with chroma_errors(self._place):
            return _saved(self._collection)

    @staticmethod
    def peek(client: ClientAPI, name: str) -> str | None:
        """The record, read without taking it over."""
        return _saved(client.get_collection(name, embedding_function=None))

    def save(self, record: str) -> None:
        """Replace the record.

        Raises:
            TakenOverError: another process has opened the agent since.
        """
        with chroma_errors(self._place):
            found = self._collection.get(ids=[_RECORD], include=["metadatas"])
        writer = found["metadatas"][0]["writer"] if found["metadatas"] else None
        if writer != self._token:
            raise TakenOverError(
                f"another process opened the same agent on {self._place} and writes it now, so"
                " this one stops. Let one process use an agent at a time, or give the agents"
                " different names."
            )
        self._write(clean(record))

    def close(self) -> None:
        """Nothing is held: the next process may open the agent at any time."""

    def _write(self, record: str | None) -> None:
        with chroma_errors(self._place):
            self._collection.upsert(
                ids=[_RECORD],
                documents=[record or ""],
                embeddings=[[1.0]],
                metadatas=[{"writer": self._token, "saved": record is not None}],
            )


def _saved(collection: Collection) -> str | None:
    found = collection.get(ids=[_RECORD], include=["documents", "metadatas"])
    if not found["ids"] or not found["documents"] or not found["metadatas"]:
        return None
    return found["documents"][0] if found["metadatas"][0]["saved"] else None
