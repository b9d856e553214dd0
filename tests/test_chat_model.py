"""The model call: every kind of answer is read, overflows are recognised, other errors pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import openai
import pytest
from autogen import OpenAIWrapper

from memgpt_autogen.errors import ChatModelError, ContextOverflowError
from memgpt_autogen.model.chat_model import AutoGenChatModel
from memgpt_autogen.model.completions import read_completion
from memgpt_autogen.testing import (
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
)
from tests.playing import overflowing_like

pytestmark = pytest.mark.autogen

HELLO = [{"role": "user", "content": "hello"}]


def test_answers_of_every_kind_are_read() -> None:
    script = [
        say("hi"),
        calls(call("f", x=1), raw_call("g", "{bro"), monologue="hm"),
        refusal("I won't."),
        empty(),
        cut("partial"),
        reasoning("deep thought", say("42")),
    ]
    with ScriptedModel(script) as server:
        model = AutoGenChatModel(OpenAIWrapper(**server.llm_config))
        plain, called, refused, nothing, partial, thought = (model.complete(HELLO) for _ in script)
    assert plain.text == "hi" and not plain.calls and not plain.cut
    assert plain.usage is not None and plain.usage.prompt_tokens > 0
    assert called.text == "hm"
    assert [(c.name, c.arguments) for c in called.calls] == [("f", '{"x": 1}'), ("g", "{bro")]
    assert refused.text == "I won't."
    assert nothing.text == "" and not nothing.calls
    assert partial.text == "partial" and partial.cut
    assert thought.reasoning == "deep thought" and thought.text == "42"


@pytest.mark.parametrize("style", ["openai", "llama.cpp", "ollama", "vllm"])
def test_each_providers_overflow_is_recognised(style: str) -> None:
    with ScriptedModel([], window=64, profile=overflowing_like(style)) as server:
        model = AutoGenChatModel(OpenAIWrapper(**server.llm_config))
        with pytest.raises(ContextOverflowError) as caught:
            model.complete([{"role": "user", "content": "word " * 200}])
    if style != "ollama":  # names no sizes
        assert caught.value.window == 64
        assert caught.value.prompt_tokens is not None and caught.value.prompt_tokens > 64


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (fail(429), openai.RateLimitError),
        (fail(401), openai.AuthenticationError),
        (fail(500), openai.InternalServerError),
        (fail(400, message="temperature is out of range"), openai.BadRequestError),
        (malformed(), ChatModelError),
    ],
)
def test_other_errors_reach_the_caller(failure: Step, kind: type[Exception]) -> None:
    with ScriptedModel([failure]) as server:
        model = AutoGenChatModel(OpenAIWrapper(**server.llm_config))
        with pytest.raises(kind) as caught:
            model.complete(HELLO)
    assert not isinstance(caught.value, ContextOverflowError)


@pytest.mark.parametrize(
    "text",
    [
        "prompt is too long: 201234 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "the input length exceeds the context length",
    ],
)
def test_overflow_texts_of_further_providers(text: str) -> None:
    with ScriptedModel([fail(400, message=text)]) as server:
        model = AutoGenChatModel(OpenAIWrapper(**server.llm_config))
        with pytest.raises(ContextOverflowError):
            model.complete(HELLO)


def test_custom_clients_may_answer_with_plain_objects_or_mappings() -> None:
    message = {"content": "hi", "function_call": {"name": "f", "arguments": "{}"}}
    completion = read_completion(SimpleNamespace(choices=[{"message": message}]))
    assert completion.text == "hi" and completion.calls[0].name == "f"
    assert completion.usage is None
    with pytest.raises(ChatModelError, match="no message"):
        read_completion(SimpleNamespace(choices=[]))


@pytest.mark.parametrize("tokens", [10**23, -5, True, "900", 7.5, None])
def test_counts_that_no_call_can_have_are_not_counted(tokens: object) -> None:
    choices = [{"message": {"content": "hi"}}]
    usage = {"prompt_tokens": tokens, "completion_tokens": 1}
    assert read_completion({"choices": choices, "usage": usage}).usage is None
    usage = {"prompt_tokens": 9, "completion_tokens": tokens}
    found = read_completion({"choices": choices, "usage": usage}).usage
    assert found is not None and (found.prompt_tokens, found.completion_tokens) == (9, 0)


class NativeError(Exception):
    """An error of another library than openai's."""

    def __init__(self, text: str, status_code: int | None = None) -> None:
        super().__init__(text)
        self.status_code = status_code


class NativeClient:
    """A model client of one's own, as AutoGen lets users register; its calls all fail."""

    def __init__(self, config: dict[str, Any], problem: Exception) -> None:
        self.problem = problem

    def create(self, params: dict[str, Any]) -> Any:
        raise self.problem


def failing(problem: Exception) -> AutoGenChatModel:
    entry = {"model": "own", "model_client_cls": "NativeClient"}
    wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
    wrapper.register_model_client(NativeClient, problem=problem)
    return AutoGenChatModel(wrapper)


@pytest.mark.parametrize(
    "problem",
    [
        NativeError("prompt is too long: 201234 tokens > 200000 maximum", 400),
        RuntimeError("Gemini: the input token count (1200000) exceeds the maximum of 1048576."),
        ValueError("Input is too long for requested model."),
    ],
)
def test_an_overflow_that_another_library_reports_is_one(problem: Exception) -> None:
    with pytest.raises(ContextOverflowError) as caught:
        failing(problem).complete(HELLO)
    assert caught.value.__cause__ is problem
    if isinstance(problem, NativeError):
        assert (caught.value.window, caught.value.prompt_tokens) == (200000, 201234)


@pytest.mark.parametrize(
    "problem",
    [
        NativeError("prompt is too long: 201234 tokens > 200000 maximum", 529),
        NativeError("Too many tokens, please wait before trying again."),
        NativeError("too many input tokens per minute", 400),
        ConnectionError("the maximum context length of the tunnel"),
        NativeError("the tool schema is wrong", 400),
    ],
)
def test_other_errors_of_another_library_pass(problem: Exception) -> None:
    with pytest.raises(type(problem)) as caught:
        failing(problem).complete(HELLO)
    assert caught.value is problem
