"""Does a real small model use its memory? Through MemGPTAgent, at temperature 0, end to end.

    make test-local

Each case starts with a fresh memory; what counts is what stands in memory and what
was said afterwards, not how the model got there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.local import local_llm_config

pytestmark = [pytest.mark.local_model, pytest.mark.filterwarnings("ignore")]

SHARE = 0.75  # of the single-step cases
LONG_AGO = datetime(2026, 3, 2, 9, 30, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Case:
    """One thing said to the agent, and what must hold afterwards.

    Attributes:
        human: what core memory holds of the people before.
        older: messages in recall storage that are out of view.
        stored: words that must stand in core or archival memory afterwards.
        gone: words that must stand in core memory no more.
        said: words that the reply must hold.
        searched: a search must have been made.
    """

    name: str
    text: str
    human: str = ""
    older: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    searched: bool = False


TOLD = [
    Case("job", "I work as a nurse in a children's hospital.", stored=("nurse",)),
    Case("pet", "We adopted a parrot called Mango.", stored=("Mango",)),
    Case("allergy", "I am allergic to peanuts.", stored=("peanut",)),
    Case("editor", "I prefer vim over every other editor.", stored=("vim",)),
    Case("launch", "Our launch is on 14 March.", stored=("14 March",)),
    Case("sister", "My sister Ines studies law in Lyon.", stored=("Ines",)),
    Case("server", "Our build server is called heron.", stored=("heron",)),
    Case("style", "Please always answer me in short sentences.", stored=("short",)),
]
ASKED = [
    Case("where", "Where do I live?", human="Nora lives in Bergen.", said=("Bergen",)),
    Case("pet name", "What is my cat called?", human="Nora has a cat, Pixel.", said=("Pixel",)),
    Case("database", "Which database do we use?", human="The team uses SQLite.", said=("SQLite",)),
    Case("birthday", "When is my birthday?", human="Nora was born on 9 June.", said=("9 June",)),
    Case("boss", "Who is my boss?", human="Nora reports to Karim.", said=("Karim",)),
    Case("drink", "What do I drink?", human="Nora drinks oat milk coffee.", said=("oat",)),
]
OLDER = [
    Case(
        "dentist",
        "Which dentist did I recommend in March?",
        older=("Try Dr. Okafor, she is the best dentist.",),
        said=("Okafor",),
        searched=True,
    ),
    Case(
        "port",
        "Which port did we choose for the metrics service?",
        older=("Let us run the metrics service on port 9187.",),
        said=("9187",),
        searched=True,
    ),
    Case(
        "book",
        "What was the title of the novel I told you about in spring?",
        older=("I finished the novel The Salt Garden, wonderful.",),
        said=("Salt Garden",),
        searched=True,
    ),
    Case(
        "cake",
        "How many eggs go into my grandmother's cake?",
        older=("My grandmother's cake takes five eggs and no butter.",),
        said=("five",),
        searched=True,
    ),
    Case(
        "branch",
        "What did I call the release branch?",
        older=("The release branch is called willow-2.",),
        said=("willow",),
        searched=True,
    ),
]
CORRECTED = [
    Case(
        "moved",
        "I moved, I live in Oslo now.",
        human="Nora lives in Bergen.",
        stored=("Oslo",),
        gone=("Bergen",),
    ),
    Case(
        "date",
        "The launch is not on 14 March any more, it is on 2 April.",
        human="The launch is on 14 March.",
        stored=("2 April",),
        gone=("14 March",),
    ),
    Case(
        "tea",
        "I don't drink coffee any more, only green tea.",
        human="Nora drinks coffee.",
        stored=("green tea",),
    ),
]
CASES = [*TOLD, *ASKED, *OLDER, *CORRECTED]


class Clock:
    """A minute later at every look, from a fixed morning on."""

    def __init__(self) -> None:
        self._now = datetime(2026, 5, 8, 9, 0, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        self._now += timedelta(minutes=1)
        return self._now


@pytest.fixture(scope="module")
def llm_config() -> Any:
    """The 1.5B model on loopback, at temperature 0."""
    return local_llm_config()


@pytest.fixture
def make(llm_config: Any, tmp_path: Path) -> Iterator[Callable[..., MemGPTAgent]]:
    made: list[MemGPTAgent] = []

    def build(human: str = "") -> MemGPTAgent:
        agent = MemGPTAgent(
            "helper",
            "You are a helpful colleague.",
            llm_config,
            memory=tmp_path / str(len(made)),
            human=human,
            context_window=8192,
            clock=Clock(),
        )
        made.append(agent)
        return agent

    yield build
    for agent in made:
        agent.close()


def say(agent: MemGPTAgent, text: str) -> str:
    return str(agent.generate_reply([{"role": "user", "name": "Nora", "content": text}]))


def in_memory(agent: MemGPTAgent, words: str) -> bool:
    texts = [block.value for block in agent.core_memory]
    texts += [passage.text for passage in agent.archival.latest(50)]
    return any(words.lower() in text.lower() for text in texts)


def missing(agent: MemGPTAgent, case: Case, reply: str) -> list[str]:
    """What does not hold."""
    problems = [f"not stored: {words}" for words in case.stored if not in_memory(agent, words)]
    human = agent.core_memory["human"].value
    problems += [f"still there: {words}" for words in case.gone if words in human]
    problems += [f"not said: {words}" for words in case.said if words.lower() not in reply.lower()]
    calls = [call.name for step in agent.last_steps for call in step.calls]
    if case.searched and not any("search" in name for name in calls):
        problems.append("not searched")
    return problems


def test_single_step_cases(make: Callable[..., MemGPTAgent]) -> None:
    passed = 0
    for case in CASES:
        agent = make(case.human)
        for text in case.older:
            agent.recall.append(text, speaker="Nora", timestamp=LONG_AGO)
        reply = say(agent, case.text)
        problems = missing(agent, case, reply)
        passed += not problems
        calls = " → ".join(call.name for step in agent.last_steps for call in step.calls)
        print(f"{'ok ' if not problems else 'BAD'} {case.name:10} {calls}")
        if problems:
            print(f"    {'; '.join(problems)} | {reply[:100]!r}")
    print(f"\n{passed} of {len(CASES)} cases passed ({passed / len(CASES):.0%})")
    assert passed / len(CASES) >= SHARE


CONVERSATION: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    # text, words that must be in memory afterwards, words that the reply must hold
    ("Hello, I am Nora and I am a carpenter.", ("carpenter",), ()),
    ("I am building a table of oak for my brother Tom.", ("oak",), ()),
    ("What am I building?", (), ("table",)),
    ("The table must be ready on 3 July.", ("3 July",), ()),
    ("Write a Python function that converts inches to millimetres.", (), ("25.4",)),
    ("Thank you!", (), ()),
    ("Who is the table for?", (), ("Tom",)),
    ("My workshop is in Ghent.", ("Ghent",), ()),
    ("What is my job?", (), ("carpenter",)),
    ("When must the table be ready?", (), ("3 July",)),
    ("I also have a dog called Biscuit.", ("Biscuit",), ()),
    ("Where is my workshop?", (), ("Ghent",)),
    ("What is my dog called?", (), ("Biscuit",)),
    ("Which wood do I use?", (), ("oak",)),
]


def test_a_conversation_of_14_turns(make: Callable[..., MemGPTAgent]) -> None:
    agent = make()
    passed = 0
    for text, stored, said in CONVERSATION:
        reply = say(agent, text)
        good = all(in_memory(agent, words) for words in stored) and all(
            words.lower() in reply.lower() for words in said
        )
        passed += good and bool(reply.strip())
        print(f"{'ok ' if good else 'BAD'} {text}\n      {' '.join(reply.split())[:100]}")
    print(f"\n{passed} of {len(CONVERSATION)} turns passed")
    assert len(agent.recall) >= 2 * len(CONVERSATION)
    assert passed >= 11
