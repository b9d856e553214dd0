"""The situation: what a small model is asked about, read off the queue and core memory.

Nothing of it is kept: each step reads it anew, so a restart in the middle of a turn goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from memgpt_autogen import frames
from memgpt_autogen.engine.deciding.lines import LONGEST, Line, hits_in
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.participants import block_name
from memgpt_autogen.memory.partners import COMMON, PREFIX, partner_block
from memgpt_autogen.model.texts import find_text
from memgpt_autogen.steps import BLOCK_EDITS, FunctionResult, Step

PERSONA = "persona"
SEARCHES = ("conversation_search", "archival_memory_search")
_TOGETHER = 4  # messages of others that are looked at together
_BEFORE = 4  # messages that are shown before them
_LINES = 24  # of core memory
_FOUND = 6  # lines that are found at a time
_WORDS = re.compile(r"\w+")
_LOGIN = re.compile(r"\(login\) (.+?) is online\b")


@dataclass(frozen=True)
class Said:
    """Words and whose they are, by the name that is shown; the agent's own have none."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Situation:
    """What was said last, and what is known about it.

    Attributes:
        heard: what is to be answered, in order; the last is the one that gets the answer.
        before: what was said before it.
        known: lines of core memory that may matter.
        found: lines that were looked up beforehand, the best first.
        searched: further lines that searches brought.
        given: what the user's tools gave.
        noted: what was stored of it.
        blocks: whom or what a fact may be about, and the block that keeps it.
        results: what the calls of this turn came to.
        pictures: of the last message, in the OpenAI format.
        arrived: who came online last and has said nothing since.
        must_speak: there is no more time for anything else.
        answered: it has been answered already.
    """

    heard: Sequence[Said] = ()
    before: Sequence[Said] = ()
    known: Sequence[Line] = ()
    found: Sequence[Line] = ()
    searched: Sequence[Line] = ()
    given: Sequence[Line] = ()
    noted: Sequence[Line] = ()
    blocks: Mapping[str, str] = field(default_factory=dict)
    results: Sequence[FunctionResult] = ()
    pictures: Sequence[Mapping[str, Any]] = ()
    arrived: str = ""
    must_speak: bool = False
    answered: bool = False

    @property
    def last(self) -> Said:
        """What is to be answered."""
        return self.heard[-1] if self.heard else Said("", "")

    @property
    def done(self) -> frozenset[str]:
        """Names of the functions that were called about it."""
        return frozenset(result.name for result in self.results)

    @property
    def has_stored(self) -> bool:
        """Something of it was stored."""
        return bool(self.done & {*BLOCK_EDITS, "archival_memory_insert"})

    @property
    def has_searched(self) -> bool:
        """The storages were searched for it."""
        return bool(self.done & set(SEARCHES))


def situation_of(
    entries: Sequence[Queued],
    work: Workspace,
    *,
    urgent: Sequence[str] = (),
    prefetched: str = "",
    shown: int = 4000,
    pictured: Sequence[MessageEvent] = (),
) -> Situation:
    """The situation at the end of a queue.

    Args:
        entries: of the queue.
        work: its core memory, and the names of whom it knows.
        urgent: texts of alerts after which nothing may be done but to speak.
        prefetched: what was looked up beforehand, a hit a line, the best first.
        shown: characters of a message that are shown.
        pictured: the entries whose pictures are shown.
    """
    at = _beginning(entries)
    heard = [one for one in entries[at:] if _is_heard(one)][-_TOGETHER:]
    steps = [one for one in entries[at:] if isinstance(one, Step)]
    results = [result for step in steps for result in step.results]
    said = [_said(one, shown) for one in heard]
    arrived = _arrived(heard[-1:])
    if arrived:
        said[-1] = Said(arrived, said[-1].text)
    last = next((one for one in pictured if heard and one is heard[-1]), None)
    latest = said[-1:]
    words = " ".join(one.text for one in latest)
    found = hits_in(prefetched, words)[:_FOUND]
    return Situation(
        heard=said,
        before=list(_spoken(entries[:at], shown))[-_BEFORE:],
        known=_known(work, [one.speaker for one in latest], words)[:_LINES],
        found=found,
        searched=[line for line in _searched(results, words) if line not in found][:_FOUND],
        given=_given(results),
        noted=list(_noted(steps)),
        blocks=_blocks(work, [one.speaker for one in latest if one.speaker]),
        results=results,
        pictures=last.images if last else (),
        arrived=arrived,
        must_speak=any(
            isinstance(one, Notice) and any(text in one.text for text in urgent)
            for one in entries[at:]
        ),
        answered=not heard or any(step.sent for step in steps),
    )


def _is_heard(entry: Queued) -> bool:
    """Whether an entry is something to act on, rather than the agent's own or an alert."""
    if isinstance(entry, MessageEvent):
        return not entry.own
    return isinstance(entry, Notice) and not entry.alert


def _beginning(entries: Sequence[Queued]) -> int:
    """Where begins what came in since the agent spoke last, and what it did about it."""
    heard = False
    for at in range(len(entries) - 1, -1, -1):
        entry = entries[at]
        if _is_heard(entry):
            heard = True
        elif heard and not isinstance(entry, Notice):
            return at + 1
    return 0


def _said(entry: Queued, shown: int) -> Said:
    if isinstance(entry, MessageEvent):
        return Said(frames.name(entry.speaker), frames.clip(entry.text.strip(), shown))
    return Said("", frames.clip(entry.body(), shown) if isinstance(entry, Notice) else "")


def _arrived(last: Sequence[Queued]) -> str:
    """The name of whom a login tells of, as it is shown."""
    match = _LOGIN.match(last[0].text) if last and isinstance(last[0], Notice) else None
    return match[1] if match else ""


def _spoken(entries: Sequence[Queued], shown: int) -> Iterator[Said]:
    for entry in entries[-3 * _BEFORE :]:
        if isinstance(entry, Step):
            yield from (Said("", frames.clip(text, shown)) for text in entry.sent)
        elif isinstance(entry, MessageEvent) and entry.text.strip():
            name = "" if entry.own else frames.name(entry.speaker)
            yield Said(name, frames.clip(entry.text.strip(), shown))


# --- core memory -------------------------------------------------------------------------


def _block_of(work: Workspace, speaker: str) -> str:
    """The block that keeps what is known of a speaker, by the name that is shown."""
    shown = {block.name for block in work.core.seen()}
    partner = work.core.view.partner
    for name in (block_name(speaker), partner_block(partner) if partner else ""):
        if name in shown:
            return name
    return COMMON


def _blocks(work: Workspace, names: Sequence[str]) -> dict[str, str]:
    """Who spoke last, and the further blocks that may be edited, each with its block."""
    editable = {block.name for block in work.core.seen() if work.core.may_edit(block)}
    found = {name: _block_of(work, name) for name in names}
    others = [name for name in editable if not _is_about_people(name) and name != PERSONA]
    found |= {name: name for name in sorted(others)} if names else {}
    return {about: block for about, block in found.items() if block in editable}


def _is_about_people(name: str) -> bool:
    return name == COMMON or name.startswith(PREFIX)


def _known(work: Workspace, speakers: Sequence[str], words: str) -> list[Line]:
    """The lines of core memory on who speaks, then on whom they name, then on what concerns all."""
    named = {word.casefold() for word in _WORDS.findall(words)}
    first = [_block_of(work, name) for name in dict.fromkeys(reversed(speakers)) if name]

    def rank(block: Block) -> int:
        if block.name in first:
            return first.index(block.name)
        name = block.name.removeprefix(PREFIX)
        if block.name.startswith(PREFIX):
            return 100 if named & {word.casefold() for word in _WORDS.findall(name)} else -1
        return 200

    blocks = [block for block in work.core.seen() if block.name != PERSONA and rank(block) >= 0]
    return [
        Line(line.strip(), block.name)
        for block in sorted(blocks, key=rank)
        for line in block.value.splitlines()
        if line.strip() and line.strip() != _nothing_known()
    ]


@lru_cache
def _nothing_known() -> str:
    """What stands in a block of whom nothing is known, which is no fact."""
    found = find_text("human", "basic")
    return found.text if found else ""


# --- what was found ----------------------------------------------------------------------


def _searched(results: Sequence[FunctionResult], words: str) -> list[Line]:
    """The lines that searches brought, those of the first places first."""
    found = [hits_in(one.text, words) for one in results if one.name in SEARCHES]
    return [line for place in zip_longest(*found) for line in place if line is not None]


def _given(results: Sequence[FunctionResult]) -> list[Line]:
    """What the user's tools gave."""
    given = [one for one in results if not one.framed]
    return [
        Line(f"Result of {one.name}: {frames.clip(one.text.strip(), 4 * LONGEST)}") for one in given
    ]


def _noted(steps: Sequence[Step]) -> Iterator[Line]:
    """The lines that were stored."""
    for call in (call for step in steps for call in step.calls):
        if call.name in BLOCK_EDITS:
            values = json.loads(call.arguments)
            yield Line(str(values.get("content") or values.get("new_content")))
