"""One Chroma collection: records with their vectors, all vectors of one embedder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memgpt_autogen.errors import EmbedderMismatchError, StorageError
from memgpt_autogen.storage.embedding import Embedder
from memgpt_autogen.storage.record import Kind, Record
from memgpt_autogen.storage.vectors import Vectors

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

Progress = Callable[[int, int], None]  # how many are done, of how many

_PAGE = 2000


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


class VectorCollection:
    """A collection that is made at the first write.

    `embedder` may be None to read records only.

    Chroma reopens a collection with any embedding function, and finds nothing any
    more; so the embedder's id and dimension are kept in the metadata and checked.

    Raises:
        EmbedderMismatchError: the collection was made with another embedder.
    """

    def __init__(
        self,
        client: ClientAPI,
        name: str,
        kind: Kind,
        embedder: Embedder | None,
        *,
        place: str,
        repair: str = "call reindex",
    ) -> None:
        self._client = client
        self._name = name
        self._kind = kind
        self._embedder = embedder
        self._place = place
        self._repair = repair
        with self._errors():
            self._batch: int = client.get_max_batch_size()
            self._collection: Collection | None = existing(client, name)
        self._check()

    @property
    def identity(self) -> str:
        """Chroma's own id of the collection; another one is another collection."""
        return str(self._collection.id) if self._collection else ""

    @property
    def highest(self) -> int:
        """The highest number that was ever given, as of the last deletion; 0 before one."""
        return int(self._metadata.get("highest", 0))

    @property
    def deletions(self) -> int:
        """How many deletions there were; an index that knows of fewer is out of date."""
        return int(self._metadata.get("deletions", 0))

    @property
    def notes(self) -> dict[str, int]:
        """What outlives a change of the embedder."""
        return {"highest": self.highest, "deletions": self.deletions}

    def note(self, **values: int) -> None:
        """Keep values in the collection's metadata."""
        if self._collection is not None:
            with self._errors():
                self._collection.modify(metadata={**self._metadata, **values})

    def __len__(self) -> int:
        with self._errors():
            return self._collection.count() if self._collection else 0

    def add(self, records: Sequence[Record], vectors: Vectors) -> None:
        """Write records; Chroma keeps the old one where a number is there already."""
        if not records:
            return
        collection = self._collection or self._create(vectors.shape[1])
        self._check(vectors.shape[1])
        with self._errors():
            for start in range(0, len(records), self._batch):
                part = records[start : start + self._batch]
                collection.add(
                    ids=[self._kind.id_of(record.number) for record in part],
                    embeddings=vectors[start : start + self._batch],
                    documents=[record.text for record in part],
                    metadatas=[record.metadata() for record in part],
                )

    def nearest(
        self, vector: Vectors, count: int, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """The records nearest to a vector of shape (1, dimension), with their cosines."""
        if self._collection is None or count < 1 or (among is not None and not among):
            return []
        self._check(vector.shape[1])
        ids = None if among is None else [self._kind.id_of(number) for number in among]
        with self._errors():
            found = self._collection.query(
                query_embeddings=vector, ids=ids, n_results=count, include=["distances"]
            )
        distances: Any = found["distances"]
        pairs = zip(found["ids"][0], distances[0], strict=True)
        return [(self._number(key), 1.0 - float(distance)) for key, distance in pairs]

    def cosines(self, vector: Vectors, numbers: Sequence[int]) -> dict[int, float]:
        """The cosine of each of these records' stored vectors to a vector."""
        if self._collection is None or not numbers:
            return {}
        with self._errors():
            found = self._collection.get(
                ids=[self._kind.id_of(number) for number in numbers], include=["embeddings"]
            )
        if not found["ids"]:
            return {}
        products = np.asarray(found["embeddings"], dtype=np.float32) @ vector[0]
        pairs = zip(found["ids"], products.tolist(), strict=True)
        return {self._number(key): product for key, product in pairs}

    def get(self, numbers: Sequence[int]) -> list[Record]:
        """The records with these numbers that there are, by number."""
        records: list[Record] = []
        for start in range(0, len(numbers) if self._collection else 0, _PAGE):
            ids = [self._kind.id_of(number) for number in numbers[start : start + _PAGE]]
            with self._errors():
                assert self._collection is not None
                found = self._collection.get(ids=ids, include=["documents", "metadatas"])
            texts: Any = found["documents"]
            rows = zip(found["ids"], texts, found["metadatas"] or (), strict=True)
            records += [
                Record.restored(self._number(key), text, metadata) for key, text, metadata in rows
            ]
        return sorted(records, key=lambda record: record.number)

    def numbers(self) -> set[int]:
        """The numbers of all records; linear in their count."""
        found: set[int] = set()
        while self._collection is not None:
            with self._errors():
                ids = self._collection.get(include=[], limit=_PAGE, offset=len(found))["ids"]
            if not ids:
                break
            found.update(self._number(key) for key in ids)
        return found

    def delete(self, numbers: Sequence[int]) -> None:
        """Delete records."""
        if self._collection is None:
            return
        with self._errors():
            for start in range(0, len(numbers), self._batch):
                part = numbers[start : start + self._batch]
                self._collection.delete(ids=[self._kind.id_of(number) for number in part])

    @property
    def _metadata(self) -> dict[str, Any]:
        return dict((self._collection.metadata if self._collection else None) or {})

    def _number(self, id: str) -> int:
        number = self._kind.number_of(id)
        if number is None:
            raise StorageError(
                f"the collection {self._name!r} at {self._place} holds a record {id!r} that is"
                " not of memgpt-autogen: delete it, or choose another location."
            )
        return number

    def _create(self, dimension: int) -> Collection:
        assert self._embedder is not None
        with self._errors():
            # On a server another process may have made it since this one looked.
            self._collection = existing(self._client, self._name) or create(
                self._client, self._name, self._embedder, dimension
            )
        return self._collection

    def _check(self, dimension: int | None = None) -> None:
        """Compare the embedder with the one the collection was made with."""
        if self._embedder is None or self._collection is None:
            return
        made_with, size = self._metadata.get("embedder"), self._metadata.get("dimension")
        if self._embedder.model_id == made_with and dimension in (None, size):
            return
        now = f"{self._embedder.model_id!r}" + (f" ({dimension} dimensions)" if dimension else "")
        raise EmbedderMismatchError(
            f"the collection {self._name!r} at {self._place} was made with the embedder"
            f" {made_with!r} ({size} dimensions) and is now used with {now}. Give the first one"
            f" as embedder=, or embed everything anew with the second: {self._repair}"
        )

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return chroma_errors(self._place)


def existing(client: ClientAPI, name: str) -> Collection | None:
    """The collection of that name, without any embedding function; None if there is none."""
    from chromadb.errors import NotFoundError  # heavy

    try:
        return client.get_collection(name, embedding_function=None)
    except NotFoundError:
        return None


def create(
    client: ClientAPI, name: str, embedder: Embedder, dimension: int, **notes: int
) -> Collection:
    """A new, empty collection in cosine space that names its embedder."""
    return client.create_collection(
        name,
        embedding_function=None,
        metadata={"embedder": embedder.model_id, "dimension": dimension, **notes},
        configuration={"hnsw": {"space": "cosine"}},
    )
