"""Participants: in a group, each speaker has a core memory block of their own."""

from __future__ import annotations

from dataclasses import dataclass

from memgpt_autogen import frames
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.core import CoreMemory

PREFIX = "human:"


def block_name(speaker: str) -> str:
    """The name of a speaker's block, as the model is shown the speaker's: `human:Alice`."""
    return PREFIX + frames.name(speaker)


@dataclass(frozen=True)
class Participants:
    """Makes a block at a speaker's first word in a group.

    When there are too many, the least recently heard leave for archival storage; a
    speaker who is heard again gets the block back as it was. To be used within the
    transaction of a step.

    Attributes:
        heard: names of the blocks, the least recently heard first; changed in place.
        most: blocks at a time; 0: none are made.
        limit: characters of such a block.
    """

    core: CoreMemory
    archival: ArchivalStorage
    heard: list[str]
    most: int
    limit: int

    def hear(self, speaker: str) -> list[str]:
        """Note that a speaker is heard; what the model is to be told of its blocks."""
        if not self.most:
            return []
        name = block_name(speaker)
        if name in self.heard:
            self.heard.remove(name)
        self.heard.append(name)
        if name in self.core:
            return []
        told = [self._make(name)]
        here = [one for one in self.heard if one in self.core]
        for old in here[: max(len(here) - self.most, 0)]:
            told += self._dismiss(old)
        return told

    def forget(self, speaker: str) -> int:
        """Drop a speaker's block; how many lines it had."""
        name = block_name(speaker)
        if name in self.heard:
            self.heard.remove(name)
        if name not in self.core:
            return 0
        return len(self.core.remove(name).value.splitlines())

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
        value = self.core[name].value
        if value:
            self.archival.take_out([id_ for id_, _ in self._kept(name)])
            text = f"core memory block {name!r}:\n{value}"
            self.archival.put([self.archival.passage(text, tags=[_tag(name)])])
        self.core.remove(name)
        return [f"the core memory block {name!r} moved to archival memory until they speak again."]

    def _kept(self, name: str) -> list[tuple[str, str]]:
        """The passages of a block that left, as (id, the block's text), the latest first."""
        page = self.archival.search("", limit=10, tags=[_tag(name)])
        return [(one.id, one.text.split("\n", 1)[-1]) for one in page.items if one.source is None]


def _tag(name: str) -> str:
    return f"block {name}"
