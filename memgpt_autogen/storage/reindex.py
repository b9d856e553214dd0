"""Embedding a collection anew, so that a kill at any moment loses nothing.

The new collection grows beside the old one under the name `<name>.next`. When it holds
everything it is marked complete, the old one is deleted, and the new one takes its
name. What a kill has interrupted is finished by the next opening or `embed_anew`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memgpt_autogen.storage.collection import (
    Progress,
    VectorCollection,
    create,
    existing,
)
from memgpt_autogen.storage.embedding import Embedder
from memgpt_autogen.storage.record import Kind

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

_PART = 256


def next_name(name: str) -> str:
    return f"{name}.next"


def finish_swap(client: ClientAPI, name: str) -> None:
    """Let a complete new collection take the old one's place, if there is one."""
    new = existing(client, next_name(name))
    if new is None or not (new.metadata or {}).get("complete"):
        return
    if existing(client, name) is not None:
        client.delete_collection(name)
    kept = {key: value for key, value in (new.metadata or {}).items() if key != "complete"}
    new.modify(name=name, metadata=kept)


def embed_anew(
    client: ClientAPI, name: str, kind: Kind, embedder: Embedder, place: str, progress: Progress
) -> int:
    """Embed all records of a collection with `embedder`; how many there are.

    Those that are embedded with it already are left as they are.
    """
    finish_swap(client, name)
    present = existing(client, name)
    if present is None:
        return 0
    dimension = embedder.dimension
    if _same_space(present.metadata, embedder, dimension):
        return int(present.count())
    old = VectorCollection(client, name, kind, None, place=place)
    numbers = sorted(old.numbers())
    started = existing(client, next_name(name))
    if started is not None and not _same_space(started.metadata, embedder, dimension):
        client.delete_collection(next_name(name))
        started = None
    if started is None:
        create(client, next_name(name), embedder, dimension, **old.notes)
    new = VectorCollection(client, next_name(name), kind, embedder, place=place)
    done = new.numbers()
    new.delete(sorted(done.difference(numbers)))
    missing = [number for number in numbers if number not in done]
    for start in range(0, len(missing), _PART):
        part = old.get(missing[start : start + _PART])
        new.add(part, embedder.embed([record.embedded(kind) for record in part]))
        progress(len(numbers) - len(missing) + start + len(part), len(numbers))
    new.note(**old.notes, complete=True)
    finish_swap(client, name)
    return len(numbers)


def _same_space(metadata: object, embedder: Embedder, dimension: int) -> bool:
    wanted = {"embedder": embedder.model_id, "dimension": dimension}
    return isinstance(metadata, dict) and wanted.items() <= metadata.items()
