"""Stems: what a text is about, for telling whether two are about the same."""

from __future__ import annotations

import re

from memgpt_autogen.storage.journal.words import STOP_WORDS

_LETTERS = 5  # by which two forms of a word are told to be one
_WORDS = re.compile(r"\w+")


def stems(text: str) -> set[str]:
    """The words that tell what a text is about, by their first letters."""
    words = {word.casefold() for word in _WORDS.findall(text)} - STOP_WORDS
    telling = (one for one in words if len(one) > 2 or any(map(str.isdigit, one)))
    return {(one[:-1] if len(one) > 3 and one[-1] == "s" else one)[:_LETTERS] for one in telling}
