"""Recall storage: every message ever, found by words, meaning, date and speaker.

MemGPT, arXiv 2310.08560, section 2.1: the queue manager writes all incoming messages
and all completions here, and functions read them back into the main context.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from memgpt_autogen.arguments import NotNegative, Positive, When, checked, day_or_time
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Message, moment_of
from memgpt_autogen.memory.page import LAST, Page, first_item
from memgpt_autogen.memory.tier import PATIENCE, Tier
from memgpt_autogen.storage.journal.where import EVERYTHING, Where
from memgpt_autogen.storage.record import RECALL, Record, micros
from memgpt_autogen.storage.search.parse import parsed
from memgpt_autogen.storage.search.search import By, search
from memgpt_autogen.storage.text import clean
from memgpt_autogen.zones import aware, span_of, zone_of


class RecallStorage(Tier[Message]):
    """The messages of one agent.

    Times without a zone are the machine's; days are those of the clock's zone. Every
    method may be called from any thread.

    Attributes:
        origin: the chat whose messages alone are found; None: those of all.
    """

    holds = Message
    origin: str | None = None

    def of(self, origin: str) -> RecallStorage:
        """The same storage, in which only messages of one chat are found."""
        view = RecallStorage(self.records, clock=self._clock)
        view.origin = clean(origin)
        view._results = self._results
        return view

    def _within(self, where: Where) -> Where:
        return where if self.origin is None else replace(where, origins=(self.origin,))

    def __len__(self) -> int:
        return self.records.table.count(self._within(EVERYTHING))

    @checked
    def append(
        self, text: str, speaker: str, timestamp: When | None = None, origin: str = "program"
    ) -> str:
        """Store a message, spoken now unless a time is given; its id. Written when it returns.

        Raises:
            ConfigurationError: the text or the speaker is empty.
        """
        if not speaker.strip():
            raise ConfigurationError(f"speaker={speaker!r}: name who said it.")
        moment = self._clock() if timestamp is None else moment_of(timestamp)
        message = Message(timestamp=moment, speaker=speaker, text=text, origin=origin)
        return self.write([message])[0]

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {count}" for name, count in self.speakers().items())
        return f"RecallStorage({len(self)} messages{f': {told}' if told else ''})"

    def take_in(self, message: Message) -> str:
        """Store what was said in a chat, within the transaction of a step; its id."""
        return RECALL.id_of(self.records.table.insert([self._record(message)])[0])

    @checked
    def search(
        self,
        query: str,
        limit: Positive = 10,
        page: NotNegative = 0,
        start: When | None = None,
        end: When | None = None,
        speaker: str | None = None,
        by: By = "both",
        before: str | None = None,
    ) -> Page[Message]:
        """The messages that answer `query` best, by words and by meaning; best first.

        What the query quotes or identifies exactly comes first. Speakers and times that
        it names count; a question of nothing but a time is answered from that time.
        Messages of one speaker that say the same are found once. The total counts what
        was found, around 200 at the most. An empty query lists all messages that pass
        the filters, the latest first. What was stored in the last moments may be found by
        its words only.

        Args:
            query: words or a question.
            limit: messages on a page.
            page: counts from 0; further pages continue the result of page 0.
            start: only messages of this moment or day, or later; text is in ISO 8601.
            end: only messages of this moment or day, or earlier; likewise.
            speaker: only this speaker's messages.
            by: "words" embeds nothing; "meaning" goes by the embedder alone.
            before: only messages stored before the one with this id.
        """
        where, by = self._within(self._where(start, end, speaker)), self._way(by)
        if before is not None:
            where = replace(where, below=self._number(before))
            if not self.records.table.numbers(where, 1):
                return Page((), page, limit, 0)  # nothing is embedded in vain
        first = first_item(limit, page)
        if not query.strip():
            return self._listing(where, limit, page, newest_first=True)
        if by != "words":
            self.records.indexer.wait(PATIENCE)
        found = self._results.get(
            (query, where, by),
            page,
            lambda: search([self.records], parsed(query, self._clock()), where, by),
        )
        items = tuple(
            self._item(one.found.record, one.found.score, one.times)
            for one in found[first : first + limit]
        )
        return Page(items, page, limit, len(found))

    @checked
    def around(self, id: str, count: NotNegative = 1) -> list[Message]:
        """The messages stored before and after a message, so many of each, in their order."""
        number = RECALL.number_of(id)
        if number is None:
            return []
        inside = self._within(EVERYTHING)
        found = self.records.table.around(number, min(count, LAST), inside)
        return [self._item(record) for record in found]

    @checked
    def between(
        self,
        start: When | None,
        end: When | None,
        limit: Positive = 10,
        page: NotNegative = 0,
    ) -> Page[Message]:
        """All messages from `start` to `end`, both inclusive, in the order of their times."""
        where = self._within(self._where(start, end, None))
        return self._listing(where, limit, page, newest_first=False)

    @checked
    def everything(self, speaker: str | None = None) -> Iterator[Message]:
        """All messages, or a speaker's, in the order of their ids."""
        for record in self.records.table.everything():
            if speaker is None or record.speaker == clean(speaker):
                yield self._item(record)

    def speakers(self) -> dict[str, int]:
        """How many messages each speaker has, by name."""
        return self.records.table.speakers(self._within(EVERYTHING))

    def _where(self, start: When | None, end: When | None, speaker: str | None) -> Where:
        return Where(
            start=None if start is None else micros(self._span(start)[0]),
            end=None if end is None else micros(self._span(end)[1]),
            speaker=None if speaker is None else clean(speaker),
        )

    def _span(self, when: When) -> tuple[datetime, datetime]:
        """The first and the last moment of a day in the clock's zone; a moment is both."""
        day = day_or_time(when)
        if isinstance(day, datetime):
            return aware(day), aware(day)
        return span_of(day, zone_of(self._clock()))

    def _listing(self, where: Where, limit: int, page: int, *, newest_first: bool) -> Page[Message]:
        first = first_item(limit, page)
        table = self.records.table
        records = table.page(where, limit=limit, offset=first, newest_first=newest_first)
        return Page(tuple(map(self._item, records)), page, limit, table.count(where))

    def _record(self, message: Message) -> Record:
        if not message.text.strip():
            raise ConfigurationError("a message without text cannot be stored in recall storage.")
        return Record(
            self._number(message.id) if message.id else 0,
            clean(message.text),
            aware(message.timestamp),
            speaker=clean(message.speaker),
            origin=clean(message.origin),
        )

    def _item(self, record: Record, score: float | None = None, times: int = 1) -> Message:
        return Message.model_construct(
            id=RECALL.id_of(record.number),
            text=record.text,
            speaker=record.speaker,
            timestamp=record.timestamp,
            origin=record.origin,
            score=score,
            times=times,
        )
