"""The names of the memories on a Chroma server, each in the record of its state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memgpt_autogen.storage.address import Server
from memgpt_autogen.storage.directory import Section
from memgpt_autogen.storage.vectors.clients import chroma_errors, release, server_client

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

RECORD = "state"  # the only one of the collection of that name


@contextmanager
def connected(location: str) -> Iterator[ClientAPI]:
    """A client of a server, for the `with` block.

    Raises:
        StorageError: it does not answer.
    """
    server = Server.at(location)
    client = server_client(server)
    try:
        with chroma_errors(server.url):
            yield client
    finally:
        release(client)


def server_names(location: str, section: Section) -> list[str]:
    """The names of all agents, or all sources, on a server.

    Raises:
        StorageError: it does not answer.
    """
    with connected(location) as client:
        saved = [
            saved_in(client.get_collection(one.name, embedding_function=None))
            for one in client.list_collections()
            if one.name.startswith(f"memgpt-{section}.") and one.name.endswith(".state")
        ]
    return sorted(str(json.loads(one)["meta"]["name"]) for one in saved if one is not None)


def saved_in(collection: Collection) -> str | None:
    """What the record of a collection holds; None where nothing was saved yet."""
    found = collection.get(ids=[RECORD], include=["documents", "metadatas"])
    if not found["ids"] or not found["documents"] or not found["metadatas"]:
        return None
    return found["documents"][0] if found["metadatas"][0]["saved"] else None
