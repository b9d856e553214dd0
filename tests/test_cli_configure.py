"""`configure`: what it asks, what it finds, and how it says that an endpoint does not answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import Config, config_file, load_config
from memgpt_autogen.cli.endpoint import problem_with
from memgpt_autogen.local import RunningModel
from memgpt_autogen.testing import ScriptedModel
from memgpt_autogen.testing.loopback import HttpRequest, LoopbackServer, Response, json_response
from tests.terminal import Run

Answer = Callable[[HttpRequest], Response]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    server = LoopbackServer(answer)
    try:
        yield f"http://127.0.0.1:{server.port}/v1"
    finally:
        server.close()


def lists(*names: str) -> Answer:
    return lambda _: json_response(200, {"data": [{"id": name} for name in names]})


def refuses(status: int) -> Answer:
    return lambda _: json_response(status, {"error": "no"})


def answers_chats(request: HttpRequest) -> Response:
    """Like a server that lists no models and wants the newer name of `max_tokens`."""
    if request.method == "GET":
        return json_response(404, {})
    if "max_tokens" in json.loads(request.body):
        return json_response(400, {"error": "max_tokens is not supported"})
    return json_response(200, {"choices": []})


@pytest.fixture(autouse=True)
def nothing_runs(own_world: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs on the machine of the test is not looked at."""
    monkeypatch.setattr(late.local, "running_models", list)


def server(url: str, **more: Any) -> Config:
    return Config(model="qwen", endpoint=url, key_variable="", **more)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lists("qwen", "other"), ""),
        (lists("b", "a"), "has no model 'qwen'; it has a, b."),
        (answers_chats, ""),
        (refuses(401), "does not take the key"),
        (refuses(404), "knows no 'qwen'"),
        (refuses(500), "status 500"),
        (lambda _: Response(200, [b"<html>"], "text/html"), "not as a server of OpenAI's protocol"),
    ],
)
def test_the_probe_says_in_plain_words(answer: Answer, said: str) -> None:
    with serving(answer) as url:
        problem = problem_with(server(url))
    assert said in problem and bool(said) == bool(problem)


def test_the_probe_of_what_is_no_server() -> None:
    assert "cannot be reached" in problem_with(server("http://127.0.0.1:9/v1"))
    assert "begins with http" in problem_with(server("localhost:8000"))
    assert "OPENAI_API_KEY" in problem_with(Config())
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        assert "within 0.05 seconds" in problem_with(server(url), seconds=0.05)


def test_azure_is_asked_for_its_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []

    def answer(request: HttpRequest) -> Response:
        paths.append(request.path)
        return json_response(200, {})

    monkeypatch.setenv("MY_KEY", "k")
    with serving(answer) as url:
        azure = {"kind": "azure", "api_version": "2024-10-21", "deployment": "mine"}
        config = Config(endpoint=url, key_variable="MY_KEY", **azure)  # type: ignore[arg-type]
        assert problem_with(config) == ""
    assert paths == ["/v1/openai/deployments/mine/chat/completions"]


def test_yes_takes_the_defaults_and_says_that_the_key_is_missing() -> None:
    done = Run("configure", "--yes")
    assert done.code == 0 and str(config_file()) in "".join(done.out.split())
    assert "OPENAI_API_KEY" in done.said
    assert load_config() == Config()


def test_without_a_key_yes_takes_what_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lists("qwen3:8b")) as url:
        running = [RunningModel("qwen3:8b", "Ollama", url)]
        monkeypatch.setattr(late.local, "running_models", lambda: running)
        done = Run("configure", "--yes")
        assert "answers, and has qwen3:8b" in done.said
        again = Run("configure", "--yes", "--human", "ann")
    assert again.code == 0
    assert load_config() == Config(model="qwen3:8b", endpoint=url, key_variable="", human="ann")


def test_options_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with ScriptedModel([]) as model:
        url = model.llm_config["config_list"][0]["base_url"]
        done = Run(
            *("configure", "--yes", "--model", model.model_name, "--endpoint", url),
            *("--embedder", "hashing", "--context-window", "8192", "--memory", "./here"),
        )
    assert "answers, and has" in done.said
    config = load_config()
    assert (config.endpoint, config.embedder, config.context_window) == (url, "hashing", 8192)
    assert config.memory == "./here"
    assert "sk-secret" not in config_file().read_text()


def test_it_asks_step_by_step_and_takes_answers_as_defaults() -> None:
    with serving(lists("qwen")) as url:
        answers = ["9", "3", url, "qwen", "none", "memgpt_short", "4096", "word", "hashing"]
        done = Run("configure", input="\n".join([*answers, "", "cs_phd", ""]) + "\n")
        assert done.code == 0, done.said
        assert "from 1 to 3" in done.said and "Give auto or hashing" in done.said
        expected = Config(
            model="qwen",
            endpoint=url,
            key_variable="",
            context_window=4096,
            embedder="hashing",
            human="cs_phd",
            preset="memgpt_short",
        )
        assert load_config() == expected
        assert Run("configure", input="\n" * 20).code == 0
    assert load_config() == expected


def test_a_model_that_runs_here_is_one_number_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lists("qwen3:8b")) as url:
        running = [RunningModel("qwen3:8b", "Ollama", url)]
        monkeypatch.setattr(late.local, "running_models", lambda: running)
        done = Run("configure", input="4\n" + "\n" * 20)
    assert "4  qwen3:8b (Ollama" in done.said
    assert (load_config().endpoint, load_config().key_variable) == (url, "")


def test_azure_is_asked_for_version_and_deployment() -> None:
    answers = ["2", "https://127.0.0.1:9", "", "mine", "", "", "y"]
    done = Run("configure", input="\n".join(answers) + "\n" * 20)
    assert done.code == 0, done.said
    config = load_config()
    assert (config.kind, config.api_version) == ("azure", "2024-10-21")
    assert (config.model, config.deployment) == ("mine", "mine")
    assert config.key_variable == "AZURE_OPENAI_API_KEY"


def test_nothing_is_written_when_the_user_says_so() -> None:
    answers = ["3", "http://127.0.0.1:9/v1", "qwen", "none", "n"]
    assert Run("configure", input="\n".join(answers) + "\n").code == 1
    assert not config_file().exists()
