"""Texts as pages show them: nothing in them is markup, hidden, or turns its surroundings around."""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import NamedTuple

from markupsafe import Markup, escape

SHOWN = 3000  # characters of one text in a list

# What does not show, or changes how others show: controls, bidirectional overrides and isolates,
# invisible operators, and tags but those that spell a flag.
_UNSEEN = re.compile(
    "\U0001f3f4[\U000e0020-\U000e007f]+"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def shown(text: str, most: int | None = None) -> Markup:
    """A text, or its beginning, as HTML; what would not be seen is named by its number."""
    return Markup(_UNSEEN.sub(_named, str(escape(text if most is None else text[:most]))))  # noqa: S704 - it is escaped


def _named(match: re.Match[str]) -> str:
    found = match.group()
    if len(found) > 1:
        return found
    name = unicodedata.name(found, "control character").lower()
    return f'<span class="unseen" title="{name}">U+{ord(found):04X}</span>'


class Line(NamedTuple):
    """A line of a change: `+`, `-`, or a space where it stayed."""

    mark: str
    text: str


def diff(before: str, after: str) -> list[Line]:
    """What changed from one text to another, line by line."""
    matcher = difflib.SequenceMatcher(None, old := before.splitlines(), new := after.splitlines())
    lines = list[Line]()
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag == "equal":
            lines += [Line(" ", one) for one in old[first:last]]
            continue
        lines += [Line("-", one) for one in old[first:last]]
        lines += [Line("+", one) for one in new[start:end]]
    return lines
