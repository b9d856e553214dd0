"""Participants: each who talks with the agent has a core memory block of their own.

As long as that is one person alone, the block `human` is theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memgpt_autogen import frames
from memgpt_autogen.events import Event, Login, MessageEvent
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.partners import COMMON, PREFIX, origin_of_block, partner_block
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.memory.state import AgentState
from memgpt_autogen.storage.text import clean


def block_name(speaker: str) -> str:
    """The name of a speaker's block, as the model is shown the speaker's: `human:Alice`."""
    return PREFIX + frames.name(speaker)


@dataclass(eq=False)
class Participants:
    """Makes a block at a speaker's first word, in a group or once there is a second one.

    What `human` held then moves to the first one's block. When there are too many, the
    least recently heard leave for archival storage; a speaker who is heard again gets the
    block back as it was. To be used within the transaction of a step.

    Attributes:
        state: knows who was heard; changed in place.
        most: blocks at a time; 0: none are made.
        limit: characters of such a block.
    """

    core: CoreMemory
    archival: ArchivalStorage
    recall: RecallStorage
    state: AgentState
    most: int
    limit: int

    @property
    def heard(self) -> tuple[tuple[str, ...], str, bool | None]:
        """What the state knows of who was heard; where it was not written, it is set back."""
        state = self.state
        return tuple(state.heard), state.only_partner, state.several_partners

    @heard.setter
    def heard(self, heard: tuple[tuple[str, ...], str, bool | None]) -> None:
        state = self.state
        state.heard, state.only_partner, state.several_partners = list(heard[0]), *heard[1:]

    def meet(self, event: Event) -> list[str]:
        """Note who speaks or came online; what the model is to be told."""
        if isinstance(event, Login) and self.core.view.partner is None:
            name, text = event.name, event.body()
            came = MessageEvent(timestamp=event.timestamp, speaker=name, text=text, origin=name)
            return self.hear(came)
        return self.hear(event) if isinstance(event, MessageEvent) else []

    def hear(self, event: MessageEvent) -> list[str]:
        """Note who speaks, in a chat of two or in a group; what the model is to be told."""
        state, partner = self.state, self.core.view.partner
        is_speech = event.text.strip() and not (event.own or event.results)
        if not (is_speech and event.origin and (self.most or partner)):
            return []
        if state.several_partners is None:
            self._look_back()
        if partner:  # a chat of two or a group, kept apart
            return self._part(partner_block) + self._let_have(partner_block(partner))
        speaker, told = clean(event.speaker), list[str]()
        if event.group and event.speaker == event.origin:
            return []  # its manager is nobody
        if not state.several_partners:
            if not event.group and state.only_partner in ("", speaker):
                state.only_partner = speaker
                return []
            if speaker != state.only_partner:
                told = self._part(block_name)
        return told + self._let_have(block_name(speaker))

    def forget(self, speaker: str, names: set[str]) -> int:
        """Drop a speaker's blocks, of these names; how many lines they had.

        `human` stays, empty, where it was about this speaker alone.
        """
        state, lines = self.state, 0
        state.heard[:] = [name for name in state.heard if name not in names]
        if state.only_partner == speaker:
            state.only_partner = ""
            lines += len(self._empty_common().splitlines())
        for name in names.intersection(block.name for block in self.core):
            lines += len(self.core.remove(name).value.splitlines())
        return lines

    def _part(self, named: Callable[[str], str]) -> list[str]:
        """`human` is about nobody alone any more: what it held moves to the first one's block."""
        first, self.state.only_partner = self.state.only_partner, ""
        self.state.several_partners = True
        if not first:
            return []
        name = named(first)
        told = self._let_have(name)
        if moved := self._empty_common():
            value = "\n".join(filter(None, (self.core[name].value, moved)))
            self.core.limit(name, max(self.core[name].limit, len(value)))
            self.core.hand_over(COMMON, name)
            self.core.set(name, value)
            text = (
                f"you talk with more than one now: what the core memory block {COMMON!r} held moved"
                f" to {name!r}, and {COMMON!r} is for what concerns all. {name!r} reads:\n{value}"
            )
            told += self._seen(name, text)
        return told

    def _empty_common(self) -> str:
        """Empty the block `human` where it is the model's to edit; what it held."""
        if COMMON not in self.core or (block := self.core[COMMON]).read_only or block.shared:
            return ""
        if block.value:
            self.core.set(COMMON, "")
        return block.value

    def _let_have(self, name: str) -> list[str]:
        """Let somebody who is heard have a block of this name; what to tell the model."""
        heard = self.state.heard
        if name in heard:
            heard.remove(name)
        heard.append(name)
        if name in self.core:
            return []
        told = self._seen(name, self._make(name))
        here = [one for one in heard if one in self.core]
        for old in here[: max(len(here) - max(self.most, 1), 0)]:
            told += self._dismiss(old)
        return told

    def _look_back(self) -> None:
        """Find out who has talked with an agent whose state does not say so yet."""
        earlier = self.state.counters.turns > 1  # its state is of an earlier version
        others = self.recall.speakers().keys() - {self.core.agent} if earlier else set[str]()
        self.state.several_partners = len(others) > 1
        self.state.only_partner = "".join(others) if len(others) == 1 else ""

    def _make(self, name: str) -> str:
        kept = self._kept(name)
        value = kept[0][1] if kept else ""
        self.core.add(Block(name=name, value=value, limit=max(self.limit, len(value))))
        self.archival.take_out([id_ for id_, _ in kept])
        if value:
            return f"the core memory block {name!r} is back and reads:\n{value}"
        return f"core memory has a new block, {name!r}: keep there what you learn of that speaker."

    def _dismiss(self, name: str) -> list[str]:
        if self.core[name].read_only:
            return []
        value = self.core.remove(name).value
        if not value:
            return []
        self.archival.take_out([id_ for id_, _ in self._kept(name)])
        text = f"core memory block {name!r}:\n{value}"
        origin = "" if self.core.view.partner is None else origin_of_block(name)
        self.archival.put([self.archival.passage(text, tags=[block_tag(name)], origin=origin)])
        text = f"the core memory block {name!r} moved to archival memory until they speak again."
        return self._seen(name, text)

    def _seen(self, name: str, text: str) -> list[str]:
        """What the model is told of a block, where it may know of it."""
        return [text] if self.core.view.shows(name) else []

    def _kept(self, name: str) -> list[tuple[str, str]]:
        """The passages of a block that left, as (id, the block's text), the latest first."""
        page = self.archival.search("", limit=10, tags=[block_tag(name)])
        return [(one.id, one.text.split("\n", 1)[-1]) for one in page.items if one.source is None]


def block_tag(name: str) -> str:
    """The tag of a block that left for archival storage."""
    return f"block {name}"
