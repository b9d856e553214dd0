"""Passages: a text in parts that a search can find, each with its place in the whole."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

PASSAGE_CHARACTERS = 1000
OVERLAP_CHARACTERS = 150  # at the most, of a passage with the one before it
# Raise it with any change that makes other passages of the same file.
SPLITTER_VERSION = 3

_BORDERS = (
    re.compile(r"\n\s*\n"),  # paragraphs
    re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]+"),  # sentences
    re.compile(r"\n"),
    re.compile(r"\s+"),
)


@dataclass(frozen=True)
class Text:
    """What a file holds.

    Attributes:
        pages: its text; of formats with pages one text each, else one in all.
        title: as the file itself says; empty where it does not.
        unit: what a page is called: `slide`s stand for themselves, a text runs over `page`s.
    """

    pages: tuple[str, ...]
    title: str = ""
    unit: str = "page"

    @property
    def is_empty(self) -> bool:
        return not any(page.strip() for page in self.pages)


def passages_of(text: Text) -> list[tuple[str, str]]:
    """The passages of a text, each with its place: such as `page 3 of 12`.

    A passage that goes over a page's end is of the page that it begins on.
    """
    if text.unit != "page":
        return [
            (part, f"{text.unit} {number} of {len(text.pages)}")
            for number, page in enumerate(text.pages, 1)
            for part in split(page)
        ]
    pages = [page.replace("\r\n", "\n").strip() for page in text.pages]
    starts = list(accumulate((len(page) + 2 for page in pages[:-1]), initial=0))
    parts = list(_split("\n\n".join(pages), PASSAGE_CHARACTERS, OVERLAP_CHARACTERS))
    if len(pages) > 1:
        return [
            (part, f"page {bisect_right(starts, start)} of {len(pages)}") for start, part in parts
        ]
    if len(parts) == 1:
        return [(parts[0][1], "")]
    return [(part, f"part {number} of {len(parts)}") for number, (_, part) in enumerate(parts, 1)]


def split(
    text: str, size: int = PASSAGE_CHARACTERS, overlap: int = OVERLAP_CHARACTERS
) -> list[str]:
    """A text as passages of at most `size` characters, each a part of it as it stands.

    They end at a paragraph where one ends in the second half of the passage, else at
    a sentence, a line, a word; each begins with up to `overlap` characters of the one
    before it, from a sentence or a word on.
    """
    return [passage for _, passage in _split(text.replace("\r\n", "\n"), size, overlap)]


def _split(text: str, size: int, overlap: int) -> Iterator[tuple[int, str]]:
    """The passages, each after the place where it begins."""
    start, length = len(text) - len(text.lstrip()), len(text.rstrip())
    while start < length:
        end = _end(text, start, length, size)
        passage = text[start:end]
        if passage.strip():
            yield start + len(passage) - len(passage.lstrip()), passage.strip()
        if end >= length:
            break
        start = _next_start(text, end, min(overlap, (end - start) // 2))


def _end(text: str, start: int, length: int, size: int) -> int:
    if length - start <= size:
        return length
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(text, start + size // 2, start + size)]
        if ends:
            return ends[-1]
    return start + size


def _next_start(text: str, end: int, overlap: int) -> int:
    for border in (_BORDERS[1], _BORDERS[3]):
        first = border.search(text, end - overlap, end)
        if first is not None and first.end() < end:
            return first.end()
    return end
