"""Ordinary turns: what people say to an agent on working days, the same thousand in every run.

Half of them ask for nothing that memory holds: greetings, thanks, small talk. The others tell
news of a project, ask for work on it, or come back to what was said before.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

SMALL = (
    "Thanks!", "Thank you, that helps.", "ok", "Okay, great.", "Good morning!", "Hi there!",
    "Sounds good to me.", "Perfect.", "See you tomorrow.", "One moment, please.", "Yes, go ahead.",
    "No, leave it as it is.", "Let me think about it.", "I'm back from lunch.", "Nice work.",
    "Can you say that again, shorter?", "Hm, I'm not sure.", "Have a nice weekend!", "lol",
    "What do you think?", "Never mind.", "Let's go on.", "Please continue.", "Got it.", "👍",
    "It is raining here all day.", "I need a coffee first.", "Sorry, I was in a meeting.",
)  # fmt: skip
NEWS = (
    "The {part} of {project} is {state} now.",
    "{name} will take over the {part} of {project} on {day}.",
    "We moved the review of the {part} to {day}.",
    "The customer wants the {part} in {project} to be {state} by {day}.",
    "I measured the {part}: {number} milliseconds, before it was {other}.",
    "{name} is ill, so the {part} has to wait until {day}.",
    "The budget of {project} is {number} thousand euros.",
    "In {project} the {part} failed {number} times last night.",
)
WORK = (
    "Please write a function that checks whether the {part} is {state}.",
    "Write a short note to {name} about the {part} of {project}.",
    "Sort these numbers: {number}, {other}, 7, 42.",
    "Rename the {part} in {project}, and keep the tests green.",
    "Explain in two sentences what a {part} is for.",
    "Summarise what we have on {project} for {day}.",
)
AGAIN = (
    "What did {name} say about the {part}?",
    "Is the {part} of {project} {state} yet?",
    "When is the review of the {part}?",
    "How many milliseconds did the {part} take?",
    "Who takes care of {project}?",
)
PARTS = (
    *("parser", "scheduler", "login", "form", "index", "cache", "report", "exporter"),
    *("importer", "gateway", "billing"),
)
STATES = ["ready", "broken", "slow", "tested", "documented", "blocked", "deployed", "unfinished"]
PROJECTS = ["Falcon", "Heron", "Magpie", "Osprey", "Wren", "Plover"]
NAMES = ["Mara", "Tobias", "Ines", "Jonas", "Petra", "Viktor"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]

KINDS: Sequence[tuple[float, Sequence[str]]] = (
    (0.5, SMALL),
    (0.2, NEWS),
    (0.18, WORK),
    (0.12, AGAIN),
)


def turns(count: int = 1000) -> list[str]:
    """The messages, in order."""
    drawn = random.Random(20261126)  # noqa: S311 - the same in every run
    shares = [share for share, _ in KINDS]
    found = []
    for _ in range(count):
        ((_, kind),) = drawn.choices(KINDS, shares)
        found.append(
            drawn.choice(kind).format(
                part=drawn.choice(PARTS),
                project=drawn.choice(PROJECTS),
                state=drawn.choice(STATES),
                name=drawn.choice(NAMES),
                day=drawn.choice(DAYS),
                number=drawn.randint(10, 99),
                other=drawn.randint(100, 999),
            )
        )
    return found
