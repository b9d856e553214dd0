"""Databases: an agent's or a source's Chroma, index, state and lock, opened as one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError, StorageError
from memgpt_autogen.storage.address import Server, is_server
from memgpt_autogen.storage.collection import Progress, VectorCollection, chroma_errors
from memgpt_autogen.storage.directory import (
    DirectoryLock,
    Shelf,
    folder_name,
    local_directory,
    server_directory,
)
from memgpt_autogen.storage.embedding import Embedder, resolve_embedder
from memgpt_autogen.storage.hybrid import HybridStore
from memgpt_autogen.storage.index_file import IndexFile
from memgpt_autogen.storage.leftovers import close_garbage
from memgpt_autogen.storage.lexical import LexicalTable
from memgpt_autogen.storage.record import ARCHIVAL, RECALL, Kind
from memgpt_autogen.storage.reindex import embed_anew, finish_swap
from memgpt_autogen.storage.scrub import scrub_chroma
from memgpt_autogen.storage.state import ServerState, SQLiteState

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

logger = logging.getLogger(__name__)

_REACH_SECONDS = 10.0


class Database:
    """What is stored for one agent or one source, open for writing until `close`.

    Made by `open_database` and `open_source`.

    Attributes:
        name: the agent or the source.
        directory: where its files lie; with a server, those beside it.
        state: the agent's state record.
    """

    def __init__(
        self, location: str, shelf: Shelf, name: str, cache_dir: str | Path | None
    ) -> None:
        self.location = location
        self.name = name
        self._shelf = shelf
        self._stores: dict[str, HybridStore] = {}
        self._guard = threading.Lock()
        self._closers: list[Any] = []
        server = Server.at(location) if is_server(location) else None
        self.directory = (
            server_directory(server, shelf, name, str(cache_dir) if cache_dir else None)
            if server
            else local_directory(location, shelf, name)
        )
        self._place = server.url if server else str(self.directory)
        # On a shared server, names tell agents apart; a directory holds one agent only.
        self._prefix = f"memgpt-{shelf}.{folder_name(name)}." if server else ""
        try:
            self._open(server)
        except BaseException:
            self.close()
            raise

    def _open(self, server: Server | None) -> None:
        lock = DirectoryLock(self.directory)
        self._closers.append(lock.release)
        self._client = server_client(server) if server else _local_client(self.directory)
        self._closers.append(lambda: release(self._client))
        self._index = IndexFile(self.directory / "index.sqlite3")
        self._closers.append(self._index.close)
        self.state: SQLiteState | ServerState = (
            ServerState(self._client, f"{self._prefix}state", self._place)
            if server
            else SQLiteState(self.directory / "state.sqlite3")
        )
        self._closers.append(self.state.close)

    def store(self, kind: Kind, embedder: Embedder) -> HybridStore:
        """The records of one kind; opened at the first call, the same one after.

        Raises:
            EmbedderMismatchError: they were made with another embedder.
        """
        with self._guard:
            if kind.name not in self._stores:
                name = f"{self._prefix}{kind.name}"
                with chroma_errors(self._place):
                    finish_swap(self._client, name)
                collection = VectorCollection(
                    self._client, name, kind, embedder, place=self._place, repair=self._repair()
                )
                table = LexicalTable(self._index, kind)
                alone = not is_server(self.location)
                store = HybridStore(kind, collection, table, embedder, alone=alone)
                self._stores[kind.name] = store
                self._closers.append(lambda: self._quietly(store.close))
            return self._stores[kind.name]

    def reindex(self, embedder: Embedder, progress: Progress = lambda done, total: None) -> int:
        """Embed everything anew with `embedder`; how many records there are.

        To be called before `store`. Killed midway, the old vectors stay in use and
        the next call goes on where this one stopped. `progress` is told the number of
        records done and their total, for one kind after the other.

        Raises:
            ConfigurationError: a store is open already.
        """
        if self._stores:
            raise ConfigurationError("reindex a database right after opening it, before its use.")
        with chroma_errors(self._place):
            return sum(
                embed_anew(
                    self._client,
                    f"{self._prefix}{kind.name}",
                    kind,
                    embedder,
                    self._place,
                    progress,
                )
                for kind in (RECALL, ARCHIVAL)
            )

    def scrub(self) -> bool:
        """Take deleted records out of the files, as far as Chroma allows.

        Chroma and SQLite only mark as free what they delete. False when the records
        lay on a Chroma server, whose files are out of reach here.

        Raises:
            StorageError: a file cannot be rewritten; what was deleted stays deleted.
        """
        self._index.scrub()
        if isinstance(self.state, ServerState):
            return False
        self.state.scrub()
        scrub_chroma(self.directory / "chroma" / "chroma.sqlite3")
        return True

    def close(self) -> None:
        """Release the lock, the files and Chroma's client; a second call does nothing."""
        self._stores.clear()
        while self._closers:
            self._closers.pop()()

    def _quietly(self, close: Callable[[], None]) -> None:
        try:
            close()
        except StorageError as problem:  # then the next opening looks at everything
            logger.info("the index of %s was not closed in good order: %s", self.name, problem)

    def _repair(self) -> str:
        if self._shelf == "sources":
            return f"load its files with load_source as a source of another name than {self.name!r}"
        location = self._place if is_server(self.location) else self.location
        return (
            f"from memgpt_autogen import reindex; reindex({location!r}, {self.name!r},"
            " embedder=...)"
        )


def open_database(
    location: str | Path, agent: str, *, cache_dir: str | Path | None = None
) -> Database:
    """Open, or make, what is stored for an agent.

    Args:
        location: a directory, or `http(s)://host:port` of a Chroma server.
        agent: its name; any text.
        cache_dir: with a server, where the index beside it lies; else the environment
            variable MEMGPT_AUTOGEN_CACHE, else the user's cache directory.

    Raises:
        DirectoryLockedError: it is open already, in this process or another.
        StorageError: it cannot be read or written, or the server does not answer.
    """
    try:
        return Database(str(location), "agents", agent, cache_dir)
    except DirectoryLockedError as problem:
        if not problem.here:
            raise
    close_garbage()  # it may be an agent that nobody can close any more
    return Database(str(location), "agents", agent, cache_dir)


def open_source(
    location: str | Path, source: str, *, cache_dir: str | Path | None = None
) -> Database:
    """Open, or make, a source of documents; otherwise like `open_database`."""
    return Database(str(location), "sources", source, cache_dir)


def reindex(
    location: str | Path,
    agent: str,
    *,
    embedder: Any = None,
    cache_dir: str | Path | None = None,
    progress: Progress = lambda done, total: None,
) -> int:
    """Embed an agent's memory anew with another embedder; how many records there are.

    The way out of an EmbedderMismatchError. The agent must be closed meanwhile.
    """
    database = open_database(location, agent, cache_dir=cache_dir)
    try:
        return database.reindex(resolve_embedder(embedder), progress)
    finally:
        database.close()


def _local_client(directory: Path) -> ClientAPI:
    import chromadb  # takes over a second to import, so only when a database is opened
    from chromadb.config import Settings

    path = str(directory / "chroma")
    with chroma_errors(path):
        return chromadb.PersistentClient(path, settings=Settings(anonymized_telemetry=False))


def server_client(server: Server) -> ClientAPI:
    import chromadb  # see _local_client
    import httpx  # comes with Chroma
    from chromadb.config import Settings

    place = f"{server.host}:{server.port}"
    try:
        # Chroma's own client waits without bound for a server that does not answer.
        httpx.get(
            f"{server.origin}/api/v2/heartbeat", headers=server.headers, timeout=_REACH_SECONDS
        )
        return chromadb.HttpClient(
            **server.client_arguments, settings=Settings(anonymized_telemetry=False)
        )
    except (httpx.HTTPError, ValueError) as problem:  # ValueError: Chroma's, if it cannot connect
        raise StorageError(
            f"no Chroma server answers at {place}: {problem}. Start it with"
            f" `chroma run --path DIRECTORY --port {server.port}`, or correct the address."
        ) from problem


def release(client: ClientAPI) -> None:
    """Let go of Chroma's files, so that this process can open the path again.

    Chroma leaves the connections of an HTTP client open, even after its `close`.
    """
    for part in (client, getattr(client, "_admin_client", None)):
        session = getattr(getattr(part, "_server", None), "_session", None)
        if session is not None:
            session.close()
    close = getattr(client, "close", None)
    if close is not None:
        close()


def server_records(location: str, shelf: Shelf) -> list[str]:
    """The state records of all agents, or all sources, on a Chroma server.

    Raises:
        StorageError: it does not answer.
    """
    server = Server.at(location)
    client = server_client(server)
    try:
        with chroma_errors(server.url):
            names = [str(getattr(one, "name", one)) for one in client.list_collections()]
            states = [
                ServerState.peek(client, name)
                for name in names
                if name.startswith(f"memgpt-{shelf}.") and name.endswith(".state")
            ]
    finally:
        release(client)
    return [state for state in states if state is not None]
