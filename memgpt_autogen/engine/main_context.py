"""The main context: system instructions, core memory and the FIFO queue, within a budget.

Pure: it decides what the model sees and what must leave, and does no input or
output (MemGPT, arXiv 2310.08560, section 2.1 "Main context" and 2.2 "Queue manager").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, NamedTuple, Union

from memgpt_autogen import frames
from memgpt_autogen.engine.budget import Budget
from memgpt_autogen.engine.formatting import ChatMessage, brief_of, messages_of, without_pictures
from memgpt_autogen.errors import ConfigurationError, ContextOverflowError
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.model.tokens import TOKENS_PER_IMAGE, TOKENS_PER_REQUEST, TokenCounter
from memgpt_autogen.steps import Step

_LEAST_QUEUE = 400  # tokens of the queue, below which no conversation is possible
_LEAST_SHOWN = 40  # characters of a text; what is cut says so in as many

Queued = Union[MessageEvent, Notice, Step]  # noqa: UP007 - Python 3.10
"""What stands in the queue."""


class Prefetched(NamedTuple):
    """What memory holds on a message, shown behind the entry `after`, and its best hits by rank."""

    after: Queued
    found: Notice
    ranked: tuple[str, ...]


class _Rendered(NamedTuple):
    """An entry of the queue as chat messages, and their size in tokens, uncorrected."""

    entry: Queued
    messages: list[ChatMessage]
    size: int


@dataclass
class MainContext:
    """What the model sees, in order: instructions, core memory, summary, queue.

    `memory` is core memory as of the last eviction: later edits stand in the queue
    as calls whose results show the block's new text, so that the beginning of the
    prompt stays the same and providers' prompt caches hit. Of one entry the model is
    shown `shown` characters; the rest is in recall storage. Dates are shown in `zone`; None:
    as they were given. `pressure_answered`: the model has had a step since it was warned of
    memory pressure. Of pictures the newest are shown, at most `most_images`, with `image_bytes`
    or `most_image_bytes` in all. `prefetched` is no part of the queue.
    """

    counter: TokenCounter
    budget: Budget
    instructions: str = ""
    memory: str = ""
    summary: str = ""
    entries: list[Queued] = field(default_factory=list)
    prefetched: Prefetched | None = None
    pressure_announced: bool = False
    pressure_answered: bool = False
    image_bytes: int = 8_000_000
    most_images: int | None = None
    most_image_bytes: int | None = None
    brief: bool = False
    zone: tzinfo | None = None
    shown: int = field(init=False)
    _rendered: dict[int, _Rendered] = field(default_factory=dict, repr=False)
    _fixed: tuple[tuple[tuple[str, ...], list[Mapping[str, Any]]], list[int]] | None = None

    def __post_init__(self) -> None:
        self.resize(self.budget)

    def resize(self, budget: Budget) -> None:
        """Go on with another budget."""
        self.budget = budget
        self.shown, self.brief = self._whole(), False
        self._rendered.clear()
        self._fixed = None

    @property
    def fixed(self) -> tuple[str, str]:
        """Core memory and summary, as they are shown."""
        return self.memory, self.summary

    @fixed.setter
    def fixed(self, texts: tuple[str, str]) -> None:
        self.memory, self.summary = texts

    def head(self) -> list[ChatMessage]:
        """The messages before the queue."""
        head: list[ChatMessage] = [
            {"role": "system", "content": f"{self.instructions}\n\n{self.memory}"}
        ]
        if self.summary:
            summary = f"(summary of earlier messages) {frames.below(self.summary)}"
            head.append({"role": "user", "content": summary})
        return head

    def render(self) -> list[ChatMessage]:
        """The whole prompt in the OpenAI chat format."""
        messages = self.head()
        shown = set(map(id, self.pictured()))
        for entry in self._view():
            found = self._render(entry).messages
            hidden = isinstance(entry, MessageEvent) and entry.images and id(entry) not in shown
            messages.extend(map(dict, without_pictures(found) if hidden else found))
        return messages

    def pictured(self) -> list[MessageEvent]:
        """The entries whose pictures are shown, newest first."""
        found: list[MessageEvent] = []
        room, most = self.image_bytes, self.most_images
        room = room if self.most_image_bytes is None else min(room, self.most_image_bytes)
        for entry in reversed(self.entries):
            if not isinstance(entry, MessageEvent) or not entry.images:
                continue
            room -= entry.image_bytes
            most = None if most is None else most - len(entry.images)
            if room < 0 or (most is not None and most < 0):
                break
            found.append(entry)
        return found

    def sections(self, tools: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Tokens of each part of the prompt, uncorrected."""
        fixed = ((self.instructions, self.memory, self.summary), list(tools))
        if self._fixed is None or self._fixed[0] != fixed:
            self._fixed = (fixed, self.counter.parts(*fixed))
        instructions, memory, summary, functions = self._fixed[1]
        return {
            "system instructions": instructions + TOKENS_PER_REQUEST,
            "functions": functions,
            "core memory": memory,
            "summary": summary,
            "queue": sum(self._render(entry).size for entry in self._view()) - self._unshown(),
        }

    def tokens(self, tools: Sequence[Mapping[str, Any]]) -> int:
        """Tokens of the prompt with the functions, as the provider is likely to count them."""
        return self._corrected(self.counted(tools))

    def counted(self, tools: Sequence[Mapping[str, Any]]) -> int:
        """The same, uncorrected: what `TokenCounter.learn` compares with the report."""
        return sum(self.sections(tools).values())

    def under_pressure(self, tools: Sequence[Mapping[str, Any]]) -> bool:
        """The warning is due: the prompt passed its size, and no warning since an eviction."""
        if self.pressure_announced:
            return False
        shown, self.prefetched = self.prefetched, None  # it goes by itself
        size, self.prefetched = self.tokens(tools), shown
        return size >= max(self.budget.warning, self._share_left(tools, 2 / 3))

    def evict(
        self, tools: Sequence[Mapping[str, Any]], *, keep: Sequence[Queued] = ()
    ) -> list[Queued]:
        """Take the oldest entries out until the prompt is down to the target.

        Entries in `keep` (what the model has not answered yet) leave only when the prompt would
        not fit the window otherwise. The newest always stays: nothing may be able to leave.
        """
        goal = max(self.budget.target, self._share_left(tools, 1 / 5))
        kept = {id(entry) for entry in (*keep, *self.entries[-1:])}
        size = self.counted(tools)
        leaving: set[int] = set()
        for bound, candidates in (
            (goal, [entry for entry in self.entries if id(entry) not in kept]),
            (self.budget.limit, self.entries[:-1]),
        ):
            for entry in candidates:
                if self._corrected(size) <= bound:
                    break
                if id(entry) not in leaving:
                    leaving.add(id(entry))
                    size -= self._render(entry).size
            if self._corrected(size) <= self.budget.limit:
                break
        evicted = [entry for entry in self.entries if id(entry) in leaving]
        self.entries[:] = [entry for entry in self.entries if id(entry) not in leaving]
        for entry in evicted:
            self._rendered.pop(id(entry), None)
        self.pressure_announced = self.pressure_answered = False
        return evicted

    def learn_of_overflow(
        self, problem: ContextOverflowError, tools: Sequence[Mapping[str, Any]]
    ) -> None:
        """Take over what a provider's refusal says of the window and of its own count."""
        counted = self.counted(tools)
        if problem.window is not None and problem.window < self.budget.window:
            self.budget = self.budget.shrunk(problem.window)
        if problem.prompt_tokens is not None:
            self.counter.refused(counted, problem.prompt_tokens)
        elif problem.window is not None:
            self.counter.refused(counted, problem.window + 1)
        if self.tokens(tools) <= self.budget.limit:
            self.counter.refused(counted)

    def lower(self, window: int, tools: Sequence[Mapping[str, Any]]) -> int:
        """Keep prompts to a smaller window, as far as the fixed parts allow; the new one."""
        self.budget = self.budget.lowered(window, self._fixed_size(tools) + _LEAST_QUEUE)
        return self.budget.window

    def complete(self, results: Mapping[str, str]) -> set[str]:
        """Give calls that wait for them these results (by call id); the ids of those calls."""
        found: set[str] = set()
        for index, entry in enumerate(self.entries):
            if isinstance(entry, Step) and (
                come := {call.id for call in entry.pending} & results.keys()
            ):
                found |= come
                self.entries[index] = entry.completed(results)
        return found

    def too_small(self, tools: Sequence[Mapping[str, Any]]) -> ConfigurationError:
        """The error that says what fills the window, and what to do."""
        return self.budget.too_small(self.sections(tools))

    def fit(self, tools: Sequence[Mapping[str, Any]]) -> bool:
        """Show as much of each entry as fits; whether that is enough by our own count.

        What providers reported may be wrong, and only a refusal tells.
        """
        while self.tokens(tools) > self.budget.limit and self.squeeze():
            continue
        return math.ceil(self.counted(tools) * min(self.counter.factor, 1.0)) <= self.budget.limit

    def relax(self) -> None:
        """Show as much of each entry as ever, once more."""
        if self.shown != self._whole() or self.brief:
            self.shown, self.brief = self._whole(), False
            self._rendered.clear()

    def _whole(self) -> int:
        return max(self.budget.window * 3 // 4, 400)  # about a quarter of the window in English

    def squeeze(self) -> bool:
        """Show less of each long entry; False when there is nothing left to cut."""
        if self.brief:
            return False
        self.brief = self.shown <= 2 * _LEAST_SHOWN
        self.shown = max(self.shown // 2, _LEAST_SHOWN)
        self._rendered.clear()
        return True

    def _share_left(self, tools: Sequence[Mapping[str, Any]], share: float) -> int:
        """The prompt's size when the queue fills `share` of what the fixed parts leave it.

        In a small window the fixed parts alone may pass a share of the whole window,
        and then the warning and the target must follow the room that is left.
        """
        fixed = self._fixed_size(tools)
        return fixed + int(max(self.budget.limit - fixed, 0) * share)

    def _fixed_size(self, tools: Sequence[Mapping[str, Any]]) -> int:
        """Tokens of all but the queue."""
        sections = self.sections(tools)
        return self._corrected(sum(sections.values()) - sections["queue"])

    def _unshown(self) -> int:
        """Tokens of the pictures that are not shown."""
        there = sum(len(one.images) for one in self.entries if isinstance(one, MessageEvent))
        shown = sum(len(one.images) for one in self.pictured()) if there else 0
        return (there - shown) * TOKENS_PER_IMAGE

    def show_ahead(self, prefetched: Prefetched | None) -> None:
        """Show this, in the place of what was prefetched before."""
        if self.prefetched is not None:
            self._rendered.pop(id(self.prefetched.found), None)
        self.prefetched = prefetched

    def _view(self) -> list[Queued]:
        """The queue with what was prefetched."""
        if (ahead := self.prefetched) is None:
            return self.entries
        at = next((at for at, one in enumerate(self.entries, 1) if one is ahead.after), None)
        return self.entries if at is None else [*self.entries[:at], ahead.found, *self.entries[at:]]

    def _render(self, entry: Queued) -> _Rendered:
        """An entry as the model sees it; made once, as entries never change."""
        known = self._rendered.get(id(entry))
        if known is None or known.entry is not entry:
            if self.brief and isinstance(entry, Step) and entry.calls and not entry.pending:
                messages = brief_of(entry)
            else:
                messages = messages_of(entry, self.shown, self.zone)
            known = _Rendered(entry, messages, self.counter.messages(messages))
            self._rendered[id(entry)] = known
        return known

    def _corrected(self, tokens: int) -> int:
        """A local count scaled to what the provider is likely to count."""
        return math.ceil(tokens * self.counter.factor)
