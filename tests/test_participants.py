"""Who is who: blocks of participants in groups, and whom the agent listens to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.testing import ScriptedModel, call, calls, say
from tests.clocks import Ticking
from tests.groupchat import manager_of, speaker

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.feature("a block for each speaker of a group, listen_to"),
]


@contextmanager
def member(model: ScriptedModel, place: Path, **kwargs: Any) -> Iterator[MemGPTAgent]:
    settings = Settings(location=str(place), **kwargs.pop("settings", {}))
    with MemGPTAgent(
        "mem", "Help.", model.llm_config, memory=settings, clock=Ticking(), **kwargs
    ) as agent:
        yield agent


def group(agent: MemGPTAgent, names: Sequence[str], rounds: int = 1) -> None:
    """Everybody says one thing in turn, the agent last."""
    others = [speaker(name, lambda n, name=name: f"{name} says {n}") for name in names]  # type: ignore[misc]
    manager = manager_of([*others, agent], max_round=rounds * (len(names) + 1))
    others[0].initiate_chat(manager, message="hello", silent=True)


def names_of(agent: MemGPTAgent) -> list[str]:
    return [block.name for block in agent.core_memory]


def test_each_speaker_of_a_group_has_a_block(tmp_path: Path) -> None:
    script = [
        calls(
            call("core_memory_append", name="human:Ann", content="Likes tabs."),
            call("core_memory_append", name="human:Bob", content="Likes spaces."),
            call("send_message", message="Noted."),
        )
    ]
    with ScriptedModel(script) as model, member(model, tmp_path) as agent:
        group(agent, ["Ann", "Bob"])
        assert names_of(agent) == ["persona", "human", "human:Ann", "human:Bob"]
        assert agent.core_memory["human:Ann"].value == "Likes tabs."
        assert agent.core_memory["human:Bob"].value == "Likes spaces."
        assert agent.core_memory["human:Ann"].limit == 500
        assert model.requests[0].contains("a new block, 'human:Ann'") == 1
        assert model.requests[0].contains("a new block, 'human:Bob'") == 1
    with ScriptedModel([say("Hi.")]) as model, member(model, tmp_path) as agent:
        assert agent.core_memory["human:Ann"].value == "Likes tabs."
        group(agent, ["Ann", "Bob"])
        assert model.requests[0].contains("a new block") == 2  # those of the first run


def test_a_chat_of_two_needs_no_block_but_human(tmp_path: Path) -> None:
    with ScriptedModel([say("Hi.")]) as model, member(model, tmp_path) as agent:
        ann = speaker("Ann", lambda n: "yes")
        ann.initiate_chat(agent, message="hello", max_turns=1, silent=True)
        assert names_of(agent) == ["persona", "human"]


def test_the_manager_has_no_block(tmp_path: Path) -> None:
    with ScriptedModel([say("Hi.")]) as model, member(model, tmp_path) as agent:
        ann, bob = speaker("Ann", lambda n: "a"), speaker("Bob", lambda n: "b")
        manager = manager_of([ann, bob, agent], max_round=3, send_introductions=True)
        ann.initiate_chat(manager, message="hello", silent=True)
        assert names_of(agent) == ["persona", "human", "human:Ann", "human:Bob"]


def test_the_least_recently_heard_leave_and_come_back(tmp_path: Path) -> None:
    note = call("core_memory_append", name="human:Ann", content="Ann keeps bees.")
    script = [calls(note, call("send_message", message="1")), say("2")]
    few = {"participants": 2}
    with ScriptedModel(script) as model, member(model, tmp_path, settings=few) as agent:
        group(agent, ["Ann"])
        group(agent, ["Bob", "Cleo"])
        assert names_of(agent) == ["persona", "human", "human:Bob", "human:Cleo"]
        assert model.requests[1].contains("'human:Ann' moved to archival memory") == 1
        found = agent.archival.search("who keeps bees?").items
        assert "Ann keeps bees." in found[0].text
    with (
        ScriptedModel([say("3"), say("4")]) as model,
        member(model, tmp_path, settings=few) as agent,
    ):
        group(agent, ["Ann"])
        assert names_of(agent) == ["persona", "human", "human:Cleo", "human:Ann"]
        assert agent.core_memory["human:Ann"].value == "Ann keeps bees."
        assert model.requests[0].contains("'human:Ann' is back and reads:\n  Ann keeps bees.") == 1
        assert len(agent.archival) == 0  # Bob's block was empty
        agent.core_memory.set("human:Ann", "Ann keeps bees no more.")
        group(agent, ["Bob", "Cleo"])
        assert [one.text.split("\n")[1] for one in agent.archival.search("bees").items] == [
            "Ann keeps bees no more."
        ]


def test_participants_can_be_switched_off(tmp_path: Path) -> None:
    with (
        ScriptedModel([say("Hi.")]) as model,
        member(model, tmp_path, settings={"participants": 0}) as agent,
    ):
        group(agent, ["Ann", "Bob"])
        assert names_of(agent) == ["persona", "human"]


def test_a_forgotten_speaker_has_no_block(tmp_path: Path) -> None:
    note = call("core_memory_append", name="human:Ann", content="Keeps bees.")
    with (
        ScriptedModel([calls(note, call("send_message", message="1"))]) as model,
        member(model, tmp_path) as agent,
    ):
        group(agent, ["Ann", "Bob"])
        receipt = agent.forget("Ann")
        assert receipt.core_memory_lines == 1
        assert names_of(agent) == ["persona", "human", "human:Bob"]
        agent.close()
        assert names_of(agent) == ["persona", "human", "human:Bob"]


def test_it_listens_to_those_it_is_told_to(tmp_path: Path) -> None:
    with (
        ScriptedModel([say("Hi."), say("Yes.")]) as model,
        member(model, tmp_path, listen_to=["Ann"]) as agent,
    ):
        group(agent, ["Ann", "Bob"], rounds=2)
        assert model.requests[0].contains("Ann: hello") == 1
        assert model.requests[1].contains("Ann: Ann says 1") == 1
        assert [request.contains("Bob") for request in model.requests] == [0, 0]
        assert agent.recall.speakers() == {"Ann": 2, "mem": 2}
        assert names_of(agent) == ["persona", "human", "human:Ann"]


def test_it_speaks_in_its_turn_although_nobody_it_listens_to_spoke(tmp_path: Path) -> None:
    with ScriptedModel([say("Hi.")]) as model, member(model, tmp_path, listen_to=["Zoe"]) as agent:
        group(agent, ["Ann", "Bob"])
        assert model.requests[0].contains("it is your turn to speak") == 1
        assert agent.recall.speakers() == {"mem": 1}


def test_listen_to_must_be_a_list() -> None:
    with pytest.raises(ConfigurationError, match="a list of names"):
        MemGPTAgent("mem", llm_config=False, listen_to="Ann")
