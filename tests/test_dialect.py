"""A prompt in the form that one server takes, and how an agent learns which form that is."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.engine.formatting import messages_of
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.model.protocol.dialect import alternating, shaped
from memgpt_autogen.model.protocol.rules import ServerRules
from memgpt_autogen.steps import FunctionCall, FunctionResult, Step
from memgpt_autogen.storage.text import clean
from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, calls, fail, say, send
from memgpt_autogen.testing import Step as Scripted
from tests.clocks import NOON

SYSTEM = {"role": "system", "content": "Rules."}
words = st.text(min_size=1, max_size=12).map(clean).filter(str.strip)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    names = draw(st.lists(st.sampled_from(["send_message", "conversation_search"]), max_size=3))
    made = [
        FunctionCall(
            id=f"{draw(st.integers(0, 10**9)):09}",
            name=name,
            arguments=json.dumps({"message" if name == "send_message" else "query": draw(words)}),
        )
        for name in names
    ]
    text = draw(words) if not made else draw(st.just("") | words)
    results = tuple(
        FunctionResult(
            call_id=one.id, name=one.name, ok=True, text="Sent." if "send" in one.name else "None."
        )
        for one in made
    )
    return Step(text=text, calls=tuple(made), results=results)


entries = st.lists(
    st.one_of(
        st.builds(MessageEvent, timestamp=st.just(NOON), speaker=st.just("Ann"), text=words),
        st.builds(Notice, timestamp=st.just(NOON), text=words),
        steps(),
    ),
    max_size=8,
)


def prompt_of(queue: list[Any]) -> list[dict[str, Any]]:
    return [SYSTEM, *(message for entry in queue for message in messages_of(entry, 1000))]


@given(entries)
def test_an_alternating_prompt_keeps_every_rule_and_every_word(queue: list[Any]) -> None:
    prompt = prompt_of(queue)
    found = alternating(prompt)
    roles = [one["role"] for one in found]
    assert roles[:2] == ["system", "user"]
    assert roles.count("system") == 1
    assert roles[-1] in ("user", "tool")
    for one, other in pairwise(found):
        assert (one["role"], other["role"]) not in {("user", "user"), ("tool", "user")}
        if one["role"] == other["role"] == "assistant":
            raise AssertionError("two assistant messages in a row")
        assert bool(one.get("tool_calls")) == (other["role"] == "tool")
        if one.get("tool_calls"):
            assert [made["id"] for made in one["tool_calls"]] == [other["tool_call_id"]]
    turns = [  # Mistral's template: what has calls, and results, do not count
        one["role"]
        for one in found[1:]
        if one["role"] in ("user", "assistant") and not one.get("tool_calls")
    ]
    assert all(role == ("user", "assistant")[at % 2] for at, role in enumerate(turns))
    assert all(one.get("content") or one.get("tool_calls") for one in found)
    shown = json.dumps(found, ensure_ascii=False)
    for message in prompt:
        if message["role"] == "user":
            assert json.dumps(message["content"], ensure_ascii=False)[1:-1] in shown


@given(entries)
def test_a_prompt_in_words_has_no_calls_and_alternates(queue: list[Any]) -> None:
    tool = {"type": "function", "function": {"name": "send_message", "parameters": {}}}
    found, tools, further = shaped(prompt_of(queue), [tool], ServerRules(tools=False))
    assert not tools
    assert further["response_format"]["type"] == "json_schema"
    assert not any("tool_calls" in one or one["role"] == "tool" for one in found)
    roles = [one["role"] for one in found]
    assert roles[0] == "system"
    assert all(role == ("user", "assistant")[at % 2] for at, role in enumerate(roles[1:]))
    no_system, _, _ = shaped(prompt_of(queue), [tool], ServerRules(tools=False, system=False))
    assert [one["role"] for one in no_system[:2]] in (["user"], ["user", "assistant"])


def test_a_lean_schema_holds_nothing_that_providers_refuse() -> None:
    parameters = {
        "type": "object",
        "additionalProperties": False,
        "$defs": {},
        "properties": {
            "a": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "A"},
            "b": {"type": ["string", "null"], "minLength": 1},
            "c": {"type": "array", "items": {"const": 3}},
            "d": {"type": "integer", "enum": [1, 2]},
            "e": True,
        },
        "required": ["a", "gone"],
    }
    tool = {"type": "function", "function": {"name": "t", "parameters": parameters}}
    _, [lean], _ = shaped([SYSTEM], [tool], ServerRules(schema_keywords=False))
    assert lean["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "string"},
            "c": {"type": "array", "items": {"type": "string"}},
            "d": {"type": "string", "enum": ["1", "2"]},
            "e": {"type": "string"},
        },
        "required": ["a"],
    }


# --- learnt in a chat -----------------------------------------------------------


def ask(agent: MemGPTAgent, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])


@pytest.mark.autogen
@pytest.mark.parametrize(
    "words",
    [
        "registry.ollama.ai/library/gemma does not support tools",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "tools param requires --jinja flag",
        "Only user, assistant and system roles are supported!",
        "Invalid role 'tool'",
        "Jinja Exception: cannot render this conversation",
    ],
)
def test_a_server_without_tools_is_asked_for_json(tmp_path: Path, words: str) -> None:
    asked: list[str] = []

    def rule(request: ChatRequest) -> Scripted:
        if request.tools:
            return fail(400, message=words)
        form = request.body.get("response_format", {}).get("type")
        if form == "json_schema":
            return fail(400, message="'response_format.type' must be 'json_object' or 'text'")
        asked.append(form)
        if request.contains("[result of core_memory_append]"):
            text = "```json\n{'name': 'send_message', 'arguments': {'message': 'Noted.'}}\n```"
            return say(text)
        content = {"name": "human", "content": "Likes tea.", "request_heartbeat": True}
        return say(json.dumps({"name": "core_memory_append", "arguments": content}))

    with ScriptedModel(rule) as model:
        with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
            assert ask(agent, "I like tea.") == "Noted."
            assert agent.core_memory["human"].value == "Likes tea."
            assert model.requests[-1].contains("send_message(message: string)")
            calls_made = len(model.requests)
        with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
            assert ask(agent, "And?") == "Noted."
            assert len(model.requests) == calls_made + 1  # what was learnt is remembered
    assert asked == ["json_object"] * 3


@pytest.mark.autogen
def test_json_can_be_asked_for_from_the_start_and_plain_text_is_said(tmp_path: Path) -> None:
    settings = Settings(location=str(tmp_path), tool_mode="json")
    with (
        ScriptedModel(
            [say('{"name": "send_message", "arguments": {"message": "Hi."}}'), say("Ho")]
        ) as model,
        MemGPTAgent("mem", llm_config=model.llm_config, memory=settings) as agent,
    ):
        assert [ask(agent, "One."), ask(agent, "Two.")] == ["Hi.", "Ho"]
        assert not any(request.tools for request in model.requests)


@pytest.mark.autogen
def test_native_tools_are_never_left_where_that_was_asked_for(tmp_path: Path) -> None:
    settings = Settings(location=str(tmp_path), tool_mode="native")
    with (
        ScriptedModel(lambda request: fail(400, message="does not support tools")) as model,
        MemGPTAgent("mem", llm_config=model.llm_config, memory=settings) as agent,
    ):
        with pytest.raises(Exception, match="does not support tools"):
            ask(agent, "One.")
        assert all(request.tools for request in model.requests)


@pytest.mark.autogen
def test_a_parameter_that_is_refused_is_left_out_from_then_on(tmp_path: Path) -> None:
    def rule(request: ChatRequest) -> Scripted:
        if "temperature" in request.body:
            return fail(400, message="Unsupported parameter: 'temperature' is not supported")
        return send("Hi.")

    with ScriptedModel(rule) as model:
        for _ in range(2):
            with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
                assert [ask(agent, "One."), ask(agent, "Two.")] == ["Hi.", "Hi."]
        assert sum("temperature" in request.body for request in model.requests) == 1


@pytest.mark.autogen
def test_roles_alternate_once_a_server_asks_for_it(tmp_path: Path) -> None:
    def rule(request: ChatRequest) -> Scripted:
        roles = [one["role"] for one in request.messages]
        if ("tool", "user") in set(pairwise(roles)) or ("user", "user") in set(pairwise(roles)):
            return fail(400, message="Unexpected role 'user' after role 'tool'")
        if request.last["role"] == "user" and "One" in request.last_text:
            note = call("core_memory_append", name="human", content="Likes tea.")
            return calls(note, call("send_message", message="Hi."), monologue="I note it.")
        return send("Hi.")

    with ScriptedModel(rule) as model:
        for _ in range(2):
            with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
                assert [ask(agent, one) for one in ("One.", "Two.", "Three.")] == ["Hi."] * 3
        said = [one for one in model.requests[-1].messages if one["role"] == "assistant"]
        assert sum(one["content"] == "Hi." for one in said) == 5
        assert len(model.requests) == 7  # refused once
