"""Archival storage: passages the agent keeps for ever, and attached documents.

MemGPT, arXiv 2310.08560, section 2.1: a store of texts of any length that functions
write and search, and that pages its results into the main context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.page import Page, check_paging
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import ARCHIVAL, Record, aware
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.parse import parsed
from memgpt_autogen.storage.search.search import By, Results, search
from memgpt_autogen.storage.text import clean

_PATIENCE = 0.3  # seconds that a search waits for what was stored just before it


@dataclass(frozen=True)
class Passage:
    """A text kept since `timestamp`, which is aware of its time zone.

    `source` names the document source it comes from; None: the agent's own.
    `score` tells how well it answers the search that found it, compared with the others
    that this search found. `times` is how many passages say the same and were found
    with it.
    """

    id: str
    text: str
    tags: tuple[str, ...]
    timestamp: datetime
    source: str | None = None
    score: float | None = None
    times: int = 1


class ArchivalStorage:
    """The passages of one agent, or of one document source where `source` names it.

    Times without a zone are local. Every method may be called from any thread.

    Attributes:
        source: the name of the document source; None: the agent's own passages.
        attached: names of the attached sources.
        archives: names of those that `insert` may write to.
    """

    def __init__(self, records: Records, *, clock: Clock, source: str | None = None) -> None:
        self.records = records
        self._clock = clock
        self.source = source
        self.attached: tuple[str, ...] = ()
        self.archives: tuple[str, ...] = ()
        self._attached: list[ArchivalStorage] = []
        self._results = Results()

    def __len__(self) -> int:
        """How many passages there are, without those of attached sources."""
        return len(self.records)

    def attach(self, other: ArchivalStorage, *, writable: bool = False) -> None:
        """Let `search` find the passages of a source too, and `insert` add to it.

        Nothing is copied.

        Raises:
            ConfigurationError: it has no source name, or is attached already.
        """
        if not other.source or other.source in self.attached:
            raise ConfigurationError(
                f"cannot attach the source {other.source!r}: it needs a name not attached yet."
            )
        self._attached.append(other)
        self._results.clear()
        self.attached = (*self.attached, other.source)
        if writable:
            self.archives = (*self.archives, other.source)

    def detach(self, source: str) -> bool:
        """Search a source no longer; False if it was not attached."""
        kept = [other for other in self._attached if other.source != source]
        found = len(kept) < len(self._attached)
        self._attached = kept
        self._results.clear()
        self.attached = tuple(name for name in self.attached if name != source)
        self.archives = tuple(name for name in self.archives if name != source)
        return found

    def insert(
        self,
        text: str,
        tags: Sequence[str] | None = None,
        timestamp: datetime | None = None,
        *,
        archive: str | None = None,
    ) -> str:
        """Store a passage; its id.

        `archive` names an attached source to write to, which all who attached it search.

        Raises:
            ConfigurationError: the text is empty, or the archive is none of `archives`.
        """
        place = self._place(archive)
        return place.write([place.passage(text, tags, timestamp)])[0]

    def passage(
        self, text: str, tags: Sequence[str] | None = None, timestamp: datetime | None = None
    ) -> Passage:
        """A passage as `write` takes it, with no id yet.

        Raises:
            ConfigurationError: the text is empty, or the tags are no list.
        """
        if isinstance(tags, str):
            raise ConfigurationError(f"tags={tags!r}: give a list of tags, such as [{tags!r}].")
        if not text.strip():
            raise ConfigurationError("a passage without text cannot be stored.")
        moment = aware(self._clock() if timestamp is None else timestamp)
        return Passage("", text, tuple(dict.fromkeys(tags or ())), moment)

    def write(self, passages: Sequence[Passage], progress: Progress | None = None) -> list[str]:
        """Store many passages in their order; their ids. Written when it returns.

        Those without an id get the next ones; those with an id keep it, and are left as
        they are where they are stored already. `progress` is told the number of passages
        done and their total.

        Raises:
            StorageError: an id is in use for another passage.
        """
        numbers = self.records.write([_record(passage) for passage in passages], progress)
        return [ARCHIVAL.id_of(number) for number in numbers]

    def take_in(self, passage: Passage) -> str:
        """Store a passage within the transaction of a step; its id."""
        return ARCHIVAL.id_of(self.records.store([_record(passage)])[0])

    def places(self) -> list[ArchivalStorage]:
        """This storage and the attached archives that `insert` may write to."""
        shared = [other for other in self._attached if other.source in self.archives]
        return [self, *shared]

    def _place(self, archive: str | None) -> ArchivalStorage:
        if archive is None:
            return self
        for other in self.places():
            if other.source == archive:
                return other
        there = ", ".join(repr(name) for name in self.archives) or "none"
        raise ConfigurationError(
            f"there is no shared archive {archive!r} to write to; the archives are: {there}."
        )

    def take_out(self, ids: Sequence[str]) -> None:
        """Delete passages within the transaction of a step."""
        numbers = [ARCHIVAL.number_of(one) for one in ids]
        self._results.clear()
        self.records.table.delete([number for number in numbers if number is not None])

    def search(
        self,
        query: str,
        limit: int = 10,
        page: int = 0,
        tags: Sequence[str] | None = None,
        by: By = "both",
    ) -> Page[Passage]:
        """The passages that answer `query` best, by words and by meaning; best first.

        What the query quotes or identifies exactly comes first. Attached sources are
        searched too. Passages that say the same are found once. The total counts what
        was found, around 100 of each source at the most. An empty query lists all
        passages, the latest first.

        Args:
            query: words or a question.
            limit: passages on a page.
            page: counts from 0; further pages continue the result of page 0.
            tags: only passages that have all of these.
            by: "words" embeds nothing; "meaning" goes by the embedder alone.
        """
        first = check_paging(limit, page)
        where = Where(tags=tuple(clean(tag) for tag in tags or ()))
        storages = [self, *self._attached]
        if not query.strip():
            return self._newest(storages, where, limit, page)
        stores = [storage.records for storage in storages]
        if by != "words":
            self.records.indexer.wait(_PATIENCE)
        found = self._results.get(
            (query, where, by),
            page,
            lambda: search(stores, parsed(query, self._clock()), where, by),
        )
        sources = {id(storage.records): storage.source for storage in storages}
        items = tuple(
            replace(
                _passage(one.found.record, sources.get(id(one.found.origin)), one.found.score),
                times=one.times,
            )
            for one in found[first : first + limit]
        )
        return Page(items, page, limit, len(found))

    def latest(self, count: int) -> list[Passage]:
        """The passages stored last, in the order of their ids."""
        return [_passage(record, self.source) for record in self.records.table.newest(count)]

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages with these ids, in their order; ids that do not exist are left out."""
        numbers = [ARCHIVAL.number_of(one) for one in ids]
        found = self.records.table.get([number for number in numbers if number is not None])
        return [_passage(found[number], self.source) for number in numbers if number in found]

    def everything(self) -> Iterator[Passage]:
        """All passages of its own, in the order of their ids."""
        for record in self.records.table.everything():
            yield _passage(record, self.source)

    def delete(self, ids: str | Sequence[str]) -> int:
        """Delete a passage or several; how many there were. Their ids are not given again."""
        numbers = [ARCHIVAL.number_of(one) for one in ([ids] if isinstance(ids, str) else ids)]
        self._results.clear()
        return self.records.delete([number for number in numbers if number is not None])

    def _newest(
        self, stores: Sequence[ArchivalStorage], where: Where, limit: int, page: int
    ) -> Page[Passage]:
        wanted = limit * (page + 1)
        found = [
            (record, storage)
            for storage in stores
            for record in storage.records.table.page(where, limit=wanted, newest_first=True)
        ]
        found.sort(key=lambda pair: (pair[0].timestamp, pair[0].number), reverse=True)
        items = tuple(
            _passage(record, storage.source) for record, storage in found[limit * page : wanted]
        )
        total = sum(storage.records.table.count(where) for storage in stores)
        return Page(items, page, limit, total)


def _record(passage: Passage) -> Record:
    number = ARCHIVAL.number_of(passage.id) if passage.id else 0
    if number is None:
        raise ConfigurationError(f"{passage.id!r} is no id of archival storage.")
    tags = tuple(clean(tag) for tag in passage.tags)
    return Record(number, clean(passage.text), aware(passage.timestamp), tags=tags)


def _passage(record: Record, source: str | None, score: float | None = None) -> Passage:
    return Passage(
        ARCHIVAL.id_of(record.number), record.text, record.tags, record.timestamp, source, score
    )
