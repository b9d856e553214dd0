"""Archival storage: passages the agent keeps for ever, and attached documents.

MemGPT, arXiv 2310.08560, section 2.1: a store of texts of any length that functions
write and search, and that pages its results into the main context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from memgpt_autogen.arguments import NotNegative, Positive, When, checked
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock, moment_of
from memgpt_autogen.memory.page import LAST, Page, first_item
from memgpt_autogen.memory.tier import PATIENCE, Tier
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import ARCHIVAL, Record
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.parse import parsed
from memgpt_autogen.storage.search.search import By, search
from memgpt_autogen.storage.text import clean
from memgpt_autogen.values import Brief
from memgpt_autogen.zones import aware


@dataclass(frozen=True, repr=False)
class Passage(Brief):
    """A text kept since `timestamp`, which is aware of its time zone.

    `source` names the document source it comes from; None: the agent's own.
    `score` is the chance, from 0 to 1, that it answers the search that found it. `times`
    is how many passages say the same and were found with it. `origin`: the chat that it
    was written in, where partners are kept apart.
    """

    id: str
    text: str
    tags: tuple[str, ...]
    timestamp: datetime
    source: str | None = None
    score: float | None = None
    times: int = 1
    origin: str = ""


class ArchivalStorage(Tier[Passage]):
    """The passages of one agent, or of one document source where `source` names it.

    Times without a zone are local. Every method may be called from any thread.

    Attributes:
        source: the name of the document source; None: the agent's own passages.
        archives: names of those that `insert` may write to.
    """

    holds = Passage

    def __init__(self, records: Records, *, clock: Clock, source: str | None = None) -> None:
        super().__init__(records, clock=clock)
        self.source = source
        self.archives: tuple[str, ...] = ()
        self._attached: dict[str, ArchivalStorage] = {}

    @property
    def attached(self) -> tuple[str, ...]:
        """Names of the attached sources."""
        return tuple(self._attached)

    def __repr__(self) -> str:
        told = "".join(f", {name!r}" for name in self.attached)
        return f"ArchivalStorage({len(self)} passages{told and f'; attached{told[1:]}'})"

    @checked
    def attach(self, other: ArchivalStorage, *, writable: bool = False) -> None:
        """Let `search` find the passages of a source too, and `insert` add to it.

        Nothing is copied.

        Raises:
            ConfigurationError: it has no source name, or is attached already.
        """
        if not other.source or other.source in self._attached:
            raise ConfigurationError(
                f"cannot attach the source {other.source!r}: it needs a name not attached yet."
            )
        self._attached[other.source] = other
        self._results.clear()
        if writable:
            self.archives = (*self.archives, other.source)

    @checked
    def detach(self, source: str) -> bool:
        """Search a source no longer; False if it was not attached."""
        self._results.clear()
        self.archives = tuple(name for name in self.archives if name != source)
        return self._attached.pop(source, None) is not None

    @checked
    def insert(
        self,
        text: str,
        tags: Sequence[str] | None = None,
        timestamp: When | None = None,
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

    @checked
    def passage(
        self,
        text: str,
        tags: Sequence[str] | None = None,
        timestamp: When | None = None,
        origin: str = "",
    ) -> Passage:
        """A passage as `write` takes it, with no id yet.

        Raises:
            ConfigurationError: the text is empty.
        """
        if not text.strip():
            raise ConfigurationError("a passage without text cannot be stored.")
        moment = aware(self._clock() if timestamp is None else moment_of(timestamp))
        return Passage("", text, tuple(dict.fromkeys(tags or ())), moment, origin=origin)

    def count(self, origins: Sequence[str] | None = None) -> int:
        """How many there are, of all origins or of these, without those of attached sources."""
        where = Where(origins=None if origins is None else tuple(map(clean, origins)))
        return self.records.table.count(where)

    def everywhere(self) -> list[ArchivalStorage]:
        """This storage and all attached sources."""
        return [self, *self._attached.values()]

    def places(self) -> list[ArchivalStorage]:
        """This storage and the attached archives that `insert` may write to."""
        return [self, *(self._attached[name] for name in self.archives)]

    def _place(self, archive: str | None) -> ArchivalStorage:
        if archive is None:
            return self
        if archive in self.archives:
            return self._attached[archive]
        there = ", ".join(repr(name) for name in self.archives) or "none"
        raise ConfigurationError(
            f"there is no shared archive {archive!r}, and nothing was stored; there are: {there}."
        )

    @checked
    def search(
        self,
        query: str,
        limit: Positive = 10,
        page: NotNegative = 0,
        tags: Sequence[str] | None = None,
        by: By = "both",
        origins: Sequence[str] | None = None,
    ) -> Page[Passage]:
        """The passages that answer `query` best, by words and by meaning; best first.

        What the query quotes or identifies exactly comes first. Attached sources are
        searched too. Passages that say the same are found once. The total counts what
        was found, around 200 of each source at the most. An empty query lists all
        passages, the latest first.

        Args:
            query: words or a question.
            limit: passages on a page.
            page: counts from 0; further pages continue the result of page 0.
            tags: only passages that have all of these.
            by: "words" embeds nothing; "meaning" goes by the embedder alone.
            origins: only passages of these origins; default all.
        """
        first, by = first_item(limit, page), self._way(by)
        where = Where(
            tags=tuple(clean(tag) for tag in tags or ()),
            origins=None if origins is None else tuple(map(clean, origins)),
        )
        storages = [self, *self._attached.values()]
        if not query.strip():
            return self._newest(storages, where, limit, page)
        stores = [storage.records for storage in storages]
        if by != "words":
            self.records.indexer.wait(PATIENCE)
        found = self._results.get(
            (query, where, by),
            page,
            lambda: search(stores, parsed(query, self._clock()), where, by),
        )
        sources = {id(storage.records): storage.source for storage in storages}
        items = tuple(
            _passage(one.found.record, sources[id(one.found.origin)], one.found.score, one.times)
            for one in found[first : first + limit]
        )
        return Page(items, page, limit, len(found))

    def _newest(
        self, stores: Sequence[ArchivalStorage], where: Where, limit: int, page: int
    ) -> Page[Passage]:
        wanted = min(limit * (page + 1), LAST)
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

    def _record(self, passage: Passage) -> Record:
        return Record(
            self._number(passage.id) if passage.id else 0,
            clean(passage.text),
            aware(passage.timestamp),
            tags=tuple(clean(tag) for tag in passage.tags),
            origin=clean(passage.origin),
        )

    def _item(self, record: Record, score: float | None = None, times: int = 1) -> Passage:
        return _passage(record, self.source, score, times)


def _passage(
    record: Record, source: str | None, score: float | None = None, times: int = 1
) -> Passage:
    id_ = ARCHIVAL.id_of(record.number)
    about = (record.tags, record.timestamp, source, score, times, record.origin)
    return Passage(id_, record.text, *about)
