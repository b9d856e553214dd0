"""Shared core memory blocks: texts with versions, swapped only against the version read.

<location>/shared/blocks.sqlite3    any number of processes
collection memgpt-shared.blocks     on a Chroma server
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.address import Server, is_server
from memgpt_autogen.storage.chroma import release, server_client
from memgpt_autogen.storage.collection import chroma_errors
from memgpt_autogen.storage.text import clean

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

_WAIT_SECONDS = 10.0
_COLLECTION = "memgpt-shared.blocks"
_KEPT = 8  # versions on a server: a slow swapper must find its own mark


@dataclass(frozen=True)
class SharedText:
    """A block's text at one version; `limit` is in characters."""

    value: str
    version: int
    limit: int


class BlockShelf(Protocol):
    """The shared blocks at one location. Every method may be called from any thread."""

    def create(self, name: str, value: str, limit: int) -> None:
        """Make a block unless there is one of that name."""
        ...

    def read(self, name: str) -> SharedText | None:
        """The latest version; None if there is no such block."""
        ...

    def swap(self, name: str, version: int, value: str) -> bool:
        """Replace the text if it is still of `version`; False if somebody was faster."""
        ...

    def scrub(self) -> None:
        """Take earlier texts out of the files."""
        ...

    def close(self) -> None:
        """Let go of the storage; nothing was held that keeps others out."""
        ...


def open_shelf(location: str) -> BlockShelf:
    """The shared blocks of a memory location.

    Raises:
        StorageError: it cannot be read or written, or the server does not answer.
    """
    if is_server(location):
        server = Server.at(location)
        return ServerShelf(server_client(server), server.url)
    return FileShelf(Path(location).expanduser().resolve() / "shared" / "blocks.sqlite3")


class FileShelf:
    """Blocks in a SQLite file, whose transactions order the swaps of all processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=_WAIT_SECONDS
            )
        except (OSError, sqlite3.Error) as problem:
            raise self._failure(problem) from problem
        try:
            for statement in (
                "PRAGMA journal_mode=WAL",
                "PRAGMA synchronous=NORMAL",
                "PRAGMA secure_delete=ON",
                """CREATE TABLE IF NOT EXISTS block
                   (name TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL,
                    size INTEGER NOT NULL) WITHOUT ROWID""",
            ):
                self._connection.execute(statement)
        except sqlite3.Error as problem:
            self._connection.close()
            raise self._failure(problem) from problem

    def create(self, name: str, value: str, limit: int) -> None:
        self._run(
            "INSERT OR IGNORE INTO block (name, value, version, size) VALUES (?, ?, 1, ?)",
            [clean(name), clean(value), limit],
        )

    def read(self, name: str) -> SharedText | None:
        row = self._run(
            "SELECT value, version, size FROM block WHERE name = ?", [clean(name)]
        ).fetchone()
        return None if row is None else SharedText(*row)

    def swap(self, name: str, version: int, value: str) -> bool:
        done = self._run(
            "UPDATE block SET value = ?, version = version + 1 WHERE name = ? AND version = ?",
            [clean(value), clean(name), version],
        )
        return done.rowcount == 1

    def scrub(self) -> None:
        self._run("VACUUM")
        self._run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _run(self, statement: str, values: list[Any] | None = None) -> sqlite3.Cursor:
        with self._lock:
            try:
                return self._connection.execute(statement, values or [])
            except sqlite3.Error as problem:
                raise self._failure(problem) from problem

    def _failure(self, problem: Exception) -> StorageError:
        return StorageError(
            f"the shared blocks in {self._path} cannot be read or written: {problem}. Make sure"
            " that the disk has room and the file may be written."
        )


class ServerShelf:
    """Blocks on a Chroma server, each version a record of its own.

    Chroma keeps the old record where an id is added again, so of two that add the
    same version one wins, and finds its mark there.
    """

    def __init__(self, client: ClientAPI, place: str) -> None:
        self._client = client
        self._place = place
        with chroma_errors(place):
            self._collection = client.get_or_create_collection(
                _COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )

    def create(self, name: str, value: str, limit: int) -> None:
        if self.read(name) is None:
            self._add(name, 1, value, limit)

    def read(self, name: str) -> SharedText | None:
        versions = self._versions(name)
        return versions[max(versions)][0] if versions else None

    def swap(self, name: str, version: int, value: str) -> bool:
        now = self.read(name)
        if now is None or now.version != version:
            return False
        mark = self._add(name, version + 1, value, now.limit)
        versions = self._versions(name)
        if versions.get(version + 1, (None, ""))[1] != mark:
            return False
        if max(versions) > version + _KEPT:
            # The version was taken and dropped before: what was added is no successor.
            self._drop(name, [version + 1])
            return False
        self._drop(name, [old for old in versions if old <= version + 1 - _KEPT])
        return True

    def scrub(self) -> None:
        """Drop earlier versions; the server's files are out of reach here."""
        with chroma_errors(self._place):
            found = self._collection.get(include=["metadatas"])
        for name in {str(about["name"]) for about in found["metadatas"] or ()}:
            versions = self._versions(name)
            self._drop(name, [old for old in versions if old < max(versions)])

    def close(self) -> None:
        release(self._client)

    def _add(self, name: str, version: int, value: str, limit: int) -> str:
        mark = secrets.token_hex(8)
        with chroma_errors(self._place):
            self._collection.add(
                ids=[_id(name, version)],
                documents=[clean(value)],
                embeddings=[[1.0]],
                metadatas=[{"name": clean(name), "version": version, "limit": limit, "mark": mark}],
            )
        return mark

    def _versions(self, name: str) -> dict[int, tuple[SharedText, str]]:
        """The versions that are there, each with the mark of who added it."""
        with chroma_errors(self._place):
            found = self._collection.get(
                where={"name": clean(name)}, include=["documents", "metadatas"]
            )
        pairs: Any = zip(found["documents"] or (), found["metadatas"] or (), strict=True)
        return {
            about["version"]: (
                SharedText(text or "", about["version"], about["limit"]),
                about["mark"],
            )
            for text, about in pairs
        }

    def _drop(self, name: str, versions: list[int]) -> None:
        if versions:
            with chroma_errors(self._place):
                self._collection.delete(ids=[_id(name, version) for version in versions])


def _id(name: str, version: int) -> str:
    digest = hashlib.sha256(clean(name).encode()).hexdigest()[:16]
    return f"{digest}.{version}"
