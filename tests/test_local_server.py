"""The endpoint's protocol: with a scripted runner, and with SmolLM2 where marked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local import LocalServer, llama, llm_config
from memgpt_autogen.local.errors import RefusedError

JSON = dict[str, Any]
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 4,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 7},
}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {
            "type": "object",
            "properties": {"content": {"type": "string"}},
            "required": ["content"],
        },
    },
}
HELLO: list[Any] = [{"role": "user", "content": "hello"}]


class Scripted:
    """A runner that says what it is told to."""

    def __init__(self) -> None:
        self.text = "hello"
        self.reason = "stop"
        self.refusal: JSON | None = None
        self.requests: list[tuple[JSON, JSON | None]] = []
        self.closed = False
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def complete(self, request: JSON, schema: JSON | None) -> JSON:
        self.begun.set()
        self.gate.wait(10)
        self.requests.append((request, schema))
        if self.refusal:
            raise RefusedError("too large", body={"error": self.refusal})
        choice = {"finish_reason": self.reason, "message": {"content": self.text}}
        return {"choices": [choice], "usage": USAGE}

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def runner() -> Scripted:
    return Scripted()


@pytest.fixture
def server(runner: Scripted) -> Iterator[LocalServer]:
    with LocalServer("smollm2-135m-instruct", runner=lambda: runner) as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="local", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, **options: Any) -> Any:
    return client.chat.completions.create(model="m", **{"messages": HELLO, **options})


def test_text_and_real_counts(client: openai.OpenAI, runner: Scripted) -> None:
    answer = ask(client, temperature=0, seed=3, stop=["x"], max_completion_tokens=9)
    assert answer.choices[0].message.content == "hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 11
    assert answer.usage.prompt_tokens_details.cached_tokens == 7
    request, schema = runner.requests[0]
    assert schema is None
    assert request == {
        "messages": HELLO,
        "max_tokens": 9,
        "cache_prompt": True,
        "temperature": 0,
        "seed": 3,
        "stop": ["x"],
    }


def test_a_call_comes_back_as_openai_calls(client: openai.OpenAI, runner: Scripted) -> None:
    runner.text = '{"name": "add", "arguments": {"content": "x"}}'
    choice = ask(client, tools=[ADD]).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    call = choice.message.tool_calls[0]
    assert call.function.name == "add" and json.loads(call.function.arguments) == {"content": "x"}
    assert runner.requests[0][1] is not None


def test_under_auto_words_are_words(client: openai.OpenAI, runner: Scripted) -> None:
    runner.text = '{"reply": "just words"}'
    choice = ask(client, tools=[ADD]).choices[0]
    assert choice.message.content == "just words" and choice.finish_reason == "stop"


def test_none_asks_without_tools(client: openai.OpenAI, runner: Scripted) -> None:
    assert ask(client, tools=[ADD], tool_choice="none").choices[0].message.content == "hello"
    request, schema = runner.requests[0]
    assert schema is None and request["messages"] == HELLO


def test_a_cut_call_says_length(client: openai.OpenAI, runner: Scripted) -> None:
    runner.text, runner.reason = '{"name": "add", "arguments": {"content": "x', "length"
    choice = ask(client, tools=[ADD]).choices[0]
    assert choice.finish_reason == "length"
    assert choice.message.tool_calls[0].function.arguments == '{"content": "x'


def test_streams_text_and_calls(client: openai.OpenAI, runner: Scripted) -> None:
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "hello" and chunks[-1].usage.prompt_tokens == 11
    runner.text = '{"name": "add", "arguments": {}}'
    chunks = list(ask(client, stream=True, tools=[ADD]))
    assert chunks[1].choices[0].delta.tool_calls[0].function.name == "add"
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_an_overflow_reads_as_llama_cpps(client: openai.OpenAI, runner: Scripted) -> None:
    runner.refusal = {
        "code": 400,
        "message": "request (9 tokens) exceeds the available context size (8 tokens), "
        "try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 9,
        "n_ctx": 8,
    }
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client)
    assert caught.value.type == "exceed_context_size_error"
    assert caught.value.body == runner.refusal


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "messages must be a list"),
        (b'{"messages": []}', "messages is empty"),
        (b'{"messages": [{"role": "user"}], "n": 2}', "n other than 1"),
        (b'{"messages": [{"role": "user"}], "max_tokens": 0}', "max_tokens"),
        (b'{"messages": [{"role": "user"}], "tools": 3}', "tools must be a list"),
        (b'{"messages": [{"role": "user"}], "tools": [3]}', "each of tools"),
        (b'{"messages": [{"role": "user"}], "functions": [{}]}', "use tools"),
        (b'{"messages": [{"role": "assistant", "tool_calls": [3]}]}', "tool_calls"),
        (
            b'{"messages": [{}], "tools": [{"function": {"name": "f", "parameters": 3}}]}',
            "parameters",
        ),
    ],
)
def test_bad_requests_are_refused_in_words(server: LocalServer, body: bytes, words: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{server.base_url}/chat/completions", content=body, headers=headers)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_web_page_cannot_use_it(server: LocalServer) -> None:
    url = f"{server.base_url}/chat/completions"
    assert httpx.post(url, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    answer = httpx.options(url, headers={"Origin": "https://example.com"})
    assert answer.status_code >= 400
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_models_and_health(server: LocalServer, client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["smollm2-135m-instruct"]
    root = server.base_url.removesuffix("/v1")
    assert httpx.get(f"{root}/health").json() == {"status": "ok"}
    assert httpx.get(f"{root}/nowhere").status_code == 404


def test_a_client_that_hangs_up_does_no_harm(server: LocalServer, client: openai.OpenAI) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 900\r\n\r\n{")
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
    assert ask(client).choices[0].message.content == "hello"


def test_a_client_that_left_while_it_waited_costs_nothing(
    server: LocalServer, client: openai.OpenAI, runner: Scripted
) -> None:
    runner.gate.clear()
    first = threading.Thread(target=ask, args=(client,))
    first.start()
    runner.begun.wait(10)
    body = json.dumps({"messages": HELLO}).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
    runner.gate.set()
    first.join()
    ask(client)
    assert len(runner.requests) == 2


def test_the_answer_at_hand_is_given_before_it_stops(
    server: LocalServer, client: openai.OpenAI, runner: Scripted
) -> None:
    runner.gate.clear()
    answers: list[Any] = []
    worker = threading.Thread(target=lambda: answers.append(ask(client)))
    worker.start()
    runner.begun.wait(10)
    threading.Timer(0.2, runner.gate.set).start()
    server.stop()
    worker.join()
    assert answers[0].choices[0].message.content == "hello" and runner.closed


def test_it_answers_others_while_the_model_works(
    server: LocalServer, client: openai.OpenAI, runner: Scripted
) -> None:
    runner.gate.clear()
    worker = threading.Thread(target=ask, args=(client,))
    worker.start()
    health = httpx.get(f"{server.base_url}/models", timeout=5).status_code
    runner.gate.set()
    worker.join()
    assert health == 200


def test_start_twice_stop_twice(runner: Scripted) -> None:
    server = LocalServer("smollm2-135m-instruct", runner=lambda: runner)
    assert server.start() is server.start()
    server.stop()
    server.stop()
    assert runner.closed


def test_a_taken_port_is_told(server: LocalServer) -> None:
    other = Scripted()
    with pytest.raises(LocalModelError, match=str(server.port)):
        LocalServer("smollm2-135m-instruct", port=server.port, runner=lambda: other).start()
    assert other.closed


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(text: str, kind: type[ImportError]) -> None:
        def refuse(name: str) -> None:
            raise kind(text)

        monkeypatch.setattr(llama, "import_module", refuse)

    without("No module named 'xllamacpp'", ModuleNotFoundError)
    with pytest.raises(LocalModelError, match=r"memgpt-autogen\[local\]"):
        llama.load_library("xllamacpp")
    without("libgomp.so.1: cannot open shared object file", ImportError)
    with pytest.raises(LocalModelError, match="apt-get install libgomp1"):
        llama.load_library("xllamacpp")


def test_threads_are_as_many_as_cores() -> None:
    assert 1 <= llama.default_threads() <= 8


@pytest.mark.autogen
def test_autogen_takes_the_config(server: LocalServer, recwarn: pytest.WarningsRecorder) -> None:
    from autogen import ConversableAgent

    config = llm_config("smollm2-135m-instruct", server.base_url)
    agent = ConversableAgent("sam", llm_config=config, human_input_mode="NEVER")
    reply = agent.generate_reply([{"role": "user", "content": "hello"}])
    assert (reply if isinstance(reply, str) else reply["content"]) == "hello"
    assert not [w for w in recwarn if "price" in str(w.message) or "cost" in str(w.message)]
