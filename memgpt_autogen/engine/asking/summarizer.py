"""Evicted messages → the recursive summary at the head of the queue.

MemGPT (arXiv 2310.08560, section 2.2): an eviction generates a new recursive
summary from the existing one and the evicted messages.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from memgpt_autogen import frames
from memgpt_autogen.engine.formatting import transcript_of
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.frames import clip

logger = logging.getLogger(__name__)

Complete = Callable[[str, str], str]
"""(instructions, text) → the model's plain answer."""

_INSTRUCTIONS = (
    "You keep the running summary of a conversation for {name}, one of its participants."
    " Rewrite the summary so that it also covers the new messages. Keep names, decisions,"
    " numbers, open tasks and promises; leave out greetings. Write plain sentences, at most"
    " {words} words, and nothing but the summary."
)


@dataclass(frozen=True)
class Summarizer:
    """Makes the new summary of evicted entries and the old one, by the model or as a digest.

    Attributes:
        complete: asks the model; None writes digests only.
        name: the agent's name.
        limit: characters of a summary.
        chunk: characters of messages given to the model at once.
        failures: exceptions of the model call that lead to a digest instead.
        zone: in which dates are shown.
    """

    complete: Complete | None
    name: str
    limit: int
    chunk: int
    failures: tuple[type[Exception], ...] = ()
    zone: tzinfo | None = None

    def summarize(self, summary: str, evicted: Sequence[Queued]) -> str:
        """The summary that stands for `summary` and the evicted entries together."""
        texts = (transcript_of(entry, self.zone) for entry in evicted)
        lines = [clip(text, self.chunk // 2) for text in texts if text]
        if not lines:
            return summary
        if self.complete is not None:
            made = self._by_model(summary, lines)
            if made:
                return made
        return self._digest(summary, evicted, lines)

    def _by_model(self, summary: str, lines: Sequence[str]) -> str:
        assert self.complete is not None
        instructions = _INSTRUCTIONS.format(name=self.name, words=self.limit // 8)
        for chunk in _chunks(lines, self.chunk):
            so_far = frames.apart(summary) or "(none)"
            text = f"Summary so far:\n{so_far}\n\nNew messages:\n{chunk}"
            try:
                summary = self.complete(instructions, text).strip()
            except self.failures as problem:
                logger.warning("The summary is a plain digest: the model failed (%s).", problem)
                return ""
            if not summary:
                logger.warning("The summary is a plain digest: the model gave an empty one.")
                return ""
            summary = clip(summary, self.limit)
        return summary

    def _digest(self, summary: str, evicted: Sequence[Queued], lines: Sequence[str]) -> str:
        """Who said how much, and each message's beginning, the newest first to be kept."""
        speakers = Counter(entry.speaker for entry in evicted if isinstance(entry, MessageEvent))
        who = ", ".join(f"{frames.name(name)} ({count})" for name, count in speakers.most_common(8))
        head = f"{len(evicted)} earlier entries" + (f", by {who}" if who else "") + "."
        room = self.limit - len(head) - 1
        old = clip(summary, room // 3) if summary else ""
        room -= len(old) + 1
        briefs: list[str] = []
        for line in reversed(lines):
            brief = " ".join(line.split())
            brief = brief if len(brief) <= 160 else brief[:157] + "…"
            if len(brief) + 1 > room:
                break
            briefs.append(brief)
            room -= len(brief) + 1
        return "\n".join(part for part in (old, head, *reversed(briefs)) if part)


def _chunks(lines: Sequence[str], limit: int) -> list[str]:
    """The lines joined into texts of at most about `limit` characters."""
    chunks: list[str] = []
    current: list[str] = []
    size = 0
    for line in lines:
        if current and size + len(line) > limit:
            chunks.append("\n".join(current))
            current, size = [], 0
        current.append(line)
        size += len(line) + 1
    return [*chunks, "\n".join(current)]
