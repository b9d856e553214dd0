"""Servers that run on this machine already are asked for their models."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from memgpt_autogen.local import RunningModel, best_running, running_models
from memgpt_autogen.testing import ScriptedModel
from memgpt_autogen.testing.loopback import HttpRequest, LoopbackServer, Response, json_response


def port_of(model: ScriptedModel) -> int:
    return int(model.base_url.rsplit(":", 1)[1].split("/")[0])


def listing(*names: str) -> LoopbackServer:
    def respond(sent: HttpRequest) -> Response:
        assert (sent.method, sent.path) == ("GET", "/v1/models")
        return json_response(200, {"data": [{"id": name} for name in names]})

    return LoopbackServer(respond, 0)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_the_models_of_all_servers_are_listed_best_first() -> None:
    first = listing("qwen3:0.6b", "nomic-embed-text", "llama3.2:3b", "llama3.3:70b")
    second = listing("qwen2.5-7b-instruct")
    try:
        found = running_models((("Ollama", first.port), ("LM Studio", second.port)))
    finally:
        first.close()
        second.close()
    assert [one.name for one in found[:2]] == ["qwen2.5-7b-instruct", "llama3.2:3b"]
    assert {one.name for one in found[2:]} == {"qwen3:0.6b", "llama3.3:70b"}
    assert found[0].base_url == f"http://127.0.0.1:{second.port}/v1"
    best = best_running(found)
    assert best is not None and best.name == "qwen2.5-7b-instruct"


def test_what_does_not_answer_is_not_waited_for(silent: int) -> None:
    with ScriptedModel([], model_name="qwen3:4b") as model:
        started = time.monotonic()
        found = running_models((("vLLM", silent), ("Ollama", port_of(model))), seconds=0.2)
        assert time.monotonic() - started < 2
    assert [one.name for one in found] == ["qwen3:4b"]
    assert running_models((("vLLM", silent),), seconds=0.1) == []
    assert threading.active_count() < 50


def test_something_else_on_a_port_is_no_model() -> None:
    other = LoopbackServer(lambda sent: json_response(200, ["hello"]), 0)
    try:
        assert running_models((("llama.cpp", other.port),)) == []
    finally:
        other.close()


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["smollm2:135m"], None),
        (["llama3.3:70b"], None),
        (["my-own-model"], "my-own-model"),
        (["my-own-model", "qwen3:8b", "qwen3:1.7b"], "qwen3:8b"),
        ([], None),
    ],
)
def test_the_best_is_the_largest_that_is_likely_to_answer_in_time(
    names: list[str], best: str | None
) -> None:
    found = best_running([RunningModel(name, "Ollama", "http://127.0.0.1:1/v1") for name in names])
    assert (found.name if found else None) == best
