"""Pages: a document's passages in parts that fit what the model may be shown at once."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from memgpt_autogen.errors import ModelMistake

_PLACE = re.compile(r"(\w+) (\d+) of (\d+)(?:, part \d+ of \d+)?")
_PART = "part"  # of a text without pages
_LINE = 4  # characters that a further line takes where it is shown
# Characters of a room for each passage in it, however short: they are tokens in some languages.
_A_PASSAGE = 768


def is_place(tag: str) -> bool:
    """Whether a passage's tag tells its place in a document."""
    return _PLACE.fullmatch(tag) is not None


@dataclass(frozen=True)
class Extract:
    """What is shown of a document at once.

    Attributes:
        where: `page 3 of 57`, `pages 3 to 5 of 57`.
        further: the arguments that go on behind it; empty at the end.
    """

    where: str
    text: str
    further: str


@dataclass(frozen=True)
class Pages:
    """A document in pages: those that it has, else as many passages as there is room for.

    Attributes:
        texts: the passages.
        numbers: on which page each stands; a blank page has none.
        total: how many pages there are.
        room: characters that may be shown at once.
        unit: what a page is called; empty where the document has none of its own.
    """

    texts: Sequence[str]
    numbers: Sequence[int]
    total: int
    room: int
    unit: str = ""

    @classmethod
    def of(cls, passages: Sequence[tuple[str, str]], room: int) -> Pages:
        """The pages of a document that holds these passages: texts, each with its place."""
        texts = [text for text, _ in passages]
        places = [_PLACE.fullmatch(place) for _, place in passages]
        own = [one for one in places if one is not None and one[1] != _PART]
        if own and len(own) == len(texts):
            numbers = [int(one[2]) for one in own]
            return cls(texts, numbers, int(own[0][3]), room, own[0][1])
        numbers, at = [], 0
        while at < len(texts):
            end = _reach(texts, at, room)
            numbers += [numbers[-1] + 1 if numbers else 1] * (end - at)
            at = end
        return cls(texts, numbers, numbers[-1], room)

    def extract(self, page: int, part: int, between: str) -> Extract:
        """A page and those behind it that fit as a whole; of a large one what fits.

        Args:
            page: its number; of a blank one, the next that is not.
            part: where to begin on it, from 1; in a text without pages of its own the part
                whose page is wanted; 0: at the beginning of the page.
            between: stands between two passages.

        Raises:
            ModelMistake: there is no such page or part.
        """
        begin = self._begin(page, part)
        end = _reach(self.texts, begin, self.room)
        if end < len(self.texts):
            border = bisect_left(self.numbers, self.numbers[end])
            end = border if border > begin else end
        first, last = self.numbers[begin], self.numbers[end - 1]
        unit = self.unit or "page"
        which = f"{unit} {first}" if first == last else f"{unit}s {first} to {last}"
        return Extract(
            f"{which} of {self.total}", between.join(self.texts[begin:end]), self._further(end)
        )

    def _begin(self, page: int, part: int) -> int:
        if part and not self.unit:
            if part > len(self.texts):
                raise ModelMistake(f"there is no part={part}; the last is part={len(self.texts)}.")
            return bisect_left(self.numbers, self.numbers[part - 1])
        if page > self.total:
            raise ModelMistake(f"there is no page={page}; the last is page={self.total}.")
        begin = min(bisect_left(self.numbers, page), bisect_left(self.numbers, self.numbers[-1]))
        parts = self.numbers.count(self.numbers[begin])
        if part > parts:
            raise ModelMistake(f"page={page} has no part={part}; its last is part={parts}.")
        return begin + max(part - 1, 0)

    def _further(self, at: int) -> str:
        """The arguments of the page or part that begins with a passage."""
        if at == len(self.texts):
            return ""
        part = at - bisect_left(self.numbers, self.numbers[at])
        return f"page={self.numbers[at]}" + (f", part={part + 1}" if part else "")


def _reach(texts: Sequence[str], begin: int, room: int) -> int:
    """Behind the last of the passages from this one on that are shown together; one at least."""
    end = begin
    most = begin + max(room // _A_PASSAGE, 1)
    while end < min(len(texts), most):
        room -= len(texts[end]) + _LINE * (1 + texts[end].count("\n"))
        if room < 0 and end > begin:
            break
        end += 1
    return end
