"""AutoGen's runs, and the events and prints in which a developer sees an agent think."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import ConversableAgent
from autogen.io.base import IOStream

from memgpt_autogen import AutoGenTranslator
from memgpt_autogen.testing import call, calls, fail, say, send
from tests.playing import Screen, needs, part, playing, user

pytestmark = pytest.mark.autogen

OPEN = AutoGenTranslator(monologue="developer", calls="developer")
THINKING = [
    calls(
        call("core_memory_append", name="human", content="Likes tea.", request_heartbeat=True),
        monologue="they like tea",
    ),
    send("Noted."),
]
SEEN = [
    ("MemGPTMonologueEvent", "they like tea"),
    ("MemGPTFunctionCallEvent", "core_memory_append"),
    ("MemGPTFunctionResultEvent", "Likes tea."),
    ("MemGPTMemoryEditEvent", "human: + Likes tea."),
]


def saw(events: list[Any]) -> bool:
    """Whether the events show what `THINKING` does, in this order."""
    shown = [
        (type(event).__name__, event.content.text)
        for event in events
        if type(event).__name__.startswith("MemGPT")
    ]
    return len(shown) == len(SEEN) and all(
        name == kind and words in text
        for (kind, text), (name, words) in zip(shown, SEEN, strict=True)
    )


@pytest.mark.feature("run")
def test_a_run_with_a_recipient(tmp_path: Path) -> None:
    needs(ConversableAgent, "run")
    with playing(THINKING, tmp_path, translator=OPEN) as (agent, _):
        response = user().run(agent, message="I like tea.", max_turns=1)
        assert saw(list(response.events))
        assert response.summary == "Noted."
        assert [m["content"] for m in response.messages] == ["I like tea.", "Noted."]


@pytest.mark.feature("run")
def test_a_run_of_the_agent_alone_with_tools(tmp_path: Path) -> None:
    """AutoGen makes a user who runs the tools."""
    needs(ConversableAgent, "run")

    def add(a: Annotated[int, "first"], b: Annotated[int, "second"]) -> int:
        return a + b

    tool = part("autogen.tools", "Tool")(name="add", description="Adds.", func_or_tool=add)
    with playing([call("add", a=2, b=3), send("It is 5. TERMINATE")], tmp_path) as (agent, model):
        response = agent.run(message="2 + 3?", tools=tool, max_turns=3)
        response.process()
        assert "It is 5." in response.summary
        assert agent.recall.speakers() == {"user": 2, "mem": 1}
    assert model.requests[0].tool_names.count("add") == 1
    assert model.requests[1].last["content"] == "5"


@pytest.mark.feature("a_run")
async def test_an_async_run(tmp_path: Path) -> None:
    needs(ConversableAgent, "a_run")
    with playing(THINKING, tmp_path, translator=OPEN) as (agent, _):
        response = await user().a_run(agent, message="I like tea.", max_turns=1)
        assert saw([event async for event in response.events])
        assert await response.summary == "Noted."


@pytest.mark.feature("a_run")
async def test_an_async_run_shows_the_agent_think_while_it_thinks(tmp_path: Path) -> None:
    needs(ConversableAgent, "a_run")
    seen = threading.Event()

    def rule(request: Any) -> Any:
        if request.contains("they like tea"):  # the second step: the first one has been shown
            assert seen.wait(10), "the event waits for the end of the turn"
            return THINKING[1]
        return THINKING[0]

    with playing(rule, tmp_path, translator=OPEN) as (agent, _):
        response = await user().a_run(agent, message="I like tea.", max_turns=1)
        async for event in response.events:
            if type(event).__name__ == "MemGPTMonologueEvent":
                seen.set()


@pytest.mark.feature("run_iter")
def test_a_stepped_run(tmp_path: Path) -> None:
    needs(ConversableAgent, "run_iter")
    with playing(THINKING, tmp_path, translator=OPEN) as (agent, model):
        events = []
        for event in user().run_iter(agent, message="I like tea.", max_turns=1):
            events.append(event)
            if type(event).__name__ == "MemGPTMonologueEvent":
                assert len(model.requests) == 1, "the agent waits for the next step"
        assert saw(events)


@pytest.mark.feature("a_run_iter")
async def test_an_async_stepped_run(tmp_path: Path) -> None:
    needs(ConversableAgent, "a_run_iter")
    with playing(THINKING, tmp_path, translator=OPEN) as (agent, _):
        steps = user().a_run_iter(agent, message="I like tea.", max_turns=1)
        assert saw([event async for event in steps])


@pytest.mark.feature("sequential_run")
def test_runs_in_sequence(tmp_path: Path) -> None:
    needs(ConversableAgent, "sequential_run")
    with playing([send("teal"), send("a teal door")], tmp_path) as (agent, model):
        queue = [
            {"recipient": agent, "message": text, "max_turns": 1, "summary_method": "last_msg"}
            for text in ("name a colour", "use it")
        ]
        responses = user().sequential_run(queue)
        assert all(list(response.events) for response in responses)
        assert [response.summary for response in responses] == ["teal", "a teal door"]
    assert "teal" in model.requests[-1].last_text


@pytest.mark.feature("monologue, calls and evictions as events or prints")
def test_a_stream_of_ones_own_gets_them(tmp_path: Path) -> None:
    """As events where AutoGen has events, as prints before."""

    def thinks(request: Any) -> Any:
        return send("ok", monologue="hm") if request.tools else say("They talked.")

    screen = Screen()
    with playing(thinks, tmp_path, translator=OPEN, context_window=2500) as (agent, _):
        with IOStream.set_default(screen):
            for number in range(8):
                text = f"{number} " + "and so on " * 80
                agent.generate_reply([{"role": "user", "name": "ann", "content": text}])
            assert agent.context_overview().counters.evictions >= 1
    assert "[mem · monologue] hm" in screen.lines
    assert any(line.startswith("[mem · eviction] ") for line in screen.lines)


@pytest.mark.feature("silent")
def test_nothing_is_shown_unless_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with playing(THINKING, tmp_path) as (agent, _):
        user().initiate_chat(agent, message="I like tea.", max_turns=1, silent=True)
    printed = capsys.readouterr().out
    assert "they like tea" not in printed and "core_memory" not in printed


@pytest.mark.feature("run")
def test_the_provider_failing_is_an_error_of_the_run(tmp_path: Path) -> None:
    needs(ConversableAgent, "run")
    with playing([fail(401), send("well again")], tmp_path) as (agent, _):
        person = user()
        with pytest.raises(Exception, match="scripted failure"):
            list(person.run(agent, message="x", max_turns=1).events)
        response = person.run(agent, message="y", max_turns=1)
        assert list(response.events) and response.summary == "well again"
