"""Memory pressure, eviction and overflow, as a chat lives through them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.engine.queue_manager import PRESSURE
from memgpt_autogen.errors import ConfigurationError, ContextOverflowError
from memgpt_autogen.testing import (
    ChatRequest,
    Failure,
    ScriptedModel,
    Step,
    call,
    calls,
    fail,
    say,
    send,
)
from tests.playing import overflowing_like

pytestmark = pytest.mark.autogen

FILLER = "and so on and so forth " * 12


def ask(agent: MemGPTAgent, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "content": text, "name": "Ann"}])


def careful(request: ChatRequest) -> Step:
    """Stores a note when warned, answers otherwise; speaks plainly, as many models do."""
    if not request.tools:
        return say("Ann counted.")
    if PRESSURE in request.last_text:
        return call("archival_memory_insert", content="Ann counts.", request_heartbeat=True)
    return say("fine")


def test_the_model_is_warned_once_then_the_oldest_half_leaves(tmp_path: Path) -> None:
    with ScriptedModel(careful, window=4096) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=tmp_path, context_window=4096
        ) as agent:
            sizes = []
            for number in range(70):
                assert ask(agent, f"number {number} {FILLER}").startswith("fine")
                sizes.append(agent.context_overview())
            counters = sizes[-1].counters
            evictions = counters.evictions
            warned = sum(
                PRESSURE in request.last_text for request in model.requests if request.tools
            )
    assert not model.overflows
    assert evictions >= 2
    assert evictions <= warned <= evictions + 1
    assert sizes[-1].archival_passages == warned
    assert max(size.total for size in sizes) <= 4096 - 512
    assert min(size.total for size in sizes[20:]) <= 0.62 * 4096
    assert "Ann counted." in model.requests[-1].text
    summaries = [request for request in model.requests if not request.tools]
    assert summaries and not any(request.contains(PRESSURE) for request in summaries)
    assert sizes[-1].recall_messages >= 80


def test_the_warning_itself_is_no_message_to_the_chat(tmp_path: Path) -> None:
    """After an answer was sent, words said to the warning stay private."""

    def chatty(request: ChatRequest) -> Step:
        if not request.tools:
            return say("Ann counted.")
        return say("I saved it all.") if PRESSURE in request.last_text else send("fine")

    with ScriptedModel(chatty, window=4096) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=tmp_path, context_window=4096
        ) as agent:
            answers = {ask(agent, f"number {number} {FILLER}") for number in range(30)}
            warned_last = [r for r in model.requests if PRESSURE in r.last_text]
    assert warned_last
    assert "fine\n\nI saved it all." not in answers


def test_an_answer_is_not_given_twice_because_of_a_warning(tmp_path: Path) -> None:
    """Whatever the model sends when it is warned after its answer."""

    def eager(request: ChatRequest) -> Step:
        if not request.tools:
            return say("Ann counted.")
        if PRESSURE in request.last_text:
            note = call("archival_memory_insert", content="Ann counts.", request_heartbeat=True)
            return calls(note, call("send_message", message="again"))
        return send("fine")

    with ScriptedModel(eager, window=4096) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=tmp_path, context_window=4096
        ) as agent:
            answers = [ask(agent, f"{number} {'word ' * (60 + number)}") for number in range(60)]
            said = agent.recall.speakers()["mem"]
            warned_after = [
                request
                for request in model.requests
                if PRESSURE in request.last_text and request.messages[-2]["role"] == "tool"
            ]
    assert warned_after
    assert set(answers) == {"fine", "again\n\nfine"}  # warned before the answer, both are heard
    assert said == 60 + answers.count("again\n\nfine")


@pytest.mark.parametrize("style", ["openai", "llama.cpp", "ollama", "vllm"])
def test_a_smaller_window_than_told_is_learnt(tmp_path: Path, style: str) -> None:
    with ScriptedModel(careful, window=3000, profile=overflowing_like(style)) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=tmp_path, context_window=32_000
        ) as agent:
            for number in range(40):
                assert ask(agent, f"number {number} {FILLER}").startswith("fine")
            assert len(agent.recall) >= 80
            window = agent.context_overview().window
        assert model.overflows
        assert len(model.overflows) <= (12 if style == "ollama" else 2)
        assert model.requests[-1].contains("number 39") == 1
    if style != "ollama":  # its error names no sizes
        assert window == 3000


def test_one_huge_message_is_shown_in_part_and_kept_whole(tmp_path: Path) -> None:
    huge = "needle " + "hay " * 20_000
    with ScriptedModel(careful, window=4096) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=tmp_path, context_window=4096
        ) as agent:
            assert ask(agent, huge) == "fine"
            assert agent.recall.latest(2)[0].text == huge
        assert "characters left out" in model.requests[0].text


def test_many_messages_at_once_fit_too(tmp_path: Path) -> None:
    history = [
        {"role": "user", "name": f"peer{n % 3}", "content": f"line {n} {FILLER}"} for n in range(90)
    ]
    with ScriptedModel(careful, window=4096) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=tmp_path, context_window=4096
        ) as agent:
            assert agent.generate_reply(history).startswith("fine")
            assert len(agent.recall) >= 91
        assert not model.overflows
        assert model.requests[-1].contains("line 89") == 1


def test_a_window_that_holds_nothing_says_what_takes_the_room(tmp_path: Path) -> None:
    with ScriptedModel(careful) as model:
        with MemGPTAgent(
            "mem", "rule " * 3000, model.llm_config, memory=tmp_path, context_window=2048
        ) as agent:
            with pytest.raises(ConfigurationError, match="system instructions 3"):
                ask(agent, "hello")


def test_a_provider_that_refuses_everything_ends_in_its_own_error(tmp_path: Path) -> None:
    refusal: Failure = fail(400, code="context_length_exceeded", message="too long")
    with ScriptedModel(lambda request: refusal) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=Settings(location=str(tmp_path), summary="digest")
        ) as agent:
            with pytest.raises(ContextOverflowError, match="too long"):
                ask(agent, "hello")
            assert len(model.requests) <= 8
            assert len(agent.recall) == 1
