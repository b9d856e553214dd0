"""What a vector index is to the rest: few verbs, behind which any vector store may stand.

`Store` (storage/store.py) chooses one, and the indexer tells it what the journal holds. The
journal is the truth. An index is told of changes in their order, may be told twice,
and can be made anew from the journal at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.record import Kind, Record


@dataclass(frozen=True)
class Standing:
    """Where an index of one kind stands.

    Attributes:
        journal: the identity of the journal whose records it holds.
        embedder: the id of the embedder whose vectors it holds.
        sequence: of the latest change that it was told.
    """

    journal: str
    embedder: str
    sequence: int


class VectorIndex(Protocol):
    """The vectors of one kind's records. Every method may be called from any thread."""

    def upsert(self, records: Sequence[Record], vectors: Vectors) -> None:
        """Store records, a row of `vectors` for each, in the place of those of their numbers."""
        ...

    def delete(self, numbers: Sequence[int]) -> None:
        """Delete records; those that are not there do no harm."""
        ...

    def query(self, vector: Vectors, count: int) -> list[tuple[int, float]]:
        """The records nearest to a vector of shape (1, dimension): number and cosine."""
        ...

    def __len__(self) -> int: ...

    @property
    def standing(self) -> Standing | None:
        """What `note` wrote last; None for an empty index."""
        ...

    def note(self, standing: Standing) -> None:
        """Keep where the index stands, after it was told so far."""
        ...


class VectorStore(Protocol):
    """Where the indexes of one memory lie, such as a folder or a server."""

    def look(self) -> str:
        """What is wrong with it, as far as a quick look tells; empty for nothing.

        Raises:
            StorageError: it belongs to another memory.
        """
        ...

    def prepare(self) -> bool:
        """See whether what is there can be used without danger; False where it was lost.

        To be called once, before anything else, by whoever alone writes it. What cannot be
        used is put aside, never deleted.
        """
        ...

    def index(self, kind: Kind) -> VectorIndex:
        """The index of one kind; made where there is none."""
        ...

    def put_aside(self) -> None:
        """Begin with an empty store; the old one is kept under another name."""
        ...

    def destroy(self) -> bool:
        """Begin with an empty store; False where the old one was removed and not overwritten."""
        ...

    def close(self) -> None:
        """Let go of it; a later use opens it again."""
        ...
