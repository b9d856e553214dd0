"""Thoughts and calls that a model left in its text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.model.protocol.written import read_json, without_thoughts, written_calls

NAMES = ("send_message", "core_memory_append", "stock")
HELLO = {"message": "Hello."}


@pytest.mark.parametrize(
    ("text", "thoughts", "said"),
    [
        ("<think>\nShall I?\n</think>\n\nHello.", "Shall I?", "Hello."),
        ("<think>Shall I? TERMINATE", "Shall I? TERMINATE", ""),
        ("Shall I? TERMINATE\n</think>\nHello.", "Shall I? TERMINATE", "Hello."),
        ("  <THINK>a</Think> Hello.", "a", "Hello."),
        ("<thinking>a</thinking>Hello.", "a", "Hello."),
        ("<think>a</think><think>b</think>Hello.", "a\nb", "Hello."),
        ("<think>a <think>b</think> c</think>Hello.", "a <think>b\nc", "Hello."),
        ("<think></think>Hello.", "", "Hello."),
        ("<think>", "", ""),
        ("</think>Hello.", "", "Hello."),
        ("[THINK]a[/THINK]Hello.", "a", "Hello."),
        ("◁think▷a◁/think▷Hello.", "a", "Hello."),
        ("<seed:think>a</seed:think>Hello.", "a", "Hello."),
        ("<reasoning>a</reasoning>\nHello.", "a", "Hello."),
        ("<think>Use `stock`</think>Hello.", "Use `stock`", "Hello."),
        ("<think>Use `a`</think>`b` it is.", "Use `a`", "`b` it is."),
        ("Use `stock`</think>Hello.", "Use `stock`", "Hello."),
        ("Hello.", "", "Hello."),
        ("Put it in <think> tags, and end with </think>.", "", None),
        ("The end is marked by `</think>`.", "", None),
        (" I think < you </b>", "", None),
    ],
)
def test_thoughts_are_not_said(text: str, thoughts: str, said: str | None) -> None:
    assert without_thoughts(text) == (thoughts, text if said is None else said)


@given(st.text(max_size=60).filter(lambda text: "think" not in text.lower()), st.text(max_size=60))
def test_whatever_is_thought_what_follows_is_said(thought: str, said: str) -> None:
    if any(word in (thought + said).lower() for word in ("think", "thought", "reasoning")):
        return
    assert without_thoughts(f"<think>{thought}</think>{said}")[1] == said.strip()
    assert without_thoughts(f"{thought}\n</think>{said}")[1] == said.strip()
    assert without_thoughts(f"<think>{thought}")[1] == ""


CALL = json.dumps({"name": "send_message", "arguments": HELLO})


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (CALL, ""),
        (f"[{CALL}]", ""),
        ('{"name": "send_message", "parameters": {"message": "Hello."}}', ""),
        ('{"name": "send_message", "message": "Hello."}', ""),
        (
            '{"function": {"name": "send_message", "arguments": "{\\"message\\": \\"Hello.\\"}"}}',
            "",
        ),
        (
            '{"type": "function", "function": "send_message", "arguments": {"message": "Hello."}}',
            "",
        ),
        (f'{{"tool_calls": [{CALL}]}}', ""),
        (f"```json\n{CALL}\n```", ""),
        (f"```\n{CALL}```", ""),
        (f"<tool_call>\n{CALL}\n</tool_call>", ""),
        (f"I greet her.\n<tool_call>\n{CALL}\n</tool_call>\n", "I greet her."),
        (f"<tool_call>{CALL}", ""),
        (f"<function_call>{CALL}</function_call>", ""),
        (f"[TOOL_CALLS][{CALL}]", ""),
        (f"I see.[TOOL_CALLS] [{CALL}]", "I see."),
        ('[TOOL_CALLS]send_message{"message": "Hello."}', ""),
        ('[TOOL_CALLS]send_message[ARGS]{"message": "Hello."}', ""),
        (
            '<|python_tag|>{"name": "send_message", "parameters": {"message": "Hello."}}<|eom_id|>',
            "",
        ),
        ('<function=send_message>{"message": "Hello."}</function>', ""),
        (
            "<tool_call><function=send_message><parameter=message>\nHello.\n</parameter></tool_call>",
            "",
        ),
        ('send_message(message="Hello.")', ""),
        ('[send_message(message="Hello.")]', ""),
        ('```tool_code\nprint(send_message(message="Hello."))\n```', ""),
        ("{'name': 'send_message', 'arguments': {'message': 'Hello.'}}", ""),  # repaired
        ('{"name": "send_message", "arguments": {"message": "Hello."}', ""),
    ],
)
def test_a_call_left_in_the_text_is_a_call(text: str, before: str) -> None:
    found_before, found = written_calls(text, NAMES)
    assert found_before == before
    assert [(one.name, json.loads(one.arguments)) for one in found] == [("send_message", HELLO)]


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        '{"name": "Ann", "age": 5}',
        '{"name": "delete_all", "arguments": {}}',
        f"A call looks like this: {CALL}",
        f"Like this:\n```json\n{CALL}\n```",
        f"```json\n{CALL}\n```\nDo you see?",
        "send_message is a function.",
        "stock(part=open('x'))",
        "[1, 2, 3]",
        "",
    ],
)
def test_a_text_that_is_more_or_something_else_is_said(text: str) -> None:
    assert written_calls(text, NAMES) == (text, [])


def test_several_calls_in_marks_are_all_made() -> None:
    second = '{"name": "stock", "arguments": {}}'
    text = f"<tool_call>{CALL}</tool_call>\n<tool_call>{second}</tool_call>"
    assert [one.name for one in written_calls(text, NAMES)[1]] == ["send_message", "stock"]


@given(st.text(max_size=80))
def test_no_text_makes_it_fail(text: str) -> None:
    for wrapped in (
        text,
        "{" + text,
        f"[TOOL_CALLS]{text}",
        f"<tool_call>{text}",
        f"stock({text})",
    ):
        before, found = written_calls(wrapped, NAMES)
        assert found or before == wrapped


@pytest.mark.parametrize("opening", ["[", '{"a":', "(", "stock(a=["])
def test_no_depth_makes_it_fail(opening: str) -> None:
    text = opening * 20_000
    assert written_calls(text, NAMES) == (text, [])
    assert read_json("[" * 20_000 + "]" * 20_000) is None
