"""Folding: records that say the same, found as one, so that they do not crowd a page.

Two texts of one speaker say the same when their words are the same but for fillers,
or when a longer one holds all words of the other and hardly any more. A word put in
another's place is a difference: so are a number and a "not".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memgpt_autogen.storage.ranking import Scored
from memgpt_autogen.storage.words import fold

_MANY = 10  # different words, from which on a few more may be passed over
_SHARE = 0.9  # of the longer one's words that the other must have
_WORD = re.compile(r"[^\W_]+")
_FILLERS = frozenset(
    "a ah an and hey hi hmm just oh ok okay really right so the uh um very well wow yeah".split()  # noqa: SIM905
)
_TURNING = frozenset("no not never nobody none nothing without don doesn didn isn wasn".split())  # noqa: SIM905


@dataclass(frozen=True)
class Folded:
    """What is found, once; `times`: how many records say it."""

    found: Scored
    times: int


@dataclass
class _Group:
    found: Scored
    words: frozenset[str]
    times: int = 1


def folded(found: Sequence[Scored]) -> list[Folded]:
    """Of records that say the same only the fullest, in the place of the best; in order."""
    groups: list[_Group] = []
    known: dict[tuple[str, tuple[str, ...]], _Group] = {}
    for one in found:
        said = tuple(_said(one.record.text))
        key = (one.record.speaker, said)
        same = known.get(key)
        if same is None:
            words = frozenset(said)
            same = _near(groups, one, words)
            if same is not None and len(words) > len(same.words):
                same.found = replace(one, score=same.found.score)
                same.words = words
        if same is not None:
            same.times += 1
        else:
            same = _Group(one, words)
            groups.append(same)
        known[key] = same
    return [Folded(group.found, group.times) for group in groups]


def _said(text: str) -> list[str]:
    """The words that carry what is said; all of them where it is said in fillers or signs."""
    found = _WORD.findall(fold(text))
    return [word for word in found if word not in _FILLERS] or found or [text]


def _near(groups: Sequence[_Group], other: Scored, words: frozenset[str]) -> _Group | None:
    """The group that says the same in hardly more or fewer words."""
    size = len(words)
    for group in groups:
        few = min(size, len(group.words))
        if few < _MANY or few < _SHARE * max(size, len(group.words)):
            continue
        more = words ^ group.words
        alike = len(more) == abs(size - len(group.words))  # one holds all words of the other
        if alike and group.found.record.speaker == other.record.speaker and not _turns(more):
            return group
    return None


def _turns(words: frozenset[str]) -> bool:
    """Whether any of these words changes what is said, however few they are."""
    return any(word in _TURNING or any(map(str.isdigit, word)) for word in words)
