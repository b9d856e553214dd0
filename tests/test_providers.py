"""A long chat, with searches, edits, tools, pictures and a restart, with each provider."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import (
    PROFILES,
    ChatRequest,
    Profile,
    ScriptedModel,
    Step,
    call,
    calls,
    say,
    send,
)

pytestmark = pytest.mark.autogen

FILLER = "and so on and so forth " * 40


def stock(part: str) -> str:
    """How many of a part are in stock."""
    return f"12 {part}"


def variants() -> Iterator[Any]:
    for name, profile in PROFILES.items():
        yield pytest.param(profile, id=name)
        for option in profile.options:
            varied = profile.plus(option.name)
            if option.name == "thoughts stay out":  # of other models than those that want them back
                varied = varied.minus("thoughts come back")
            yield pytest.param(varied, id=f"{name}, {option.name}")
    plain = PROFILES["openai"]
    for changes in (
        {"thinks": "content", "thought": "Shall I say TERMINATE?"},
        {"calls_in_text": True},
        {"call_ids": "absent"},
        {"call_ids": "empty"},
        {"arguments": "object"},
        {"usage": "absent"},
        {"usage": "null"},
        {"usage": "zero"},
        {"usage": "running"},
        {"finish_with_calls": "stop"},
    ):
        yield pytest.param(replace(plain, **changes), id=str(changes))


def script(request: ChatRequest) -> Step:
    if not (request.tools or "Functions:" in request.text):
        return say("Ann asked for this and that.")
    heard = request.last_text
    if "Page 1 of" in heard:
        return send("Fine.")
    if "12 bolts" in heard:
        return send("There are 12 bolts.")
    if heard.endswith("Note it."):
        note = call("core_memory_append", name="human", content="Likes tea.")
        return calls(note, call("send_message", message="Noted."), monologue="I note it.")
    if heard.endswith("Look it up."):
        return call("conversation_search", query="tea", request_heartbeat=True)
    if heard.endswith("How many bolts?"):
        return call("stock", part="bolts")
    if "memory pressure" in heard:
        return call("archival_memory_insert", content="Ann talks.", request_heartbeat=True)
    return send("Fine.")


def ask(agent: MemGPTAgent, content: Any) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": content}])


def photo(number: int) -> Any:
    data = base64.b64encode(bytes([number]) * 200).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    return [{"type": "text", "text": f"Picture {number}."}, image]


@pytest.mark.parametrize("profile", list(variants()))
def test_the_chat_goes_on_and_no_rule_is_broken_twice(tmp_path: Path, profile: Profile) -> None:
    with ScriptedModel(script, window=4096, profile=profile) as model:
        for _ in range(2):  # the second time as from a new process
            with MemGPTAgent(
                "mem", "", model.llm_config, memory=tmp_path, context_window=4096,
                embedder=HashingEmbedder(),
            ) as agent:  # fmt: skip
                agent.register_for_llm(description="Stock of a part.")(stock)
                agent.register_for_execution()(stock)
                assert ask(agent, "I like tea. Note it.") == "Noted."
                assert ask(agent, "Look it up.") == "Fine."
                assert ask(agent, "How many bolts?") == "There are 12 bolts."
                assert ask(agent, photo(1)) == "Fine."
                assert [ask(agent, f"{one} {FILLER}") for one in range(9)] == ["Fine."] * 9
                assert agent.core_memory["human"].value == "Likes tea."
                assert any("Picture 1." in one.text for one in agent.recall.everything())
        said = {one.text for one in agent.recall.everything() if one.speaker == "mem"}
        assert said == {"Noted.", "Fine.", "There are 12 bolts."}
        assert agent.context_overview().counters.evictions >= 2
        agent.close()


def test_what_a_content_filter_refuses_is_put_aside(tmp_path: Path) -> None:
    with (
        ScriptedModel(script, profile="azure") as model,
        MemGPTAgent("mem", "", model.llm_config, memory=tmp_path) as agent,
    ):
        assert [ask(agent, one) for one in ("FORBIDDEN.", "Hi.")] == ["Fine.", "Fine."]
        assert len(model.refusals) == 1


def test_a_server_that_cuts_prompts_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        ScriptedModel(script, window=3000, profile="ollama") as model,
        MemGPTAgent("mem", "", model.llm_config, memory=tmp_path, context_window=32_000) as agent,
    ):
        for number in range(30):
            ask(agent, f"{number} {FILLER}")
        assert 1 <= len(model.truncated) <= 3
        assert len([one for one in caplog.messages if "num_ctx" in one]) == 1
