"""The history of core memory: every change with its time, author and the text before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import ConfigurationError, MemGPTAgent
from memgpt_autogen.testing import ScriptedModel, call, calls, say
from tests.clocks import Ticking

pytestmark = pytest.mark.autogen


def agent_at(memory: Path, model: ScriptedModel, name: str = "mem", **kwargs: Any) -> MemGPTAgent:
    return MemGPTAgent(name, "", model.llm_config, memory=memory, clock=Ticking(), **kwargs)


def ask(agent: MemGPTAgent, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])


EDITS = [
    calls(
        call("core_memory_append", name="human", content="Likes tea."),
        call(
            "core_memory_replace", name="human", old_content="Likes tea.", new_content="Likes rum."
        ),
        call("send_message", message="Noted."),
    ),
    say("So it is tea."),
]


def test_who_changed_what_and_when_is_kept(tmp_path: Path) -> None:
    with ScriptedModel(EDITS[:1]) as model:
        with agent_at(tmp_path, model, human="A farmer.") as agent:
            ask(agent, "I like tea.")
            agent.core_memory.set("human", "A farmer.\nLikes tea.")
        with agent_at(tmp_path, model) as agent:
            made, model_made, program_made = agent.core_memory.history("human")
            assert (made.author, made.before, made.after) == ("program", "", "A farmer.")
            assert model_made.author == "model"  # both edits of a step are one change
            assert (model_made.before, model_made.after) == ("A farmer.", "A farmer.\nLikes rum.")
            assert (program_made.author, program_made.before) == ("program", model_made.after)
            assert [one.version for one in (made, model_made, program_made)] == [1, 2, 3]
            assert made.time < model_made.time < program_made.time


def test_going_back_is_a_change_too_and_the_model_is_told(tmp_path: Path) -> None:
    with ScriptedModel(EDITS) as model, agent_at(tmp_path, model, human="Old.") as agent:
        ask(agent, "I like tea.")
        core = agent.core_memory
        assert core.revert("human").value == "Old."
        assert core.revert("human").value == "Old.\nLikes rum."  # before the latest change
        assert core.revert("human", 1).value == "Old."
        assert [one.version for one in core.history("human")] == [1, 2, 3, 4, 5]
        with pytest.raises(ConfigurationError, match=r"no version 9.*1, 2, 3, 4, 5"):
            core.revert("human", 9)
        with pytest.raises(KeyError):
            core.revert("nobody")
        ask(agent, "What do I like?")
        told = [str(m["content"]) for m in model.requests[-1].messages]
        assert [text for text in told if text.endswith("block 'human' now reads:\n  Old.")]


def test_a_block_that_is_as_it_was_made_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    with ScriptedModel([]) as model, agent_at(tmp_path, model) as agent:
        with pytest.raises(ConfigurationError, match="no version 0"):
            agent.core_memory.revert("persona")
        assert agent.core_memory["persona"].value == "I am mem."


def test_a_shared_block_names_the_agents_that_changed_it(tmp_path: Path) -> None:
    edit = calls(
        call("core_memory_append", name="plan", content="Ship on Friday."),
        call("send_message", message="Done."),
    )
    with ScriptedModel([edit]) as model, ScriptedModel([]) as other:
        with agent_at(tmp_path, model, "coder") as one, agent_at(tmp_path, other, "boss") as two:
            one.attach_block("plan", "Be kind.")
            two.attach_block("plan")
            ask(one, "note it")
            two.core_memory["plan"]
            two.core_memory.append("plan", "Rest on Saturday.")
            authors = [change.author for change in one.core_memory.history("plan")]
            assert authors == ["program", "model of coder", "program of boss"]
            assert two.core_memory.revert("plan").value == "Be kind.\nShip on Friday."
            assert one.core_memory["plan"].value == "Be kind.\nShip on Friday."
