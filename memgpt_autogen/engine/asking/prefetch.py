"""Prefetch: what the model would have to search for, looked up before it runs.

As an operating system reads ahead of a program. What memory holds on a message stands behind
it for as long as the turn about it lasts, as memory and not as anybody's words: it enters
neither the queue nor recall storage, and the model may search further.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from memgpt_autogen.engine.formatting import message_in_context, passage_line, shortened
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import MainContext, Prefetched, Queued
from memgpt_autogen.events import Message, MessageEvent, Notice
from memgpt_autogen.frames import MEMORY, clip
from memgpt_autogen.memory.archival import Passage
from memgpt_autogen.memory.page import Page
from memgpt_autogen.steps import Step
from memgpt_autogen.storage.process import Workers
from memgpt_autogen.storage.search.search import By

logger = logging.getLogger(__name__)

TOLD = f"{MEMORY} Looked up for you; nobody says it now:"
# The least chance to answer, of what is worth its tokens: a question, and what asks nothing.
TO_A_QUESTION, TO_OTHERS = 0.003, 0.03
_NEAR = 0.2  # of the best one's chance, of what a model that reads slowly is given

_ASKS = re.compile("[?？؟]")
_MOST = 12  # messages, and as many passages
_ASKED = 3  # of the messages that came in: the latest
_SHARE, _MOST_TOKENS = 12, 1200  # of the window
_TOKEN = 4  # characters, of a hit that is cut

_workers = Workers()


@dataclass(frozen=True)
class _Hit:
    score: float
    found: Message | Passage
    asked: str


class _Line(NamedTuple):
    """A hit as it is shown."""

    kept: bool
    when: datetime
    text: str
    score: float


@dataclass(eq=False)
class Prefetch:
    """Looks up what memory holds on the messages of a turn.

    Attributes:
        context: gets it.
        work: what is searched, as the model's functions search it.
        bounds: tokens that it may take (None: by the window; 0: nothing is looked up), and the
            seconds that a reply waits for it.
    """

    context: MainContext
    work: Workspace
    bounds: tuple[int | None, float]
    _running: futures.Future[list[_Hit]] | None = None

    def ahead(self, arrived: Sequence[Queued]) -> None:
        """Show what memory holds on what has come in, in the place of what was shown before.

        Where nothing has come but results of calls, the turn about a message goes on.
        """
        if not arrived:
            return
        self.context.show_ahead(None)
        said = [one for one in arrived if isinstance(one, MessageEvent) and not one.own]
        texts = [one.text for one in reversed(said) if one.text.strip()][:_ASKED]
        if not texts or self._room == 0:
            return
        hits = self._in_time(texts, _oldest(self.context.entries))
        if lines := self._lines(hits):
            text = "\n".join([TOLD, *_in_order(lines)])
            notice = Notice(timestamp=self.work.clock(), text=text, alert=True)
            near = tuple(one.text for one in lines if one.score >= _NEAR * lines[0].score)
            self.context.show_ahead(Prefetched(arrived[-1], notice, near))
            logger.info("looked up ahead: %d of %d that were found", len(lines), len(hits))

    @property
    def _room(self) -> int:
        most = min(self.context.budget.window // _SHARE, _MOST_TOKENS)
        return most if self.bounds[0] is None else self.bounds[0]

    def _in_time(self, texts: Sequence[str], oldest: str | None) -> list[_Hit]:
        """What is found by words and meaning in the seconds there are; else by words alone.

        An embedder may still be loading, or be far away: after a third of the time the words are
        looked for as well, and what is found first counts.
        """
        search = partial(self._found, texts, oldest)
        tried: list[futures.Future[list[_Hit]]] = []
        if self._running is None or self._running.done():
            self._running = _workers.submitted(search, "memgpt prefetch")
            tried.append(self._running)
            futures.wait(tried, self.bounds[1] / 3)
        if not any(one.done() for one in tried):
            by_words = partial(search, by="words")
            tried.append(_workers.submitted(by_words, "memgpt prefetch by words"))
            futures.wait(tried, return_when=futures.FIRST_COMPLETED)
        first = next(one for one in tried if one.done())
        if first is not self._running:
            logger.info("looked up ahead by words: %s seconds were too few", self.bounds[1] / 3)
        try:
            return first.result()
        except Exception as problem:  # noqa: BLE001 - of a user's embedder; a turn does without
            logger.warning("nothing was looked up ahead: %r", problem)
            return []

    def _found(self, texts: Sequence[str], oldest: str | None, by: By = "both") -> list[_Hit]:
        """What answers the texts, of what was said before the oldest message in view."""
        recall = None if oldest is None else partial(self.work.conversations.search, before=oldest)
        return [hit for text in texts for hit in _hits(self.work, text, recall, by)]

    def _lines(self, hits: Sequence[_Hit]) -> list[_Line]:
        """The best hits that are not in view, as many as there is room for, the best first."""
        known = _texts(self.context.entries)
        new = (hit for hit in hits if not any(hit.found.text.strip() in text for text in known))
        count = self.context.counter.text
        return _lines(self.work, new, self._room, self._room - count(TOLD), count)


def remembered(work: Workspace, query: str) -> str:
    """What memory holds on a query, for somebody who has nothing of it in view."""
    hits = _hits(work, query, work.conversations.search)
    lines = _lines(work, hits, _MOST_TOKENS, _MOST_TOKENS, lambda t: len(t) // _TOKEN)
    return "\n".join(_in_order(lines))


def _hits(
    work: Workspace, text: str, recall: Callable[..., Page[Message]] | None, by: By = "both"
) -> Iterator[_Hit]:
    """What has a chance to answer a text."""
    found: list[Message | Passage] = []
    if recall is not None:
        found += recall(text, limit=_MOST, by=by).items
    if work.has_passages:
        found += work.archival.search(text, limit=_MOST, origins=work.origins, by=by).items
    least = TO_A_QUESTION if _ASKS.search(text) else TO_OTHERS
    return (_Hit(one.score, one, text) for one in found if one.score and one.score >= least)


def _lines(
    work: Workspace, hits: Iterable[_Hit], size: int, room: int, count: Callable[[str], int]
) -> list[_Line]:
    """The best hits, as many as there is room for, the best first; the size bounds each."""
    chosen: dict[tuple[bool, str | None, str], _Line] = {}
    for hit in sorted(hits, key=lambda one: -one.score):
        found, kept = hit.found, isinstance(hit.found, Passage)
        key = (kept, found.source if isinstance(found, Passage) else None, found.id)
        if key in chosen:
            continue
        line = _line(work, hit, max(size * _TOKEN // 3, 80))
        room -= count(line)
        if room < 0:
            break
        chosen[key] = _Line(kept, found.timestamp, line, hit.score)
    return list(chosen.values())


def _in_order(lines: Iterable[_Line]) -> list[str]:
    """The texts: messages before passages, each the oldest first."""
    return [one.text for one in sorted(lines)]


def _line(work: Workspace, hit: _Hit, most: int) -> str:
    found = shortened(hit.found, hit.asked, most)
    if isinstance(found, Message):
        return clip(message_in_context(work.conversations, most, found, zone=work.zone), most)
    return clip(passage_line(found, work.zone), most)


def _oldest(entries: Sequence[Queued]) -> str | None:
    """The id of the oldest message in view: what was said before it is to be looked for."""
    return next((one.id for one in entries if isinstance(one, MessageEvent) and one.id), None)


def _texts(entries: Sequence[Queued]) -> list[str]:
    """What the agent has said and found in view; messages are told by their ids."""
    steps = [one for one in entries if isinstance(one, Step)]
    found = [result.text for step in steps for result in step.results]
    return [*found, *(text for step in steps for text in step.sent)]
