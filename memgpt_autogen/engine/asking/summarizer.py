"""Evicted messages → the summary at the head of the queue.

MemGPT (arXiv 2310.08560, section 2.2): an eviction generates a new recursive
summary from the existing one and the evicted messages. Or sparse priming representations:
short statements (https://github.com/daveshap/SparsePrimingRepresentations).
"""

from __future__ import annotations

import logging
import re
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

_STATE = (
    "You note what {name} is to remember of a conversation, as sparse priming representations:"
    " short statements that let a language model recall it. Write one statement a line, each"
    " complete by itself, of at most fifteen words, with the names, numbers, dates, decisions,"
    " open tasks and promises just as they were said. Leave out greetings and what nobody will"
    " ask for. At most {count} lines, and nothing but the statements."
)
_MERGE = (
    "These are statements that {name} remembers, the oldest first. They take too much room. Merge"
    " those that belong together, let a later one replace an earlier one that it corrects, and"
    " leave out what matters least; keep names, numbers, dates and promises as they are. One"
    " statement a line, at most {words} words in all, and nothing but the statements."
)
_STATEMENT = 200  # characters of one
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,3}[.)])\s+")


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
        sparse: the summary is of statements, each of which stays as it is while there is room,
            instead of being written anew at each eviction.
    """

    complete: Complete | None
    name: str
    limit: int
    chunk: int
    failures: tuple[type[Exception], ...] = ()
    zone: tzinfo | None = None
    sparse: bool = False

    def summarize(self, summary: str, evicted: Sequence[Queued]) -> str:
        """The summary that stands for `summary` and the evicted entries together."""
        texts = (transcript_of(entry, self.zone) for entry in evicted)
        lines = [clip(text, self.chunk // 2) for text in texts if text]
        if not lines:
            return summary
        if self.complete is not None:
            made = (self._primed if self.sparse else self._rewritten)(summary, lines)
            if made:
                return made
        return self._digest(summary, evicted, lines)

    def _rewritten(self, summary: str, lines: Sequence[str]) -> str:
        instructions = _INSTRUCTIONS.format(name=self.name, words=self.limit // 8)
        for chunk in _chunks(lines, self.chunk):
            so_far = frames.apart(summary) or "(none)"
            text = f"Summary so far:\n{so_far}\n\nNew messages:\n{chunk}"
            summary = clip(self._ask(instructions, text), self.limit)
            if not summary:
                return ""
        return summary

    def _primed(self, summary: str, lines: Sequence[str]) -> str:
        """The statements so far and those on the new messages, merged where room runs out."""
        told = _statements(summary)
        instructions = _STATE.format(name=self.name, count=max(self.limit // 160, 4))
        for chunk in _chunks(lines, self.chunk):
            made = self._ask(instructions, f"New messages:\n{chunk}")
            if not made:
                return ""
            told = list(dict.fromkeys(told + [clip(one, _STATEMENT) for one in _statements(made)]))
            if len("\n".join(told)) > self.limit:
                text = frames.apart("\n".join(told))
                merged = self._ask(_MERGE.format(name=self.name, words=self.limit // 9), text)
                told = _latest(_statements(merged) or told, self.limit)
        return "\n".join(told)

    def _ask(self, instructions: str, text: str) -> str:
        assert self.complete is not None
        try:
            made = self.complete(instructions, text).strip()
        except self.failures as problem:
            logger.warning("The model could not sum up what left the queue (%s).", problem)
            return ""
        if not made:
            logger.warning("The model could not sum up what left the queue: it wrote nothing.")
        return made

    def _digest(self, summary: str, evicted: Sequence[Queued], lines: Sequence[str]) -> str:
        """Who said how much, and each message's beginning, the newest first to be kept."""
        speakers = Counter(entry.speaker for entry in evicted if isinstance(entry, MessageEvent))
        who = ", ".join(f"{frames.name(name)} ({count})" for name, count in speakers.most_common(8))
        head = f"{len(evicted)} earlier entries" + (f", by {who}" if who else "") + "."
        room = self.limit - len(head) - 1
        if self.sparse:
            old = "\n".join(_latest(_statements(summary), room * 2 // 3))
        else:
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


def _statements(text: str) -> list[str]:
    """The statements in a text of one a line, without bullets and headings."""
    lines = (_BULLET.sub("", line).strip() for line in text.splitlines())
    return [line for line in lines if line and not line.endswith(":")]


def _latest(statements: Sequence[str], room: int) -> list[str]:
    """As many of the latest as so many characters take; of one that is too long, a part."""
    kept: list[str] = []
    for one in reversed(statements):
        if len(one) + 1 > room:
            break
        kept.append(one)
        room -= len(one) + 1
    if not kept and statements and room > 1:
        kept = [clip(statements[-1], room - 1)]
    return kept[::-1]


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
