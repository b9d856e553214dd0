"""Chroma as a vector index: a collection, and the folder that holds those of one memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.record import Kind, Record
from memgpt_autogen.storage.vectors.base import Standing
from memgpt_autogen.storage.vectors.clients import (
    chroma_errors,
    collection_of,
    folder_client,
    release,
)
from memgpt_autogen.storage.vectors.files import blank_unused
from memgpt_autogen.storage.vectors.folder import Folder

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_PAGE = 2000
_BATCH = 200  # written at once; a query may have to wait for that


@dataclass
class _Known:
    """A collection as a client knows it; `written`: by this client."""

    client: ClientAPI
    collection: Collection
    written: bool = False


class ChromaIndex:
    """A collection that is made at the first write.

    Args:
        lent: gives Chroma's client for a `with` block; it may be another one each time.
        name: of the collection.
        kind: of the records.
        place: names the location in errors.
        texts: whether the collection holds the texts too, so that any Chroma client can
            read them.
        on_first_write: is called after the first records that are written by a client.
    """

    def __init__(
        self,
        lent: Callable[[], AbstractContextManager[ClientAPI]],
        name: str,
        kind: Kind,
        *,
        place: str,
        texts: bool = True,
        on_first_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._lent = lent
        self._known: _Known | None = None
        self._name = name
        self._kind = kind
        self._place = place
        self._texts = texts
        self._on_first_write = on_first_write

    def upsert(self, records: Sequence[Record], vectors: Vectors) -> None:
        with self._used() as client:
            collection = self._collection(client) or self._create(client)
            for start in range(0, len(records), _BATCH):
                part = records[start : start + _BATCH]
                collection.upsert(
                    ids=[self._kind.id_of(record.number) for record in part],
                    embeddings=vectors[start : start + _BATCH],
                    documents=[record.text for record in part] if self._texts else None,
                    metadatas=[record.metadata() for record in part],
                )
            if self._known and not self._known.written:
                self._known.written = True
                self._on_first_write()

    def delete(self, numbers: Sequence[int]) -> None:
        with self._used() as client:
            collection = self._collection(client)
            for start in range(0, len(numbers) if collection else 0, _BATCH):
                assert collection is not None
                part = numbers[start : start + _BATCH]
                collection.delete(ids=[self._kind.id_of(number) for number in part])

    def query(self, vector: Vectors, count: int) -> list[tuple[int, float]]:
        with self._used() as client:
            collection = self._collection(client)
            if collection is None or count < 1:
                return []
            found = collection.query(
                query_embeddings=vector, n_results=count, include=["distances"]
            )
        distances: Any = found["distances"]
        pairs = zip(found["ids"][0], distances[0], strict=True)
        return [(self._number(key), 1.0 - float(distance)) for key, distance in pairs]

    def __len__(self) -> int:
        with self._used() as client:
            collection = self._collection(client)
            return collection.count() if collection else 0

    @property
    def standing(self) -> Standing | None:
        with self._used() as client:
            collection = self._collection(client)
            about = dict((collection.metadata if collection else None) or {})
        if "journal" not in about:
            return None
        return Standing(str(about["journal"]), str(about["embedder"]), int(about["sequence"]))

    def note(self, standing: Standing) -> None:
        with self._used() as client:
            collection = self._collection(client) or self._create(client)
            collection.modify(metadata=asdict(standing))

    def everything(self) -> Iterator[tuple[list[Record], Vectors]]:
        """All records with their vectors, a page at a time."""
        offset = 0
        while True:
            with self._used() as client:
                collection = self._collection(client)
                if collection is None:
                    return
                found = collection.get(
                    include=["documents", "metadatas", "embeddings"], limit=_PAGE, offset=offset
                )
            if not found["ids"]:
                return
            texts: Any = found["documents"] or [None] * len(found["ids"])
            rows = zip(found["ids"], texts, found["metadatas"] or (), strict=True)
            records = [Record.restored(self._number(key), text, about) for key, text, about in rows]
            yield records, np.asarray(found["embeddings"], dtype=np.float32)
            offset += len(records)

    def _number(self, id: str) -> int:
        number = self._kind.number_of(id)
        if number is None:
            raise StorageError(
                f"the collection {self._name!r} at {self._place} holds a record {id!r} that is"
                " not of memgpt-autogen: delete it, or choose another location."
            )
        return number

    @contextmanager
    def _used(self) -> Iterator[ClientAPI]:
        with self._lent() as client, chroma_errors(self._place):
            yield client

    def _collection(self, client: ClientAPI) -> Collection | None:
        from chromadb.errors import NotFoundError  # heavy

        if self._known is None or self._known.client is not client:
            try:
                found = client.get_collection(self._name, embedding_function=None)
            except NotFoundError:
                return None
            self._known = _Known(client, found)
        return self._known.collection

    def _create(self, client: ClientAPI) -> Collection:
        made = collection_of(client, self._name)
        self._known = _Known(client, made)
        return made


class ChromaFolder(Folder["ClientAPI"]):
    """Chroma in a folder; its client holds 11 descriptors and 6 threads."""

    name: ClassVar[str] = "chroma"
    most: ClassVar[int] = 8

    def index(self, kind: Kind) -> ChromaIndex:
        return ChromaIndex(
            self._lent,
            kind.name,
            kind,
            place=str(self.path),
            texts=self._texts,
            on_first_write=partial(blank_unused, self.path),
        )

    def _connect(self) -> ClientAPI:
        return folder_client(self.path)

    def _release(self, client: ClientAPI) -> None:
        release(client)
        blank_unused(self.path)  # also what was there before
