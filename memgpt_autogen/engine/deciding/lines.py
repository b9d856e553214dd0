"""Lines: what is known, as a small model is shown it, and those that a search's result holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from memgpt_autogen import frames
from memgpt_autogen.engine.deciding.days import day_of, reckoned
from memgpt_autogen.storage.record import readable

LONGEST = 240  # characters of a line
# A line of a search's result: a message, or a note or a passage of a document.
_HIT = re.compile(r"^\[(\d{4}-\d\d-\d\d)[\d: -]*\] (?:(\([^)]*\))|([^:]+):) (.*)")


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
    hits: list[Line] = []
    is_hit = False
    for line in text.splitlines():
        if match := _HIT.match(line):
            day, place, speaker, said = match.groups()
            heard = Line(f'{speaker} said earlier: "{said}"', day=day_of(day))
            hits.append(Line(f"{place} {said}") if place else heard)
            is_hit = True
        elif is_hit and line.startswith(" "):
            hits[-1] = replace(hits[-1], text=f"{hits[-1].text} {line.strip()}")
        else:  # what stands before and after it
            is_hit = False
    asked = " ".join(words.split())
    new = [one for one in dict.fromkeys(hits) if asked not in one.text]
    texts = [reckoned(one.text, one.day) if one.day else one.text for one in new]
    return [replace(a, text=frames.clip(b, LONGEST)) for a, b in zip(new, texts, strict=True)]
