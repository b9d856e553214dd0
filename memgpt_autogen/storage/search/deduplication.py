"""Deduplication: records that say the same, found as one, so that they do not crowd a page.

Two texts of one speaker say the same when their words are the same but for fillers,
or when a longer one holds all words of the other and hardly any more. A word put in
another's place is a difference: so are a number and a "not".
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from memgpt_autogen.storage.journal.words import ascii_table, fold
from memgpt_autogen.storage.search.rank import Scored

_MANY = 10  # different words, from which on a few more may be passed over
_SHARE = 0.9  # of the longer one's words that the other must have
_WORD = re.compile(r"[^\W_]+")
_LOWER = ascii_table()
_FILLERS = frozenset(
    "a ah an and hey hi hmm just oh ok okay really right so the uh um very well wow yeah".split()  # noqa: SIM905
)
_TURNING = frozenset("no not never nobody none nothing without don doesn didn isn wasn".split())  # noqa: SIM905


@dataclass(frozen=True)
class Distinct:
    """What is found, once; `times`: how many records say it."""

    found: Scored
    times: int


@dataclass
class _Group:
    found: Scored
    words: frozenset[str]
    times: int = 1


class _Groups:
    """The groups so far, by what they say and by how many words they have."""

    def __init__(self) -> None:
        self.all: list[_Group] = []
        self._same: dict[tuple[str, tuple[str, ...]], _Group] = {}
        self._sized: defaultdict[tuple[str, int], list[_Group]] = defaultdict(list)

    def add(self, one: Scored) -> None:
        speaker, said = one.record.speaker, one.said
        group = self._same.get((speaker, said))
        if group is None:
            words = frozenset(said)
            group = self._near(speaker, words)
            if group is None:
                group = _Group(one, words, 0)
                self.all.append(group)
                self._sized[speaker, len(words)].append(group)
            elif len(words) > len(group.words):
                self._sized[speaker, len(group.words)].remove(group)
                self._sized[speaker, len(words)].append(group)
                group.found, group.words = replace(one, score=group.found.score), words
            self._same[speaker, said] = group
        group.times += 1

    def _near(self, speaker: str, words: frozenset[str]) -> _Group | None:
        """The group that says the same in hardly more or fewer words."""
        size = len(words)
        if size < _MANY:
            return None
        for other in range(max(_MANY, math.ceil(_SHARE * size)), int(size / _SHARE) + 1):
            for group in self._sized.get((speaker, other), ()):
                few, many = (words, group.words) if size <= other else (group.words, words)
                if few <= many and not _turns(many - few):
                    return group
        return None


def distinct(found: Iterable[Scored]) -> list[Distinct]:
    """Of records that say the same only the fullest, in the place of the best; in order."""
    groups = _Groups()
    for one in found:
        groups.add(one)
    return [Distinct(group.found, group.times) for group in groups.all]


def said(text: str) -> tuple[str, ...]:
    """The words that carry what is said; all of them where it is said in fillers or signs."""
    if text.isascii():  # by far the fastest way, and most texts
        found = text.encode().translate(_LOWER).decode().split()
    else:
        found = _WORD.findall(fold(text))
    return tuple([word for word in found if word not in _FILLERS] or found or [text])


def _turns(words: frozenset[str]) -> bool:
    """Whether any of these words changes what is said, however few they are."""
    return any(word in _TURNING or any(map(str.isdigit, word)) for word in words)
