from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.local.errors import RefusedError
from memgpt_autogen.local.requests import parse_request
from memgpt_autogen.model.protocol.json_tools import Toolbox, call_text, toolbox_of
from memgpt_autogen.model.protocol.plain_chat import plain, text_of
from memgpt_autogen.steps import FunctionCall


def tool(name: str, required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }
    description = f"Does {name}."
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


STRING = {"type": "string"}
ADD = tool("add", ["content"], request_heartbeat={"type": "boolean"}, content=STRING)
SAY = tool("send_message", message=STRING)


def box(*tools: dict[str, Any], choice: Any = "auto") -> Toolbox:
    made = toolbox_of(tools, choice)
    assert made is not None
    return made


def test_calls_and_results_become_plain_text() -> None:
    function = {"name": "add", "arguments": '{"content":"é"}'}
    messages = [
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": function}]},
        {"role": "tool", "tool_call_id": "1", "content": "Stored."},
        {"role": "user", "content": "and?"},
    ]
    assert plain(messages, None) == [
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": '{"name": "add", "arguments": {"content": "é"}}'},
        {"role": "user", "content": "[result of add] Stored.\nand?"},
    ]


def test_functions_stand_before_the_callers_system_text() -> None:
    system = plain([{"role": "system", "content": "Rules."}, {"role": "user"}], box(ADD))[0]
    assert system["content"].endswith("add(content: string, request_heartbeat?: boolean)"
                                      " - Does add.\n\nRules.")  # fmt: skip


def test_an_edit_of_the_system_messages_end_keeps_what_stands_before_it() -> None:
    def prompt(end: str) -> str:
        return plain([{"role": "system", "content": f"Rules. {end}"}], box(ADD, SAY))[0]["content"]

    assert prompt("old").removesuffix("old") == prompt("new").removesuffix("new")


roles = st.sampled_from(["system", "user", "assistant", "tool", "function", "developer"])
contents = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=9)})),
)
messages = st.lists(
    st.fixed_dictionaries({"role": roles, "content": contents}), min_size=1, max_size=8
)


@given(messages)
def test_neighbours_never_share_a_role_and_no_text_is_lost(given: list[dict[str, Any]]) -> None:
    rendered = plain(given, box(ADD))
    names = [message["role"] for message in rendered]
    assert all(a != b for a, b in pairwise(names))
    assert set(names) <= {"system", "user", "assistant"}
    assert set(names) != {"system"}
    everything = "\n".join(message["content"] for message in rendered)
    for message in given:
        assert text_of(message["content"]) in everything


@given(messages, messages)
def test_what_was_rendered_stays_when_the_conversation_goes_on(
    first: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    def flat(rendered: list[dict[str, str]]) -> str:
        return "".join(m["content"] for m in rendered if m["content"] != "(begin)")

    before, after = flat(plain(first, None)), flat(plain(first + more, None))
    assert after.startswith(before)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([], "empty"),
        (["x"], "not an object"),
        ([{"role": "wizard", "content": "x"}], "wizard"),
        ([{"role": "user", "content": 3}], "neither text"),
    ],
)
def test_malformed_messages_are_refused_in_words(bad: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plain(bad, None)


def test_images_are_named_not_dropped() -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert text_of(parts) == "look\n[image: not shown to this model]"


def test_the_choice_decides_what_may_be_answered() -> None:
    assert toolbox_of([ADD], "none") is None
    assert toolbox_of([], "auto") is None
    assert box(ADD).may_reply
    assert not box(ADD, choice="required").may_reply
    assert not box(ADD, SAY).may_reply
    named = box(ADD, SAY, choice={"type": "function", "function": {"name": "add"}})
    assert named.names == {"add"} and not named.may_reply


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ([{}], "auto"),
        ([ADD], "sometimes"),
        ([ADD], {"type": "function", "function": {"name": "gone"}}),
    ],
)
def test_malformed_tools_are_refused(tools: list[Any], choice: Any) -> None:
    with pytest.raises(ValueError, match=r"tool"):
        toolbox_of(tools, choice)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "bogus"},
        {"type": ["string", "bogus"]},
        {"type": {}},
        {"properties": {"a": {"anyOf": [{"type": "integer"}, {"items": {"type": "str"}}]}}},
    ],
    ids=str,
)
def test_a_schema_of_no_type_of_json_is_refused(schema: dict[str, Any]) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body = {"messages": [{"role": "user", "content": "hi"}], "response_format": form}
    with pytest.raises(RefusedError, match="a schema has no type"):
        parse_request(json.dumps(body).encode())
    form["json_schema"]["schema"] = {"type": "object", "properties": {"type": {"type": "string"}}}  # type: ignore[index]
    assert parse_request(json.dumps(body).encode()).schema


def test_required_arguments_come_first_and_strings_have_an_end() -> None:
    schema = box(ADD, choice="required").schema(100)
    arguments = schema["properties"]["arguments"]
    assert list(arguments["properties"]) == ["content", "request_heartbeat"]
    assert arguments["properties"]["content"]["maxLength"] == 80  # (100 - 60) * 2
    assert arguments["required"] == ["content"]


def test_strings_share_the_room_and_keep_their_own_bounds() -> None:
    pair = tool("pair", a=STRING, b={"type": "string", "maxLength": 7}, c={"enum": ["x"]})
    properties = box(pair, choice="required").schema(260)["properties"]["arguments"]["properties"]
    assert properties["a"]["maxLength"] == 200
    assert properties["b"]["maxLength"] == 7
    assert properties["c"] == {"enum": ["x"]}


words = st.text(max_size=40)


@given(words)
def test_a_call_written_as_shown_is_read_back(content: str) -> None:
    text = call_text("add", json.dumps({"content": content}))
    call = box(ADD).parse(text)
    assert isinstance(call, FunctionCall)
    assert call.name == "add"
    assert json.loads(call.arguments) == {"content": content}


@given(words, st.integers(0, 60))
def test_a_cut_call_keeps_its_name_and_what_there_is(content: str, cut: int) -> None:
    text = call_text("add", json.dumps({"content": content}))
    head = '{"name": "add", "arguments": '
    parsed = box(ADD).parse(text[: len(head) + cut], cut=True)
    assert isinstance(parsed, FunctionCall)
    assert parsed.name == "add"


@given(words, st.integers(0, 20))
def test_a_cut_plain_answer_is_the_beginning_of_its_words(content: str, cut: int) -> None:
    text = json.dumps({"reply": content})
    parsed = box(ADD).parse(text[: len('{"reply": "') + cut], cut=True)
    assert isinstance(parsed, str)
    assert content.encode("utf-16", "surrogatepass").startswith(
        parsed.encode("utf-16", "surrogatepass")
    )
