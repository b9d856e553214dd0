"""The messages of the benchmarks: seeded words, every text different."""

from __future__ import annotations

import random

VOCABULARY = """
    the a of to in and we it that for with from about after before garden winter ship letter
    report meeting river cheese violin budget server harbour summer lamp ticket market doctor
    bridge engine coffee museum sister captain blue quiet early heavy broken cheap remember
    plan write carry visit repair paint choose finish begin sell borrow send measure forget
"""
WORDS = VOCABULARY.split()


def text_of(seed: str, words: int = 46) -> str:
    """Words of which every seed gives others: about 50 tokens."""
    dice = random.Random(seed)  # noqa: S311 - a text to count, no secret
    return " ".join(dice.choice(WORDS) for _ in range(words)).capitalize() + "."


def message(turn: int) -> str:
    """What the user says in a turn, from 1."""
    return text_of(f"message {turn}")


def reply(turn: int) -> str:
    """What the model answers in a turn."""
    return text_of(f"reply {turn}")
