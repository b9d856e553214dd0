"""The recursive summary: by the model, or a plain digest when the model fails."""

from __future__ import annotations

import pytest

from memgpt_autogen.engine.asking.summarizer import Complete, Summarizer
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.steps import FunctionCall, FunctionResult, Step
from tests.clocks import NOON

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


def summarizer(complete: Complete | None, limit: int = 600, chunk: int = 2000) -> Summarizer:
    return Summarizer(complete, name="mem", limit=limit, chunk=chunk, failures=(OSError,))


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
