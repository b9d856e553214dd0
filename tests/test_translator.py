"""AutoGen messages become readable events; turns become one AutoGen reply."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from memgpt_autogen.adapter.digests import speaker_of
from memgpt_autogen.adapter.translator import AutoGenTranslator, readable
from memgpt_autogen.steps import Eviction, FunctionCall, FunctionResult, Step, Turn

pytestmark = pytest.mark.autogen

CALLED = "(calls get_weather with city = Ulm, days = 2)"
RESULTS = [{"content": "rain"}, {"content": "sun"}]
BROKEN = {"function": {"name": "f", "arguments": "{bro"}}

NOON = datetime(2026, 5, 8, 12, 0, tzinfo=timezone.utc)
CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Ulm", "days": 2}'},
}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "hello"}, "hello"),
        ({"content": None}, ""),
        ({"content": "None", "tool_calls": [CALL]}, CALLED),
        ({"content": "", "function_call": CALL["function"]}, CALLED),
        (
            {"content": "x", "role": "tool", "tool_responses": RESULTS},
            "(result) rain\n(result) sun",
        ),
        ({"content": "rain", "role": "function", "name": "get_weather"}, "(result) rain"),
        (
            {
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:abc"}},
                    {"type": "input_audio", "input_audio": {}},
                ]
            },
            "look\n(image)\n(input_audio)",
        ),
        ({"content": "", "tool_calls": [BROKEN]}, "(calls f with {bro)"),
        ({"content": "", "tool_calls": [{"function": {}}]}, "(calls a function)"),
    ],
)  # fmt: skip
def test_every_kind_of_message_reads_as_text(message: dict[str, Any], text: str) -> None:
    assert readable(message)[0] == text


def test_images_travel_with_the_event() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:abc"}}
    event = AutoGenTranslator().to_event(
        {"content": [part]}, speaker="Alice", own=False, timestamp=NOON
    )
    assert event.images == (part,)
    assert event.line() == "[2026-05-08 12:00] Alice: (image)"


def test_speakers_by_name_else_by_role() -> None:
    assert speaker_of({"name": "Bob", "role": "user"}, own_name="me", sender="Al") == "Bob"
    assert speaker_of({"role": "assistant"}, own_name="me", sender="Al") == "me"
    assert speaker_of({"role": "assistant", "name": "Bob"}, own_name="me", sender="Al") == "Bob"
    assert speaker_of({"role": "user"}, own_name="me", sender="Al") == "Al"
    assert speaker_of({"role": "user"}, own_name="me", sender="") == "user"


STEP = Step(
    text="I should look.",
    reasoning="Hm.",
    calls=(
        FunctionCall(id="1", name="conversation_search", arguments='{"query": "tea"}'),
        FunctionCall(id="2", name="send_message", arguments='{"message": "Tea."}'),
    ),
    results=(
        FunctionResult(call_id="1", name="conversation_search", ok=True, text="No messages found."),
        FunctionResult(call_id="2", name="send_message", ok=True, text="Sent."),
    ),
    sent=("Tea.",),
)
TURN = Turn(steps=(STEP,), messages=("Tea.", "Bye."))


def test_a_reply_is_the_messages_joined() -> None:
    assert AutoGenTranslator().to_reply(TURN) == "Tea.\n\nBye."
    assert AutoGenTranslator().to_reply(Turn()) is None


def test_monologue_and_calls_may_show_in_the_reply() -> None:
    shown = AutoGenTranslator(monologue="reply", calls="reply").to_reply(TURN)
    assert shown == (
        "(thinks) Hm.\nI should look.\n\n"
        '(calls) conversation_search {"query": "tea"}\n\nTea.\n\nBye.'
    )


@pytest.mark.feature("monologue, calls and evictions as events or prints")
def test_the_developer_sees_what_the_chat_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    translator = AutoGenTranslator(monologue="developer", calls="developer")
    assert translator.to_reply(TURN) == "Tea.\n\nBye."
    translator.on_step("coder", STEP)
    translator.on_eviction(
        "coder", Eviction(entries=3, tokens_before=90, tokens_after=40, summary="They met.")
    )
    out = capsys.readouterr().out
    assert "[coder · monologue] Hm.\nI should look." in out
    assert '[coder · call] conversation_search {"query": "tea"}' in out
    assert "[coder · result] No messages found." in out
    assert "[coder · eviction] 3 entries left the queue, 90 → 40 tokens" in out
    assert "[coder · summary] They met." in out
    assert "send_message" not in out


def test_an_edit_of_memory_shows_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = '{"name": "human", "content": "Likes tea."}'
    edit = FunctionCall(id="1", name="core_memory_append", arguments=arguments)
    done = FunctionResult(call_id="1", name=edit.name, ok=True, text="now reads: tea")
    failed = done.model_copy(update={"ok": False, "text": "Error: full"})
    translator = AutoGenTranslator(calls="developer")
    translator.on_step("coder", Step(calls=(edit,), results=(done,)))
    translator.on_step("coder", Step(calls=(edit,), results=(failed,)))
    out = capsys.readouterr().out
    assert out.count("[coder · edit] human: + Likes tea.") == 1
    assert "[coder · result] Error: full" in out


@pytest.mark.feature("silent")
def test_hidden_means_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    AutoGenTranslator().on_step("coder", STEP)
    AutoGenTranslator().on_eviction(
        "coder", Eviction(entries=3, tokens_before=90, tokens_after=40, summary="They met.")
    )
    assert capsys.readouterr().out == ""
