"""Shared blocks on a Chroma server, each version a record of its own.

Chroma keeps the old record where an id is added again, so of two that add the same
version one wins, and finds its mark there.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from memgpt_autogen.storage.journal.blocks import BlockChange, StoredBlock
from memgpt_autogen.storage.text import clean
from memgpt_autogen.storage.vectors.clients import chroma_errors, collection_of, release

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

_COLLECTION = "memgpt-shared.blocks"
_KEPT = 8  # versions on a server: a slow swapper must find its own mark


class ServerBlocks:
    """The blocks that agents share on one server; of each the latest versions are kept."""

    def __init__(self, client: ClientAPI, place: str) -> None:
        self._client = client
        self._place = place
        with chroma_errors(place):
            self._collection = collection_of(client, _COLLECTION)

    def create(self, block: StoredBlock, author: str, time: datetime) -> None:
        if self.read(block.name) is None:
            self._add(block, author, time)

    def read(self, name: str) -> StoredBlock | None:
        versions = self._versions(name)
        return _block(*versions[max(versions)]) if versions else None

    def swap(self, name: str, version: int, value: str, author: str, time: datetime) -> bool:
        now = self.read(name)
        if now is None or now.version != version:
            return False
        mark = self._add(StoredBlock(name, value, version + 1, now.limit), author, time)
        versions = self._versions(name)
        if version + 1 not in versions or versions[version + 1][1]["mark"] != mark:
            return False
        if max(versions) > version + _KEPT:
            # The version was taken and dropped before: what was added is no successor.
            self._drop(name, [version + 1])
            return False
        self._drop(name, [old for old in versions if old <= version + 1 - _KEPT])
        return True

    def history(self, name: str) -> list[BlockChange]:
        """The changes between the versions that are kept."""
        versions = self._versions(name)
        return [
            BlockChange(
                version=new,
                time=datetime.fromisoformat(versions[new][1]["time"]),
                author=versions[new][1]["author"],
                before=versions[old][0],
                after=versions[new][0],
            )
            for old, new in pairwise(sorted(versions))
        ]

    def purge(self) -> None:
        """Drop earlier versions; the server's files are out of reach here."""
        with chroma_errors(self._place):
            found = self._collection.get(include=["metadatas"])
        for name in {str(about["name"]) for about in found["metadatas"] or ()}:
            versions = self._versions(name)
            self._drop(name, [old for old in versions if old < max(versions)])

    def close(self) -> None:
        release(self._client)

    def _add(self, block: StoredBlock, author: str, time: datetime) -> str:
        mark = secrets.token_hex(8)
        about = {"name": clean(block.name), "version": block.version, "limit": block.limit}
        about |= {"mark": mark, "author": clean(author), "time": time.isoformat()}
        with chroma_errors(self._place):
            self._collection.add(
                ids=[_id(block.name, block.version)],
                documents=[clean(block.value)],
                embeddings=[[1.0]],
                metadatas=[about],
            )
        return mark

    def _versions(self, name: str) -> dict[int, tuple[str, Any]]:
        """The versions that are there: each its text and what is known of it."""
        with chroma_errors(self._place):
            found = self._collection.get(
                where={"name": clean(name)}, include=["documents", "metadatas"]
            )
        pairs: Any = zip(found["documents"] or (), found["metadatas"] or (), strict=True)
        return {about["version"]: (text or "", about) for text, about in pairs}

    def _drop(self, name: str, versions: list[int]) -> None:
        if versions:
            with chroma_errors(self._place):
                self._collection.delete(ids=[_id(name, version) for version in versions])


def _block(text: str, about: Any) -> StoredBlock:
    return StoredBlock(about["name"], text, about["version"], about["limit"])


def _id(name: str, version: int) -> str:
    digest = hashlib.sha256(clean(name).encode()).hexdigest()[:16]
    return f"{digest}.{version}"
