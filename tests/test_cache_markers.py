"""Cache markers, as they reach Anthropic through AutoGen's client, and other endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.testing import ScriptedModel
from memgpt_autogen.testing.loopback import HttpRequest, LoopbackServer, Response, json_response
from tests.playing import echo

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.feature("cache markers for Anthropic's models"),
]

MARKER = {"type": "ephemeral"}


@contextmanager
def anthropic(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A server that speaks Anthropic's protocol and answers every request; what it was asked."""
    pytest.importorskip("anthropic", reason="AutoGen's client needs the package anthropic")
    bodies: list[dict[str, Any]] = []

    def respond(request: HttpRequest) -> Response:
        assert (request.method, request.path) == ("POST", "/v1/messages")
        bodies.append(json.loads(request.body))
        answer = {
            "id": f"msg_{len(bodies)}",
            "type": "message",
            "role": "assistant",
            "model": "claude-scripted",
            "content": [
                {
                    "type": "tool_use",
                    "id": f"toolu_{len(bodies)}",
                    "name": "send_message",
                    "input": {"message": f"answer {len(bodies)}"},
                }
            ],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            # What was read from the cache is not among the input tokens.
            "usage": {"input_tokens": 60, "output_tokens": 9, "cache_read_input_tokens": 2000},
        }
        return json_response(200, answer)

    server = LoopbackServer(respond)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{server.port}")
    try:
        yield bodies
    finally:
        server.close()


def claude(**kwargs: Any) -> dict[str, Any]:
    entry = {"model": "claude-3-opus-20240229", "api_key": "sk-scripted", "api_type": "anthropic"}
    return {"config_list": [{**entry, **kwargs}], "cache_seed": None}


def ask(agent: Any, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "ann", "content": text}])


def marked_results(body: dict[str, Any]) -> list[bool]:
    """Of each result of a call, whether it has a marker."""
    parts = [
        part
        for message in body["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "tool_result"
    ]
    return ["cache_control" in json.dumps(part["content"]) for part in parts]


def test_functions_and_the_latest_results_are_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Settings(location=str(tmp_path), cache_markers=True)
    with (
        anthropic(monkeypatch) as bodies,
        MemGPTAgent("mem", "Be brief.", claude(), memory=memory, context_window=8192) as agent,
    ):
        answers = [ask(agent, f"question {number}") for number in range(4)]
        overview = agent.context_overview()
        assert answers == [f"answer {number}" for number in range(1, 5)]
        for number, body in enumerate(bodies):
            assert [tool.get("cache_control") for tool in body["tools"][:-1]] == [None] * (
                len(body["tools"]) - 1
            )
            assert body["tools"][-1]["cache_control"] == MARKER
            assert marked_results(body) == [False] * (number - 2) + [True] * min(number, 2)
            assert json.dumps(body).count("cache_control") <= 4, "as many as Anthropic takes"
        assert "Be brief." in json.dumps(bodies[-1]["system"])
        # The report leaves out what was read from the cache, so nothing is learnt from it.
        with MemGPTAgent("other", "Be brief.", claude(), memory=tmp_path) as fresh:
            assert overview.sections["functions"] == fresh.context_overview().sections["functions"]


def test_without_the_setting_nothing_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        anthropic(monkeypatch) as bodies,
        MemGPTAgent("mem", "", claude(), memory=tmp_path, context_window=8192) as agent,
    ):
        assert [ask(agent, "a"), ask(agent, "b")] == ["answer 1", "answer 2"]
        assert "cache_control" not in json.dumps(bodies)


def test_an_openai_endpoint_gets_markers_in_parts(tmp_path: Path) -> None:
    memory = Settings(location=str(tmp_path), cache_markers=True)
    with ScriptedModel(echo, model_name="anthropic/claude-scripted") as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            assert [ask(agent, text) for text in "abc"] == ["heard a", "heard b", "heard c"]
        body = model.requests[-1].body
    marked = [m["role"] for m in body["messages"] if "cache_control" in json.dumps(m)]
    assert marked == ["system", "tool", "tool"]
    assert "cache_control" not in json.dumps(body["tools"])


def test_models_of_others_get_no_markers(tmp_path: Path) -> None:
    """They cache unasked, and refuse what they do not know; a fallback may be one of them."""
    memory = Settings(location=str(tmp_path), cache_markers=True)
    with ScriptedModel(echo) as model:
        config = model.llm_config
        config["config_list"].append(claude()["config_list"][0] | {"api_type": "openai"})
        with MemGPTAgent("mem", "", config, memory=memory) as agent:
            assert [ask(agent, text) for text in "ab"] == ["heard a", "heard b"]
        assert "cache_control" not in json.dumps([request.body for request in model.requests])
