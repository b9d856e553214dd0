"""Chroma's clients: opened, their errors named, and let go of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.address import Server
from memgpt_autogen.storage.process import Unforkable

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_REACH_SECONDS = 10.0


CHROMA = Unforkable()  # in a forked child it hangs (1.5.9)


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
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":  # of Rust, with no public name in Python
            raise
        raise StorageError(f"Chroma failed at {place}: {problem}") from problem


def folder_client(path: Path) -> ClientAPI:
    """A client of the Chroma folder at `path`, which is made where there is none."""
    import chromadb  # takes over a second to import, so only when an index is opened
    from chromadb.api.shared_system_client import SharedSystemClient
    from chromadb.config import Settings

    CHROMA.use()
    try:
        with chroma_errors(str(path)):
            return chromadb.PersistentClient(
                str(path), settings=Settings(anonymized_telemetry=False)
            )
    except (StorageError, ValueError, AttributeError) as problem:
        # Chroma keeps what it could not open, and fails in other ways the next time.
        SharedSystemClient._identifier_to_system.pop(str(path), None)  # noqa: SLF001
        SharedSystemClient._identifier_to_refcount.pop(str(path), None)  # noqa: SLF001
        raise StorageError(f"the Chroma folder {path} cannot be opened: {problem}") from problem


def server_client(server: Server) -> ClientAPI:
    import chromadb  # heavy
    import httpx  # comes with Chroma
    from chromadb.config import Settings

    place = f"{server.host}:{server.port}"
    try:
        # Chroma's own client waits without bound for a server that does not answer.
        httpx.get(
            f"{server.origin}/api/v2/heartbeat", headers=server.headers, timeout=_REACH_SECONDS
        )
        return chromadb.HttpClient(
            server.host,
            server.port,
            ssl=server.ssl,
            headers=server.headers,
            settings=Settings(anonymized_telemetry=False),
            tenant=server.tenant,
            database=server.database,
        )
    except (httpx.HTTPError, ValueError, KeyError) as problem:  # Chroma's, if it cannot connect
        raise StorageError(
            f"no Chroma server answers at {place}: {problem}. Start it with"
            f" `chroma run --path DIRECTORY --port {server.port}`, or correct the address."
        ) from problem


def collection_of(client: ClientAPI, name: str) -> Collection:
    """A collection for vectors of ours, which is made where there is none."""
    # With Chroma's 16 neighbours it can lose sight of texts that are nearly the same; looking at
    # its 100 candidates, of 100,000 records it misses three of the ten nearest (bench/vectors.py).
    hnsw = {"space": "cosine", "max_neighbors": 32, "ef_search": 400}
    return client.get_or_create_collection(
        name, embedding_function=None, configuration={"hnsw": hnsw}
    )


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
