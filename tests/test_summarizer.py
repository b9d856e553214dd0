"""The recursive summary: by the model, or a plain digest when the model fails."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.engine.asking.summarizer import Complete, Summarizer
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.steps import FunctionCall, FunctionResult, Step
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, say, send
from memgpt_autogen.testing import Step as Reply
from tests.clocks import NOON, Ticking

ENTRIES: list[Queued] = [
    MessageEvent(timestamp=NOON, speaker="Alice", text="The deadline is Friday."),
    Step(
        text="secret thought",
        calls=(FunctionCall(id="1", name="core_memory_append", arguments='{"content": "x"}'),),
        results=(FunctionResult(call_id="1", name="core_memory_append", ok=True, text="y"),),
        sent=("I will be ready.",),
    ),
    Notice(timestamp=NOON, text="(system alert) memory pressure", alert=True),
]


def summarizer(
    complete: Complete | None, limit: int = 600, chunk: int = 2000, *, sparse: bool = False
) -> Summarizer:
    return Summarizer(
        complete, name="mem", limit=limit, chunk=chunk, failures=(OSError,), sparse=sparse
    )


def test_the_model_sums_up_the_old_summary_and_the_new_messages() -> None:
    asked: list[tuple[str, str]] = []

    def complete(instructions: str, text: str) -> str:
        asked.append((instructions, text))
        return " A new summary. "

    assert summarizer(complete).summarize("They met.", ENTRIES) == "A new summary."
    ((instructions, text),) = asked
    assert "for mem" in instructions
    assert "Summary so far:\nThey met." in text
    assert "Alice: The deadline is Friday." in text
    assert "(I said) I will be ready." in text
    assert "(I called) core_memory_append" in text
    assert "secret thought" not in text and "memory pressure" not in text


def test_much_is_summed_up_in_pieces_that_fit() -> None:
    sizes: list[int] = []

    def complete(instructions: str, text: str) -> str:
        sizes.append(len(text))
        return f"summary {len(sizes)}"

    many: list[Queued] = [
        Notice(timestamp=NOON, text=f"{number} " + "x" * 400) for number in range(20)
    ]
    summary = summarizer(complete, chunk=1000).summarize("", many)
    assert len(sizes) >= 8 and max(sizes) < 1600
    assert summary == f"summary {len(sizes)}"


def failing(instructions: str, text: str) -> str:
    raise OSError("the model is away")


@pytest.mark.parametrize("complete", [failing, lambda instructions, text: "  ", None])
def test_a_failing_or_empty_model_leaves_a_plain_digest(complete: Complete | None) -> None:
    digest = summarizer(complete).summarize("They met.", ENTRIES)
    assert digest.startswith("They met.\n3 earlier entries, by Alice (1).")
    assert "The deadline is Friday." in digest
    assert "(I said) I will be ready." in digest


def test_a_digest_of_digests_stays_bounded_and_keeps_the_newest() -> None:
    summary = ""
    for number in range(30):
        summary = summarizer(None).summarize(
            summary, [MessageEvent(timestamp=NOON, speaker="Alice", text=f"fact {number}")] * 9
        )
        assert len(summary) <= 700
    assert "fact 29" in summary


def test_a_talkative_model_is_cut() -> None:
    assert len(summarizer(lambda i, t: "word " * 1000).summarize("", ENTRIES)) < 700


def test_nothing_said_changes_nothing() -> None:
    silent: list[Queued] = [Step(text="hm")]
    assert summarizer(failing).summarize("They met.", silent) == "They met."


# --- sparse priming representations ----------------------------------------------------


def test_statements_are_added_and_those_there_are_stay_as_they_are() -> None:
    asked: list[str] = []

    def complete(instructions: str, text: str) -> str:
        asked.append(text)
        return "Statements:\n- The deadline is Friday.\n2. Alice leads.\n\n* Alice leads."

    summary = summarizer(complete, sparse=True).summarize("They met.", ENTRIES)
    assert summary == "They met.\nThe deadline is Friday.\nAlice leads."
    assert "They met." not in asked[0], "what is known is not paid for again"
    assert "Alice: The deadline is Friday." in asked[0]


def test_without_room_statements_are_merged_or_the_oldest_go() -> None:
    known = "\n".join(f"Fact {number} is this long." for number in range(28))  # 620 characters

    def merging(instructions: str, text: str) -> str:
        return "All facts are long." if text.startswith("  Fact 0") else "Alice leads."

    assert summarizer(merging, sparse=True).summarize(known, ENTRIES) == "All facts are long."

    def stubborn(instructions: str, text: str) -> str:
        return text if "Fact 0" in text else "Alice leads."

    summary = summarizer(stubborn, sparse=True).summarize(known, ENTRIES)
    assert len(summary) <= 600 and summary.endswith("Fact 27 is this long.\nAlice leads.")
    assert "Fact 0 " not in summary


def test_a_model_that_fails_takes_no_statement_away() -> None:
    summary = summarizer(failing, sparse=True).summarize("They met.\nAlice leads.", ENTRIES)
    assert summary.startswith("They met.\nAlice leads.\n3 earlier entries, by Alice (1).")
    assert "The deadline is Friday." in summary


def test_through_ten_evictions_statements_survive_within_the_limit(tmp_path: Path) -> None:
    """The model states each fact once; where room runs out, it merges them."""
    asked = Counter[str]()

    def script(request: ChatRequest) -> Reply:
        if request.tools:
            return send("Noted.")
        if "sparse priming" in request.text:
            asked["state"] += 1
            facts = re.findall(r"The code of house \d+ is \w+", request.text)
            return say("\n".join(f"- {fact}." for fact in facts))
        asked["merge"] += 1
        return say(f"House codes in order: {' '.join(re.findall(r'k[0-9]+x', request.text))}")

    settings = Settings(location=str(tmp_path), summary="spr", prefetch_tokens=0)
    with ScriptedModel(script, window=4096) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=settings, context_window=4096,
            embedder=HashingEmbedder(), clock=Ticking(),
        ) as agent:  # fmt: skip
            number = 0
            while agent.context_overview().counters.evictions < 10:
                number += 1
                text = f"The code of house {number} is k{number}x. {'And so on. ' * 200}"
                agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])
            summary = agent._memgpt_capability.open().queue.context.summary
    assert asked["state"] >= 10 > asked["merge"]
    codes = re.findall(r"k[0-9]+x", summary)
    assert codes == [f"k{at + 1}x" for at in range(len(codes))] and len(codes) > 15
    assert len(summary) <= 1024, "a quarter of the window, in characters"
