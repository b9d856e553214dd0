"""The whole path with a real model: SmolLM2, 93 MB, from its package or the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from memgpt_autogen.engine.functions import FUNCTIONS
from memgpt_autogen.local import LocalServer, llm_config

pytestmark = pytest.mark.small_model

TOOLS: list[Any] = [function.schema() for function in FUNCTIONS]
NAMES = {tool["function"]["name"] for tool in TOOLS}
WINDOW = 1024


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer("smollm2-135m-instruct", context_window=WINDOW) as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="local", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, text: str, **options: Any) -> Any:
    messages: list[Any] = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="m", messages=messages, **options)


def test_calls_are_valid_even_when_sampled_wildly(client: openai.OpenAI) -> None:
    whole = 0
    for seed in range(6):
        answer = ask(
            client,
            "My name is Ada and I like tea.",
            tools=TOOLS,
            tool_choice="required",
            temperature=1,
            seed=seed,
            max_tokens=200,
        )
        (call,) = answer.choices[0].message.tool_calls
        assert call.function.name in NAMES
        if answer.choices[0].finish_reason == "length":
            continue  # rare letters took more tokens than the string's bound reckons with
        assert answer.choices[0].finish_reason == "tool_calls"
        function = next(f for f in FUNCTIONS if f.name == call.function.name)
        required = function.schema()["function"]["parameters"]["required"]
        assert set(required) <= set(json.loads(call.function.arguments))
        whole += 1
    assert whole >= 4


def test_counts_are_real(client: openai.OpenAI) -> None:
    short = ask(client, "tea", max_tokens=5, temperature=0).usage
    long = ask(client, "tea " * 101, max_tokens=5, temperature=0).usage
    assert long.prompt_tokens - short.prompt_tokens in range(98, 104)
    assert 1 <= long.completion_tokens <= 5


def test_the_second_turn_hits_the_prompt_cache(client: openai.OpenAI) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "You remember things. " * 60},
        {"role": "user", "content": "hello"},
    ]
    options: dict[str, Any] = {"model": "m", "tools": TOOLS, "temperature": 0, "max_tokens": 100}
    first = client.chat.completions.create(messages=messages, **options)
    message = first.choices[0].message.model_dump(exclude_none=True)
    messages += [message, {"role": "tool", "tool_call_id": "x", "content": "Done."}]
    usage = client.chat.completions.create(messages=messages, **options).usage
    assert usage is not None and usage.prompt_tokens_details is not None
    cached = usage.prompt_tokens_details.cached_tokens
    assert first.usage is not None and cached is not None
    assert cached >= first.usage.prompt_tokens


def test_an_overflow_is_llama_cpps_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "tea " * 1500)
    body: Any = caught.value.body
    assert caught.value.type == "exceed_context_size_error"
    assert body["n_ctx"] == WINDOW and body["n_prompt_tokens"] > 1500
    assert ask(client, "hello", max_tokens=3).usage.completion_tokens <= 3  # it goes on


def test_a_schema_llama_cpp_cannot_take_is_a_bad_request(client: openai.OpenAI) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "bogus"}}}
    with pytest.raises(openai.BadRequestError):
        ask(client, "hello", response_format=schema)


def test_the_callers_own_schema_holds(client: openai.OpenAI) -> None:
    wanted = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": wanted}}
    text = ask(client, "a number", response_format=schema, max_tokens=60).choices[0].message.content
    assert json.loads(text)["n"] in (1, 2)


def test_streaming(client: openai.OpenAI) -> None:
    chunks = list(ask(client, "hello", stream=True, max_tokens=8, temperature=0))
    whole = ask(client, "hello", max_tokens=8, temperature=0).choices[0].message.content
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole


def test_llama_cpps_own_port_is_shut(server: LocalServer) -> None:
    runner: Any = server._runner
    own = runner._server.listening_address
    answer = httpx.post(f"{own}/v1/chat/completions", json={"messages": []})
    assert answer.status_code == 401


def test_autogen_round_trip(server: LocalServer) -> None:
    from autogen import ConversableAgent

    config = llm_config("smollm2-135m-instruct", server.base_url, max_tokens=20)
    agent = ConversableAgent("sam", llm_config=config, human_input_mode="NEVER")
    reply = agent.generate_reply([{"role": "user", "content": "Say hello."}])
    assert reply
    usage = agent.get_actual_usage()
    assert usage["smollm2-135m-instruct"]["prompt_tokens"] > 5 and usage["total_cost"] == 0
