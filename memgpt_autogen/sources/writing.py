"""Writing: what documents were read as, into a source's store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from memgpt_autogen.events import Clock
from memgpt_autogen.sources.labels import Origin
from memgpt_autogen.sources.reading import Reading
from memgpt_autogen.storage.indexer import TOLD, Progress
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.store import Store
from memgpt_autogen.storage.text import clean

_WRITTEN = 128  # passages in one transaction; a document's are never divided


@dataclass
class Writer:
    """Stores and embeds the passages of documents as they are read.

    Args:
        store: of the source.
        clock: dates the passages.
        progress: is told the passages done, and their total: an estimate until all are read.
        count: the documents that will be read; 0 where nobody knows.
    """

    store: Store
    clock: Clock
    progress: Progress
    count: int = 0
    _waiting: list[Reading] = field(default_factory=list)
    _read: int = 0
    _passages: int = 0
    _done: int = 0

    def __post_init__(self) -> None:
        self.known = self.store.state.values()
        self.origins = origins(self.store)

    def take(self, readings: Iterable[Reading]) -> Iterable[Reading]:
        """Write what has passages; all pass through."""
        for one in readings:
            self._read += 1
            if one.passages:
                self._waiting.append(one)
                self._passages += len(one.passages)
                if self._passages - self._done >= _WRITTEN:
                    self._write()
            elif not one.reason and self.origins.get(one.label) != one.origin:
                self.store.state.put_aside(one.label, _json(one.origin))
            yield one
        self._write()
        self.store.indexer.settle()
        if self._passages:
            self.progress(self._passages, self._passages)

    def remove(self, labels: Sequence[str]) -> None:
        """Delete the passages of documents, and what is known of them."""
        with self.store.journal.transaction():
            for label in labels:
                self._take_out(label)
                self.store.state.remove(label)
                self.store.state.put_aside(label, None)

    def _write(self) -> None:
        """Put documents' passages in the place of those they had, and embed them."""
        with self.store.journal.transaction():
            for one in self._waiting:
                if one.label in self.known:
                    self._take_out(one.label)
                self.store.archival.store(self._records(one))
                self.store.state.put_aside(one.label, _json(one.origin))
            self.store.state.put({one.label: one.digest for one in self._waiting})
        self._waiting.clear()
        before, self._done = self._done, self._passages
        total = max(self._total(), self._passages)
        self.store.indexer.settle(
            lambda done, _: self.progress(min(before + done, self._done), total), at_least=TOLD
        )

    def _total(self) -> int:
        """How many passages there will be, if the rest is as what was read."""
        return self._passages * max(self.count, self._read) // max(self._read, 1)

    def _records(self, one: Reading) -> list[Record]:
        now, about = self.clock(), (clean(one.label), clean(one.title))
        return [
            Record(0, clean(part), now, tags=tuple(filter(None, (*about, place))))
            for part, place in one.passages
        ]

    def _take_out(self, label: str) -> None:
        """Delete the passages of a document: those whose first tag is its label."""
        table, tag = self.store.archival.table, clean(label)
        there = table.get(table.numbers(Where(tags=(tag,))))
        table.delete([number for number, record in there.items() if record.tags[0] == tag])


def origins(store: Store) -> dict[str, Origin]:
    """Where the documents of a source were loaded from, by their labels."""
    return {
        label: Origin.model_validate_json(text) for label, text in store.state.all_aside().items()
    }


def _json(origin: Origin) -> str:
    return origin.model_dump_json(exclude_defaults=True)
