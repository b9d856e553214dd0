"""Excerpt: of a long text the part that tells of what is asked."""

from __future__ import annotations

import re

from memgpt_autogen import frames
from memgpt_autogen.engine.deciding.stems import stems

_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*\s+|[。！？]")


def excerpt(text: str, asked: str, most: int) -> str:
    """Of a text over `most` characters the sentences in a row that hold most of what is asked.

    Where none holds anything of it, the text's beginning and end.
    """
    if len(text) <= most:
        return text
    about = stems(asked)
    ends = [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    parts: dict[int, list[tuple[int, int]]] = {}  # by how much of it they hold
    for begin in [0, *ends[:-1]]:
        end = max((one for one in ends if begin < one <= begin + most), default=begin)
        parts.setdefault(len(about & stems(text[begin:end])), []).append((begin, end))
    best = parts[max(parts)]
    if best is parts.get(0):
        return frames.clip(text, most)
    begin, end = best[len(best) // 2]  # with something before and after it
    return f"{'… ' if begin else ''}{text[begin:end].strip()}{' …' if end < len(text) else ''}"
