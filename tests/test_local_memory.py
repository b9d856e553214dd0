"""Does a real small model use its memory? Through MemGPTAgent, at temperature 0, end to end.

    make test-local

The people, facts and questions are drawn by a seed (MEMGPT_LOCAL_SEED), and what is right is
told by rules over the facts. MEMGPT_LOCAL_SAMPLE names a file for facts, questions and answers,
for somebody to read.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from autogen import GroupChat, GroupChatManager

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.local import local_llm_config
from memgpt_autogen.memory.blocks import Block
from tests.drawn import Case, Drawn, wrong_words
from tests.playing import user

pytestmark = [pytest.mark.local_model, pytest.mark.filterwarnings("ignore")]

SHARE = 0.9  # of the cases
SEED = int(os.environ.get("MEMGPT_LOCAL_SEED", "2026"))
SAMPLE = os.environ.get("MEMGPT_LOCAL_SAMPLE")


@pytest.fixture(scope="module")
def llm_config() -> Any:
    """The 1.5B model on loopback, at temperature 0."""
    return local_llm_config()


@contextmanager
def helper(llm_config: Any) -> Iterator[MemGPTAgent]:
    with MemGPTAgent(
        "helper",
        "You are a helpful colleague.",
        llm_config,
        memory=":memory:",
        context_window=8192,
    ) as agent:
        yield agent


def say(agent: MemGPTAgent, case: Case) -> str:
    chat = user(case.speaker).initiate_chat(agent, message=case.text, max_turns=1, silent=True)
    return str(chat.chat_history[-1]["content"])


def wrong_deeds(agent: MemGPTAgent, case: Case) -> list[str]:
    """What does not hold of what was done first and of what is stored."""
    first = next((call.name for step in agent.last_steps for call in step.calls), "nothing")
    blocks = {block.name: block.value.lower() for block in agent.core_memory}
    block = blocks.get(f"human:{case.speaker}", blocks["human"])
    problems = [] if case.deed in (first, "") else [f"{first}, not {case.deed}"]
    if case.stored.lower() not in block:
        problems.append(f"not stored: {case.stored}")
    if case.gone and case.gone.lower() in block:
        problems.append(f"still there: {case.gone}")
    return problems


def keep_sample(case: Case, answer: str) -> None:
    if SAMPLE:
        facts = {"core memory": case.known, "earlier messages": case.older}
        line = {**facts, "who asks": case.speaker, "says": case.text, "answer": answer}
        with Path(SAMPLE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def test_drawn_cases(llm_config: Any) -> None:
    right: Counter[str] = Counter()
    cases = list(Drawn(SEED).cases())
    for case in cases:
        with helper(llm_config) as agent:
            for name, lines in case.known.items():
                block = Block(name=f"human:{name}", value="\n".join(lines))
                agent.core_memory.add(block)
            for name, text in case.older:
                agent.recall.append(text, speaker=name)
            answer = say(agent, case)
            deeds, words = wrong_deeds(agent, case), wrong_words(case, answer)
        keep_sample(case, answer)
        right["deeds"] += not deeds
        right["words"] += not words
        right[case.kind] += not deeds and not words
        if deeds or words:
            print(f"BAD {case.kind}: {case.speaker}: {case.text} | {case.known}")
            print(f"    {deeds} {words} | {answer[:200]!r}")
    for what, count in right.items():
        print(f"{what}: {count}")
    print(f"seed {SEED}, {len(cases)} cases")
    assert right["deeds"] / len(cases) >= SHARE
    assert right["words"] / len(cases) >= SHARE


def test_a_conversation_of_30_turns_among_three(llm_config: Any) -> None:
    cases = Drawn(SEED).conversation()
    right, known = 0, ""
    with helper(llm_config) as agent:
        people = {name: user(name) for name in {case.speaker for case in cases}}
        chat = GroupChat(
            [*people.values(), agent],
            [],
            max_round=2,
            speaker_selection_method=lambda last, _: None if last is agent else agent,
        )
        manager = GroupChatManager(chat, llm_config=False, silent=True)
        for case in cases:
            people[case.speaker].initiate_chat(
                manager, message=case.text, silent=True, clear_history=False
            )
            answer = " ".join(text for step in agent.last_steps for text in step.sent)
            known += f" {case.speaker} {case.text}"
            problems = wrong_words(case, answer, known)
            block = agent.core_memory[f"human:{case.speaker}"].value.lower()
            if case.stored.lower() not in block or (case.gone and case.gone.lower() in block):
                problems.append(f"stored: {block}")
            right += not problems
            print(f"{'BAD' if problems else 'ok '} {case.speaker}: {case.text} → {answer[:120]}")
            if problems:
                print(f"    {problems}")
    print(f"{right} of {len(cases)} turns")
    assert len(cases) == 30
    assert right / len(cases) >= SHARE
