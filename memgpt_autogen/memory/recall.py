"""Recall storage: every message ever, found by words, meaning, date and speaker.

MemGPT, arXiv 2310.08560, section 2.1: the queue manager writes all incoming messages
and all completions here, and functions read them back into the main context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.memory.page import Page, check_paging
from memgpt_autogen.storage.behind import WriteBehind
from memgpt_autogen.storage.store import Database
from memgpt_autogen.storage.vectors.chroma import Progress
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.search.candidates import HybridStore
from memgpt_autogen.storage.record import (
    RECALL,
    Record,
    aware,
    first_moment,
    last_moment,
    micros,
)
from memgpt_autogen.storage.search.search import By, Results, search
from memgpt_autogen.storage.search.parse import understood
from memgpt_autogen.storage.text import clean
from memgpt_autogen.storage.journal.where import Where


@dataclass(frozen=True)
class Message:
    """What `speaker` said at `timestamp`, which is aware of its time zone.

    `score` tells how well it answers the search that found it, compared with the others
    that this search found; it is None where no search did. `times` is how many messages
    of this speaker say the same and were found with it.
    """

    id: str
    text: str
    speaker: str
    timestamp: datetime
    score: float | None = None
    times: int = 1


class RecallStorage:
    """The messages of one agent.

    Times without a zone are local. Every method may be called from any thread.

    Raises:
        EmbedderMismatchError: the messages were embedded with another embedder.
    """

    def __init__(
        self, database: Database, embedder: Embedder, *, clock: Callable[[], datetime]
    ) -> None:
        self._behind = WriteBehind(database.store(RECALL, embedder))
        self._clock = clock
        self._results = Results()

    @property
    def _store(self) -> HybridStore:
        """The store, with everything written: for all but the quick ways in."""
        self._behind.settle()
        return self._behind.store

    def __len__(self) -> int:
        return len(self._store)

    def append(self, text: str, speaker: str, timestamp: datetime | None = None) -> str:
        """Store a message, spoken now unless a time is given; its id.

        Raises:
            ConfigurationError: the text is empty.
        """
        message = self.draft(text, speaker, timestamp)
        self.write([message])
        return message.id

    def draft(self, text: str, speaker: str, timestamp: datetime | None = None) -> Message:
        """A message with the next id, for `write` to store later; nothing is written.

        Raises:
            ConfigurationError: the text is empty.
        """
        if not text.strip():
            raise ConfigurationError("a message without text cannot be stored in recall storage.")
        moment = aware(self._clock() if timestamp is None else timestamp)
        new = RECALL.id_of(self._behind.store.take_number())
        return Message(new, clean(text), clean(speaker), moment)

    def write(self, messages: Sequence[Message], progress: Progress | None = None) -> None:
        """Store drafts, in batches; those that are stored already are left as they are.

        `progress` is told the number of messages done and their total.

        Raises:
            StorageError: an id is in use for another message.
        """
        self._store.write([_record(message) for message in messages], progress)

    def write_later(self, messages: Sequence[Message]) -> None:
        """Store drafts some time; whatever is read from here on finds them.

        They are lost if the process ends before: the caller keeps those in `waiting`.

        Raises:
            StorageError: earlier ones cannot be written.
        """
        self._behind.put([_record(message) for message in messages])

    @property
    def waiting(self) -> set[str]:
        """The ids of the messages that are not written yet."""
        return {RECALL.id_of(number) for number in self._behind.waiting}

    def settle(self) -> None:
        """Write what `write_later` took in.

        Raises:
            StorageError: it cannot be written; it goes on waiting.
        """
        self._behind.settle()

    def search(
        self,
        query: str,
        limit: int = 10,
        page: int = 0,
        start: datetime | date | None = None,
        end: datetime | date | None = None,
        speaker: str | None = None,
        by: By = "both",
    ) -> Page[Message]:
        """The messages that answer `query` best, by words and by meaning; best first.

        What the query quotes or identifies exactly comes first. Speakers and times that
        it names count; a question of nothing but a time is answered from that time.
        Messages of one speaker that say the same are found once. The total counts what
        was found, around 100 at the most. An empty query lists all messages that pass
        the filters, the latest first.

        Args:
            query: words or a question.
            limit: messages on a page.
            page: counts from 0; further pages continue the result of page 0.
            start: only messages of this moment or day, or later.
            end: only messages of this moment or day, or earlier.
            speaker: only this speaker's messages.
            by: "words" embeds nothing; "meaning" goes by the embedder alone.
        """
        where = _where(start, end, speaker)
        first = check_paging(limit, page)
        if not query.strip():
            return self._listing(where, limit, page, newest_first=True)
        found = self._results.get(
            (query, where, by),
            page,
            lambda: search([self._store], understood(query, self._clock()), where, by),
        )
        items = tuple(
            replace(_message(one.found.record, one.found.score), times=one.times)
            for one in found[first : first + limit]
        )
        return Page(items, page, limit, len(found))

    def around(self, id: str, count: int = 1) -> list[Message]:
        """The messages stored before and after a message, so many of each, in their order."""
        number = RECALL.number_of(id)
        if number is None:
            return []
        return [_message(record) for record in self._store.table.around(number, count)]

    def between(
        self,
        start: datetime | date | None,
        end: datetime | date | None,
        limit: int = 10,
        page: int = 0,
    ) -> Page[Message]:
        """All messages from `start` to `end`, both inclusive, in the order of their times."""
        return self._listing(_where(start, end, None), limit, page, newest_first=False)

    def latest(self, count: int) -> list[Message]:
        """The messages stored last, in the order of their ids."""
        return [_message(record) for record in self._store.table.newest(count)]

    def get(self, ids: Sequence[str]) -> list[Message]:
        """The messages with these ids, in their order; ids that do not exist are left out."""
        numbers = [RECALL.number_of(one) for one in ids]
        found = self._store.table.get([number for number in numbers if number is not None])
        return [_message(found[number]) for number in numbers if number in found]

    def everything(self) -> Iterator[Message]:
        """All messages, in the order of their ids."""
        for record in self._store.everything():
            yield _message(record)

    def speakers(self) -> dict[str, int]:
        """How many messages each speaker has, by name."""
        return self._store.table.speakers()

    def by_speaker(self, speaker: str) -> list[str]:
        """The ids of a speaker's messages, rising."""
        numbers = self._store.table.numbers(Where(speaker=clean(speaker)))
        return [RECALL.id_of(number) for number in numbers]

    def delete(self, ids: Sequence[str]) -> int:
        """Delete messages; how many there were. Their ids are not given again."""
        numbers = [RECALL.number_of(one) for one in ids]
        self._results.clear()
        return self._store.delete([number for number in numbers if number is not None])

    def _listing(self, where: Where, limit: int, page: int, *, newest_first: bool) -> Page[Message]:
        first = check_paging(limit, page)
        records = self._store.table.page(
            where, limit=limit, offset=first, newest_first=newest_first
        )
        items = tuple(_message(record) for record in records)
        return Page(items, page, limit, self._store.table.count(where))


def _where(
    start: datetime | date | None, end: datetime | date | None, speaker: str | None
) -> Where:
    return Where(
        start=None if start is None else micros(first_moment(start)),
        end=None if end is None else micros(last_moment(end)),
        speaker=None if speaker is None else clean(speaker),
    )


def _record(message: Message) -> Record:
    number = RECALL.number_of(message.id)
    if number is None:
        raise ConfigurationError(f"{message.id!r} is no id of recall storage: use draft().")
    return Record(
        number, clean(message.text), aware(message.timestamp), speaker=clean(message.speaker)
    )


def _message(record: Record, score: float | None = None) -> Message:
    return Message(
        RECALL.id_of(record.number), record.text, record.speaker, record.timestamp, score
    )
