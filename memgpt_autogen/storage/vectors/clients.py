"""Chroma's clients: opened, their errors named, and let go of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.directory import Server

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

_REACH_SECONDS = 10.0


@contextlib.contextmanager
def chroma_errors(place: str) -> Iterator[None]:
    """Chroma's errors, and its HTTP client's, as a StorageError that names the place."""
    import httpx  # with Chroma: both only when a database is opened
    from chromadb.errors import ChromaError

    try:
        yield
    except httpx.TransportError as problem:
        raise StorageError(
            f"the Chroma server at {place} does not answer: {problem}. Start it with"
            " `chroma run --path DIRECTORY`, or correct the address."
        ) from problem
    except (ChromaError, httpx.HTTPError) as problem:
        raise StorageError(f"Chroma failed at {place}: {problem}") from problem


def folder_client(path: Path) -> ClientAPI:
    """A client of the Chroma folder at `path`, which is made where there is none."""
    import chromadb  # takes over a second to import, so only when an index is opened
    from chromadb.config import Settings

    with chroma_errors(str(path)):
        return chromadb.PersistentClient(str(path), settings=Settings(anonymized_telemetry=False))


def server_client(server: Server) -> ClientAPI:
    import chromadb  # see _local_client
    import httpx  # comes with Chroma
    from chromadb.config import Settings

    place = f"{server.host}:{server.port}"
    try:
        # Chroma's own client waits without bound for a server that does not answer.
        httpx.get(f"{server.url}/api/v2/heartbeat", timeout=_REACH_SECONDS)
        return chromadb.HttpClient(
            host=server.host,
            port=server.port,
            ssl=server.ssl,
            settings=Settings(anonymized_telemetry=False),
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
