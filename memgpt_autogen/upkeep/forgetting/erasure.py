"""Erasure: what of a speaker is to be erased from every tier; it is found, and nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Message, MessageEvent
from memgpt_autogen.memory.archival import ArchivalStorage, Passage
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.participants import block_name, block_tag
from memgpt_autogen.memory.partners import COMMON, partner_block
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.memory.state import AgentState, PutAside
from memgpt_autogen.storage.text import clean
from memgpt_autogen.upkeep.forgetting.distinctive import ordinary
from memgpt_autogen.upkeep.forgetting.said import Said
from memgpt_autogen.upkeep.forgetting.traces import Traces, texts_of
from memgpt_autogen.upkeep.reading.memory import AgentMemory
from memgpt_autogen.values import Brief

_NAMES = 20  # known speakers that an error names


class Tiers(Protocol):
    """The tiers of a memory."""

    @property
    def core(self) -> CoreMemory:
        """Its blocks."""
        ...

    @property
    def recall(self) -> RecallStorage:
        """What was said."""
        ...

    @property
    def archival(self) -> ArchivalStorage:
        """What was kept, with the attached sources."""
        ...


@dataclass(frozen=True)
class Erasure:
    """What is to be erased of a speaker.

    Attributes:
        blocks: names of those that are about the speaker alone.
        alone: nobody else has talked with the agent, so that `human` is about the speaker too.
        traces: by what texts of theirs, or about them, are known.
        said, first: the speaker's messages, and when the first was said.
        quoting: others' messages that hold a text or an identifier of theirs.
        passages: by where they lie.
    """

    speaker: str
    blocks: set[str]
    alone: bool
    traces: Traces
    said: list[Message]
    quoting: list[Message]
    passages: dict[ArchivalStorage, list[Passage]]
    first: datetime | None

    def may_hold(self, passage: Passage) -> bool:
        """Whether a passage of a source that the agent only reads may come from the speaker."""
        return self.first is not None and passage.timestamp > self.first

    def is_whole(self, block: Block) -> bool:
        """Whether a block goes with all its lines."""
        if block.name == COMMON:
            return self.alone and not (block.read_only or block.shared)
        return block.name in self.blocks

    def kept_lines(self, value: str) -> list[str]:
        """The lines of a block that neither name the speaker nor come from them."""
        kept = [line for line in value.splitlines() if not self.traces.touch(line)]
        # A text of several lines is held by none of them alone.
        return [] if self.traces.comes("\n".join(kept)) else kept

    def gone_lines(self, block: Block) -> list[str]:
        """The lines that a block loses."""
        lines = block.value.splitlines()
        if self.is_whole(block):
            return lines
        if block.read_only:
            return []
        kept = self.kept_lines(block.value)
        return [line for line in lines if line not in kept]

    def kept_entries(self, entries: Iterable[Queued], *, theirs: bool) -> list[Queued]:
        """What of a queue does not concern the speaker; of `theirs`, nothing."""
        return [] if theirs else [one for one in entries if not self._concerns(one)]

    def takes_summary(self, own: PutAside, partner: str | None) -> bool:
        """Whether a summary goes: of what was said in one partner's chat, or in all (None)."""
        if not own.summary:
            return False
        # What was summarised left the queue: then the summary may tell of the speaker.
        there = {one.id for one in own.queue if isinstance(one, MessageEvent)}
        said = {one.id for one in self.said if partner in (None, one.origin)}
        return not there.issuperset(said) or self.traces.echo(own.summary)

    def _concerns(self, entry: Queued) -> bool:
        if isinstance(entry, MessageEvent):
            return entry.speaker == self.speaker or any(map(self.traces.comes, texts_of(entry)))
        return any(map(self.traces.echo, texts_of(entry)))  # steps, and what the program wrote


def erasure_of(
    speaker: str, agent: str, tiers: Tiers, state: AgentState, tokens: Callable[[str], int]
) -> Erasure:
    """What is to be erased of a speaker.

    Args:
        speaker: their name, as it is known.
        agent: the agent's own name.
        tiers: are searched.
        state: the agent's.
        tokens: counts those of a text; an ordinary word has few.
    """
    said = Said(speaker, ordinary(tokens))
    said.take(tiers.recall.everything(speaker))
    said.compare(tiers.recall.everything(), clean(agent))
    for name in tiers.recall.speakers():
        said.compare_text(name)
    for storage in tiers.archival.everywhere():
        for passage in storage.everything():
            said.compare_text(passage.text, passage.timestamp)
    for block in tiers.core:
        for change in tiers.core.history(block.name):
            said.compare_text(change.after, change.time)
    alone = state.only_partner == speaker
    blocks = {block_name(speaker), partner_block(speaker), *([COMMON] if alone else [])}
    tags = set(map(block_tag, blocks))
    traces = Traces(speaker, list(said.texts.values()), said.parts, _lines_of(blocks, tiers.core))
    return Erasure(
        speaker,
        blocks,
        alone,
        traces,
        said.messages,
        [one for one in said.repeated if traces.comes(one.text)],
        {
            place: [
                one
                for one in place.everything()
                if one.origin == speaker
                or not tags.isdisjoint(one.tags)
                or any(map(traces.touch, (one.text, *one.tags)))
            ]
            for place in tiers.archival.places()
        },
        min((one.timestamp for one in said.messages), default=None),
    )


def _lines_of(blocks: set[str], core: CoreMemory) -> Iterator[str]:
    """The lines that blocks hold, and held."""
    for name in blocks:
        for change in core.changes(name):
            yield from change.after.splitlines()
            yield from change.before.splitlines()


@dataclass(frozen=True, repr=False)
class Preview(Brief):
    """What forgetting a speaker would erase, in the tiers' own values.

    Attributes:
        messages, quotations: theirs, and others' that hold a text or an identifier of theirs.
        entries: of the queue, those that are theirs, come from them or name them.
        lines: of core memory, each after the name of its block.
        passages: that name them or come from them.
        summaries: recursive summaries that may tell of them.
    """

    speaker: str
    messages: tuple[Message, ...]
    quotations: tuple[Message, ...]
    entries: tuple[Queued, ...]
    lines: tuple[tuple[str, str], ...]
    passages: tuple[Passage, ...]
    summaries: tuple[str, ...]


def preview(speaker: str, memory: AgentMemory, tokens: Callable[[str], int]) -> Preview:
    """What `forget` would erase of a speaker; nothing is done, and nobody is kept waiting.

    Raises:
        ConfigurationError: the speaker is nobody who said anything, or the agent itself.
    """
    state = memory.saved.values
    speaker = known(speaker, memory.name, memory, state)
    found = erasure_of(speaker, memory.name, memory, state, tokens)
    entries, summaries = list[Queued](), list[str]()
    for _, own in memory.queues:
        kept = set(map(id, found.kept_entries(own.queue, theirs=False)))
        entries += [one for one in own.queue if id(one) not in kept]
        summaries += [own.summary] if found.takes_summary(own, None) else []
    return Preview(
        speaker,
        tuple(found.said),
        tuple(found.quoting),
        tuple(entries),
        tuple((one.name, line) for one in memory.core for line in found.gone_lines(one)),
        tuple(one for place in found.passages.values() for one in place),
        tuple(summaries),
    )


def known(name: str, agent: str, tiers: Tiers, state: AgentState, *, again: bool = False) -> str:
    """The speaker of this name.

    Args:
        name: as it was given.
        agent: the agent's own.
        tiers: know who said something.
        state: knows the one partner.
        again: a forget that failed is repeated: whoever it was may be gone from the tiers.

    Raises:
        ConfigurationError: there is none, or it is the agent itself.
    """
    own, asked = clean(agent), clean(name)
    if asked.strip() in ("", own):
        raise ConfigurationError(
            f"cannot forget {name!r}: give the name of somebody the agent listens to. To"
            " erase the agent itself, close it and delete its directory."
        )
    there = {*tiers.recall.speakers(), state.only_partner} - {"", own}
    for one in (asked, asked.strip()):
        if one in there:
            return one
    if again:
        return asked.strip()
    others = sorted(there, key=lambda one: (_alike(one) != _alike(asked), one))
    raise ConfigurationError(
        f"{name!r} has said nothing that this agent remembers. Those who have:"
        f" {', '.join(map(repr, others[:_NAMES])) or 'nobody'}{', …' * (len(others) > _NAMES)}."
    )


def _alike(name: str) -> str:
    return "".join(name.casefold().split())
