"""Agents of one name in one process take turns at their memory, and lose nothing of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import EmbedderMismatchError, MemGPTAgent, Settings
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, say
from tests.differential import user

pytestmark = [pytest.mark.autogen, pytest.mark.feature("the same results as an AssistantAgent")]

SPAN = {"start_date": "2020-01-01", "end_date": "2040-01-01"}

Make = Callable[[ScriptedModel], Any]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda model: MemGPTAgent("mem", "", model.llm_config, memory=tmp_path / "memory")


def asked(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "name": "Ann", "content": text}]


def test_an_agent_made_anew_goes_on_and_the_old_one_too(make: Make) -> None:
    with ScriptedModel(lambda request: say("fine")) as model:
        old = make(model)
        old.generate_reply(asked("plums"))
        new = make(model)
        new.generate_reply(asked("pears"))
        assert model.requests[-1].contains("plums") == 1
        old.generate_reply(asked("grapes"))
        assert model.requests[-1].contains("plums") == 1
        assert model.requests[-1].contains("pears") == 1
        assert [m.text for m in new.recall.latest(9) if m.speaker == "Ann"] == [
            "plums",
            "pears",
            "grapes",
        ]
        for agent in (old, new):
            agent.close()


def test_each_knows_how_far_its_own_chats_went(make: Make) -> None:
    with ScriptedModel(lambda request: say("fine")) as model:
        old, new = make(model), make(model)
        first, second = user(), user()  # of one name as well
        first.initiate_chat(old, message="plums", max_turns=1, silent=True)
        second.initiate_chat(new, message="pears", max_turns=1, silent=True)
        first.send("grapes", old, request_reply=True, silent=True)
        for word in ("plums", "pears", "grapes"):
            assert model.requests[-1].contains(word) == 1
        for agent in (old, new):
            agent.close()


@pytest.mark.parametrize("how", ["close", "clear_history"])
def test_what_was_said_last_is_taken_in(make: Make, how: str) -> None:
    with ScriptedModel(lambda request: say("fine")) as model:
        old, asker = make(model), user()
        asker.initiate_chat(old, message="plums", max_turns=1, silent=True)
        new = make(model)
        asker.send("pears", old, request_reply=False, silent=True)
        getattr(old, how)()
        new.generate_reply(asked("grapes"))
        assert model.requests[-1].contains("pears") == 1
        for agent in (old, new):
            agent.close()


async def test_many_at_a_time(make: Make) -> None:
    with ScriptedModel(lambda request: say("fine")) as model:
        agents = [make(model) for _ in range(3)]
        threads = [
            threading.Thread(target=agent.generate_reply, args=(asked(f"thread {number}"),))
            for number, agent in enumerate(agents)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join, 60)
        await asyncio.gather(
            *(agent.a_generate_reply(asked(f"task {n}")) for n, agent in enumerate(agents))
        )
        for agent in agents:
            agent.close()
        heard = {message.text for message in agents[0].recall.latest(20)}
        agents[0].close()
    assert heard == {"fine", *(f"{kind} {n}" for kind in ("thread", "task") for n in range(3))}


def test_one_is_made_in_the_midst_of_the_other_ones_turn(make: Make) -> None:
    with ScriptedModel([call("again"), say("done"), say("hello")]) as model:
        agent, made = make(model), []

        def again() -> str:
            """Make the agent once more."""
            made.append(make(model))
            return str(len(made[0].recall))

        agent.register_for_llm(description="Make the agent once more.")(again)
        agent.register_for_execution()(again)
        assert agent.generate_reply(asked("go")) == "done"
        assert agent.last_steps[0].results[0].text == "1"  # what was heard is there already
        assert made[0].generate_reply(asked("and you?")) == "hello"
        assert model.requests[-1].contains("go") >= 1
        made[0].close()


def test_one_that_is_closed_leaves_the_other_working(make: Make) -> None:
    with ScriptedModel(lambda request: say("fine")) as model:
        old, new = make(model), make(model)
        old.generate_reply(asked("plums"))
        new.close()
        old.core_memory.set("human", "Ann.")
        assert new.core_memory["human"].value == "Ann."  # reopened
        assert old.generate_reply(asked("pears")) == "fine"
        assert model.requests[-1].contains("plums") == 1
        for agent in (old, new, old):
            agent.close()


def test_each_turn_goes_by_the_settings_of_its_own_agent(make: Make, tmp_path: Path) -> None:
    def rule(request: ChatRequest) -> Step:
        return call("conversation_search_date", **SPAN, request_heartbeat=True)

    memory = str(tmp_path / "memory")
    with ScriptedModel(rule) as model:
        short, long = (
            MemGPTAgent(
                "mem",
                role,
                model.llm_config,
                memory=Settings(location=memory, max_steps=steps, page_size=steps),
                context_window=window,
            )
            for role, steps, window in (("Be short.", 2, 8192), ("Be long.", 4, 16_384))
        )
        for agent, role, steps, window in (
            (short, "Be short.", 2, 8192),
            (long, "Be long.", 4, 16_384),
            (short, "Be short.", 2, 8192),
        ):
            agent.generate_reply(asked("go"))
            assert len(agent.last_steps) == steps
            assert agent.context_overview().window == window
            assert model.requests[-1].contains(role) == 1
            assert agent.recall.append("more to list", "Ann")
        assert "Page 1 of 4" in model.requests[-1].text
        short.close()


def test_another_embedder_is_refused_while_it_is_open(make: Make, tmp_path: Path) -> None:
    class OtherSpace(HashingEmbedder):
        model_id = "other-space"

    with ScriptedModel([]) as model:
        with make(model) as agent:
            with pytest.raises(EmbedderMismatchError):
                len(MemGPTAgent("mem", memory=tmp_path / "memory", embedder=OtherSpace()).recall)
            assert len(agent.recall) == 0
