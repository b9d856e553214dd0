"""Lines: what is known, as a small model is shown it, and those that a search's result holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from memgpt_autogen.engine.deciding.days import day_of, reckoned
from memgpt_autogen.engine.showing.excerpt import excerpt
from memgpt_autogen.storage.record import readable

LONGEST = 240  # characters of a line
_PASSAGE = 480  # of a passage of a document
_CUT = "…["  # begins a note of what was left out
# A line of a search's result: a message, or a note or a passage of a document.
_HIT = re.compile(r"^\[(\d{4}-\d\d-\d\d)[\d: -]*\] (?:(\([^)]*\))|([^:]+):) (.*)")


class _Hit(NamedTuple):
    """A hit: the passage's place or who said it, what, and on which day."""

    place: str
    speaker: str
    text: str
    day: date | None

    def line(self, asked: str) -> Line:
        """As a model is shown it that is asked about something."""
        if self.place:
            return Line(f"{self.place} {excerpt(self.text, asked, _PASSAGE)}")
        text = reckoned(self.text, self.day) if self.day else self.text
        return Line(f'{self.speaker} said earlier: "{excerpt(text, asked, LONGEST)}"', day=self.day)


@dataclass(frozen=True)
class Line:
    """One numbered line of what is known.

    Attributes:
        text: of it; times that it names as seen from its day are reckoned.
        block: where core memory holds it, else empty.
        day: on which it was said. That takes a fifth of a line's tokens, so it is told of the
            line that is chosen alone.
    """

    text: str
    block: str = ""
    day: date | None = None

    @property
    def told(self) -> str:
        """The text and its day."""
        return f"{self.text} ({readable(self.day)})" if self.day else self.text


def hits_in(text: str, words: str) -> list[Line]:
    """The hits of a search as sentences; what was just said is none."""
    hits: list[_Hit] = []
    is_hit = False
    for line in text.splitlines():
        if match := _HIT.match(line):
            day, place, speaker, said = match.groups()
            hits.append(_Hit(place or "", speaker or "", said, None if place else day_of(day)))
            is_hit = True
        elif is_hit and line.startswith((" ", _CUT)):
            hits[-1] = hits[-1]._replace(text=f"{hits[-1].text} {line.strip()}")
        elif line:  # what stands before and after it
            is_hit = False
    asked = " ".join(words.split())
    return [one.line(words) for one in dict.fromkeys(hits) if asked not in one.text]
