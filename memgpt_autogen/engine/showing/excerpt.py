"""Excerpt: of a long text the part that tells of what is asked."""

from __future__ import annotations

import re
from bisect import bisect_right

from memgpt_autogen import frames
from memgpt_autogen.engine.showing.stems import stems

_READ = 100_000  # characters of a text
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*\s+|[。！？]")


def excerpt(text: str, asked: str, most: int) -> str:
    """Of a text over `most` characters the sentences in a row that hold most of what is asked.

    Where none holds anything of it, the text's beginning and end.
    """
    if len(text) <= most:
        return text
    about = stems(asked)
    ends = [*(match.end() for match in _SENTENCE_END.finditer(text, 0, _READ)), len(text)]
    begins = [0, *ends[:-1]]
    held = [about & stems(text[a:b]) for a, b in zip(begins, ends, strict=True)]
    parts: dict[int, list[tuple[int, int]]] = {}  # by how much of it they hold
    for at, begin in enumerate(begins):
        after = bisect_right(ends, begin + most)
        end = ends[after - 1] if after > at else begin
        parts.setdefault(len(set[str]().union(*held[at:after])), []).append((begin, end))
    best = parts[max(parts)]
    if best is parts.get(0):
        return frames.clip(text, most)
    begin, end = best[len(best) // 2]  # with something before and after it
    return f"{'… ' if begin else ''}{text[begin:end].strip()}{' …' if end < len(text) else ''}"
