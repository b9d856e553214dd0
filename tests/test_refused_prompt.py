"""A prompt that the provider refuses is refused once."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, fail, say, send

pytestmark = pytest.mark.autogen

Rule = Callable[[ChatRequest], Step]


def answering(refuse: Callable[[ChatRequest], Step | None]) -> Rule:
    def rule(request: ChatRequest) -> Step:
        return refuse(request) or (send("Four.") if request.tools else say("A summary."))

    return rule


def ask(agent: MemGPTAgent, *contents: Any) -> Any:
    said = [{"role": "user", "name": "Dana", "content": one} for one in contents]
    return agent.generate_reply(said)


def photo(size: int = 1000) -> list[dict[str, Any]]:
    data = base64.b64encode(os.urandom(size)).decode()
    return [{"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}]


def pictures(request: ChatRequest) -> int:
    return json.dumps(request.messages).count("image_url") // 2


FILTERED = fail(400, code="content_filter", message="The prompt was filtered.")


def filtered(request: ChatRequest) -> Step | None:
    return FILTERED if request.contains("FORBIDDEN") else None


@pytest.mark.parametrize(
    "error",
    [
        FILTERED,
        fail(400, message="Invalid request"),
        fail(422, message="Unprocessable"),
        fail(413, message="Payload too large"),
        fail(400, code="invalid_prompt", message="limited access for safety reasons"),
    ],
    ids=lambda error: str(error.status),
)
def test_what_is_refused_is_refused_once_and_stays_in_recall(tmp_path: Path, error: Step) -> None:
    def refuse(request: ChatRequest) -> Step | None:
        return error if request.contains("FORBIDDEN") else None

    with ScriptedModel(answering(refuse)) as model:
        for _ in range(2):  # as from a new process
            with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
                assert ask(agent, "How do I FORBIDDEN?", "Hi.") == "Four."
                assert ask(agent, "What is 2 + 2?") == "Four."
                texts = [one.text for one in agent.recall.everything()]
                assert texts.count("How do I FORBIDDEN?") == len(texts) // 5
        refused = sum(request.contains("FORBIDDEN") for request in model.requests)
    assert refused <= 6  # twice each process, with the other message aside, and in another form


def test_only_what_is_at_fault_is_put_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        ScriptedModel(answering(filtered)) as model,
        MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent,
    ):
        assert ask(agent, "One.", "FORBIDDEN", "Three.") == "Four."
        prompt = model.requests[-1]
        assert prompt.contains("One.")
        assert prompt.contains("Three.")
        assert prompt.contains("your provider refused this message")
        assert "The prompt was filtered" in agent.last_steps[0].withheld
        ask(agent, "And now?")
        assert not agent.last_steps[0].withheld
    told = [one for one in caplog.records if "refused a request of mem" in one.getMessage()]
    assert len(told) == 1


def test_the_result_of_a_search_is_put_aside(tmp_path: Path) -> None:
    def refuse(request: ChatRequest) -> Step | None:
        if found := filtered(request):
            return found
        if request.last_text.endswith("Look it up."):
            return call("conversation_search", query="wicked", request_heartbeat=True)
        return None

    with (
        ScriptedModel(answering(refuse)) as model,
        MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent,
    ):
        agent.recall.append("A wicked FORBIDDEN thing.", speaker="Bob")
        assert ask(agent, "Look it up.") == "Four."
        assert ask(agent, "What is 2 + 2?") == "Four."


def test_what_the_model_put_into_core_memory_is_not_refused_for_ever(tmp_path: Path) -> None:
    def refuse(request: ChatRequest) -> Step | None:
        if found := filtered(request):
            return found
        if request.last_text.endswith("Note it."):
            return call("core_memory_append", name="human", content="Likes FORBIDDEN things.")
        return None

    settings = Settings(location=str(tmp_path), summary="digest")
    with (
        ScriptedModel(answering(refuse), window=4096) as model,
        MemGPTAgent("mem", "", model.llm_config, memory=settings, context_window=4096) as agent,
    ):
        assert ask(agent, "Note it.") == "Four."
        for number in range(40):  # until an eviction shows core memory anew, and beyond
            assert ask(agent, f"Number {number}. " + "and so on and on " * 20) == "Four."
        assert agent.context_overview().counters.evictions >= 2
        assert "FORBIDDEN" in agent.core_memory["human"].value


def test_a_refusal_that_has_another_cause_is_raised_and_changes_nothing(tmp_path: Path) -> None:
    broken = True

    def refuse(request: ChatRequest) -> Step | None:
        return fail(400, message="This model is not for you.") if broken else None

    with (
        ScriptedModel(answering(refuse)) as model,
        MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent,
    ):
        with pytest.raises(openai.BadRequestError, match="not for you"):
            ask(agent, "One.", "Two.")
        broken = False
        assert ask(agent, "Three.") == "Four."
        assert model.requests[-1].contains("One.")
        assert not model.requests[-1].contains("refused this message")


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_key_or_a_limit_is_no_refusal_of_the_prompt(tmp_path: Path, status: int) -> None:
    with (
        ScriptedModel(lambda request: fail(status, message="try again")) as model,
        MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent,
    ):
        with pytest.raises(openai.APIStatusError):
            ask(agent, "One.", "Two.")
        assert len(model.requests) == 1


def test_pictures_that_are_too_many_bytes_leave_oldest_first(tmp_path: Path) -> None:
    def refuse(request: ChatRequest) -> Step | None:
        return fail(413, message="too large") if len(json.dumps(request.body)) > 60_000 else None

    with ScriptedModel(answering(refuse), window=128_000, model_name="gpt-4o") as model:
        for _ in range(2):
            with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
                for _ in range(4):
                    assert ask(agent, photo(14_000)) == "Four."
                    assert pictures(model.requests[-1]) >= 1  # the newest one is seen
                assert ask(agent, "What is 2 + 2?") == "Four."
        refused = sum(len(json.dumps(one.body)) > 60_000 for one in model.requests)
    assert refused <= 2  # then it is known


@pytest.mark.parametrize(
    "words",
    [
        "unknown variant `image_url`, expected `text`",
        "This model does not support image input",
        "image input is not supported - hint: if this is unexpected, you may need the mmproj",
    ],
)
def test_a_model_that_sees_nothing_is_shown_no_more_pictures(tmp_path: Path, words: str) -> None:
    with ScriptedModel(
        answering(lambda one: fail(400, message=words) if pictures(one) else None)
    ) as model:
        for _ in range(2):
            with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
                for _ in range(3):
                    assert ask(agent, photo()) == "Four."
        assert sum(map(pictures, model.requests)) <= 2
        assert model.requests[-1].contains("(image)")


def test_one_bad_picture_is_no_reason_to_show_none(tmp_path: Path) -> None:
    bad = photo()

    def refuse(request: ChatRequest) -> Step | None:
        is_bad = request.contains("BAD") and pictures(request)
        return fail(400, message="Could not process the picture.") if is_bad else None

    with (
        ScriptedModel(answering(refuse)) as model,
        MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent,
    ):
        assert ask(agent, [{"type": "text", "text": "BAD"}, *bad]) == "Four."
        agent.queue.drop(agent.queue[0])
        assert ask(agent, photo()) == "Four."
        assert pictures(model.requests[-1]) == 1


def test_pictures_are_kept_within_a_budget_of_bytes(tmp_path: Path) -> None:
    settings = Settings(location=str(tmp_path), image_bytes=50_000)
    with (
        ScriptedModel(answering(lambda request: None), window=128_000) as model,
        MemGPTAgent(
            "mem", llm_config=model.llm_config, memory=settings, context_window=128_000
        ) as agent,
    ):
        for _ in range(5):
            ask(agent, photo(14_000))
        assert [pictures(request) for request in model.requests] == [1, 2, 2, 2, 2]


def test_a_program_sees_the_queue_and_drops_an_entry(tmp_path: Path) -> None:
    with ScriptedModel(answering(lambda request: None)) as model:
        with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
            ask(agent, "Alpha.", "Beta.")
            first = agent.queue[0]
            assert [entry.kind for entry in agent.queue] == ["message", "message", "step"]
            agent.queue.drop(first)
            assert len(agent.queue) == 2
            with pytest.raises(ConfigurationError, match="not in the queue"):
                agent.queue.drop(first)
            ask(agent, "Gamma.")
            assert not model.requests[-1].contains("Alpha.")
        with MemGPTAgent("mem", llm_config=model.llm_config, memory=tmp_path) as agent:
            assert len(agent.queue) == 4
            assert "Alpha." in [one.text for one in agent.recall.everything()]
