"""Passages: a text in parts that a search can find, each with its place in the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from memgpt_autogen.storage.embedders.wordpieces import WINDOW, length
from memgpt_autogen.storage.text import clean

# Raise it with any change that makes other passages of the same file.
SPLITTER_VERSION = 4

_CHARACTERS = 5  # a token has no more, so that what has no words is divided too
# Headings of Markdown with the lines up to their text. To the splitter more line ends before them
# are a higher border, and without one behind them they stay with what they head. Its own parser of
# Markdown divides sentences at links and leaves headings alone.
_HEADINGS = re.compile(r"^(#{1,6}) .*\n\s*(?:#{1,6} .*\n\s*)*", re.MULTILINE)


@dataclass(frozen=True)
class Text:
    """What a file holds.

    Attributes:
        pages: its text; of formats with pages one text each, else one in all.
        title: as the file itself says; empty where it does not.
        unit: what a page is called.
    """

    pages: tuple[str, ...]
    title: str = ""
    unit: str = "page"

    @property
    def is_empty(self) -> bool:
        return not any(page.strip() for page in self.pages)


def passages_of(text: Text) -> list[tuple[str, str]]:
    """The passages of a text, each with its place.

    That is `page 3 of 12`, `page 3 of 12, part 2 of 4`, `part 2 of 5`, or nothing where there is
    one passage only. Joined, the passages of a page are its text.
    """
    parts = [split(page) for page in text.pages]
    if len(parts) == 1:
        return [(part, place.lstrip(", ")) for part, place in _numbered(parts[0])]
    return [
        (part, f"{text.unit} {number} of {len(parts)}{place}")
        for number, page in enumerate(parts, 1)
        for part, place in _numbered(page)
    ]


def _numbered(parts: list[str]) -> list[tuple[str, str]]:
    if len(parts) == 1:
        return [(parts[0], "")]
    return [(part, f", part {number} of {len(parts)}") for number, part in enumerate(parts, 1)]


def split(text: str) -> list[str]:
    """A text as passages, which joined are the text again, without the space around it.

    Each is as long as an embedder sees of a text (256 tokens of all-MiniLM-L6-v2, and no more
    than 1,280 characters). They end where the text has a border: a heading of Markdown, an
    empty line, a line, a sentence, a word; never within what is seen as one character.
    """
    whole = clean(text).replace("\r\n", "\n").replace("\r", "\n").strip()
    seen = _HEADINGS.sub(lambda found: "\r" * (7 - len(found[1])) + _line(found[0]), whole)
    passages: list[str] = []
    at = 0
    for chunk in _splitter().chunks(seen):
        begin, at = at, at + len(chunk) - chunk.count("\r")
        part = whole[begin:at]
        rest = part.lstrip("\n") if part.strip() else ""
        if passages:  # empty lines are at the end of a passage, not at its beginning
            passages[-1] += part[: len(part) - len(rest)]
        if rest:
            passages.append(rest)
    return passages


def _line(text: str) -> str:
    return text.replace("\n", " ")


def _size(text: str) -> int:
    least = len(text) // _CHARACTERS
    return least if least > WINDOW else max(least, length(text))


@cache
def _splitter() -> Any:
    from semantic_text_splitter import TextSplitter  # large

    return TextSplitter.from_callback(_size, WINDOW, trim=False)
