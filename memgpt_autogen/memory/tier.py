"""Tier: what the two storages outside the context window have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from memgpt_autogen.arguments import NotNegative, checked
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.page import LAST
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.search import By, Results

T = TypeVar("T")

PATIENCE = 0.3  # seconds that a search waits for what was stored just before it


class Tier(ABC, Generic[T]):
    """Texts under ids, stored, deleted and searched.

    Times without a zone are local. Every method may be called from any thread.

    Attributes:
        holds: the type of its items.
    """

    holds: type

    def __init__(self, records: Records, *, clock: Clock) -> None:
        self.records = records
        self._clock = clock
        self._results = Results()

    def __len__(self) -> int:
        """How many there are, without those of attached sources."""
        return len(self.records)

    @abstractmethod
    def _record(self, item: T) -> Record:
        """What is stored of an item; its number is 0 where it has no id yet."""

    @abstractmethod
    def _item(self, record: Record, score: float | None = None, times: int = 1) -> T:
        """The item that a record was made from."""

    @checked
    def write(self, items: Sequence[T], progress: Progress | None = None) -> list[str]:
        """Store many in their order; their ids. Written when it returns.

        Those without an id get the next ones; those with an id keep it, and are left as
        they are where they are stored already. `progress` is told the number of those
        done and their total.

        Raises:
            ConfigurationError: a text is empty, an id is none, or an item is of another type;
                nothing is stored then.
            StorageError: an id is in use for another one.
        """
        if not all(isinstance(item, self.holds) for item in items):
            raise ConfigurationError(f"items: give a list of {self.holds.__name__} objects.")
        numbers = self.records.write([self._record(item) for item in items], progress)
        return [self.records.kind.id_of(number) for number in numbers]

    def put(self, items: Sequence[T]) -> list[str]:
        """`write` within the transaction of a step, whose end writes it."""
        numbers = self.records.store([self._record(item) for item in items])
        return [self.records.kind.id_of(number) for number in numbers]

    def take_out(self, ids: Sequence[str]) -> None:
        """Delete some within the transaction of a step."""
        self._results.clear()
        self.records.table.delete(self._numbers(ids))

    @checked
    def delete(self, ids: str | Sequence[str]) -> int:
        """Delete one or several; how many there were. Their ids are not given again."""
        self._results.clear()
        return self.records.delete(self._numbers(ids))

    @checked
    def latest(self, count: NotNegative) -> list[T]:
        """Those stored last, in the order of their ids."""
        return [self._item(record) for record in self.records.table.newest(min(count, LAST))]

    @checked
    def get(self, ids: str | Sequence[str]) -> list[T]:
        """Those with these ids, in their order; ids that do not exist are left out."""
        numbers = self._numbers(ids)
        found = self.records.table.get(numbers)
        return [self._item(found[number]) for number in numbers if number in found]

    def everything(self) -> Iterator[T]:
        """All there are, without those of attached sources, in the order of their ids."""
        return map(self._item, self.records.table.everything())

    def _way(self, by: By) -> By:
        """How a search goes: by words alone where there is no embedder."""
        return (
            "words" if by == "both" and not getattr(self.records.embedder, "embeds", True) else by
        )

    def _number(self, id: str) -> int:
        """The number in the id of an item that is to be stored."""
        number = self.records.kind.number_of(id)
        if number is None:
            raise ConfigurationError(f"{id!r} is no id of {self.records.kind.name} storage.")
        return number

    def _numbers(self, ids: str | Sequence[str]) -> list[int]:
        numbers = map(self.records.kind.number_of, [ids] if isinstance(ids, str) else ids)
        return [number for number in numbers if number is not None]
