"""The reply hook: whose place the memory's reply takes, and what users may still do to it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen.agentchat.contrib.capabilities.transforms import MessageHistoryLimiter

from memgpt_autogen import MemGPTAgent, MemGPTCapability
from memgpt_autogen.errors import ConfigurationError, StateFormatError
from memgpt_autogen.testing import ScriptedModel, call, send

pytestmark = pytest.mark.autogen

ASKED = [{"role": "user", "content": "hello"}]


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return str(tmp_path / "memory")


class OwnReply(ConversableAgent):  # type: ignore[misc] # autogen ships no types
    """A user's agent with a model reply of its own; AutoGen's multimodal agent is made so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, human_input_mode="NEVER", **kwargs)
        self.replace_reply_func(ConversableAgent.generate_oai_reply, OwnReply.generate_oai_reply)
        self.replace_reply_func(
            ConversableAgent.a_generate_oai_reply, OwnReply.a_generate_oai_reply
        )

    def generate_oai_reply(
        self, messages: Any = None, sender: Any = None, config: Any = None
    ) -> Any:
        return True, "mine"

    async def a_generate_oai_reply(
        self, messages: Any = None, sender: Any = None, config: Any = None
    ) -> Any:
        return True, "mine"


def plain(name: str, model: ScriptedModel) -> Any:
    return ConversableAgent(name, llm_config=model.llm_config, human_input_mode="NEVER")


def mine(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
    return True, "mine"


async def a_mine(
    recipient: Any, messages: Any = None, sender: Any = None, config: Any = None
) -> Any:
    return True, "mine"


async def test_the_memory_takes_the_place_of_an_agents_own_model_reply(memory: str) -> None:
    with ScriptedModel([send("one"), send("two")]) as model:
        agent = OwnReply("own", llm_config=model.llm_config)
        assert agent.generate_reply(ASKED) == "mine"
        capability = MemGPTCapability(memory=memory)
        capability.add_to_agent(agent)
        assert agent.generate_reply(ASKED) == "one"
        assert await agent.a_generate_reply([{"role": "user", "content": "again"}]) == "two"
        capability.close()


def test_an_agent_without_a_model_reply_is_refused_and_left_as_it_was(memory: str) -> None:
    with ScriptedModel([]) as model:
        agent = plain("odd", model)
        agent.replace_reply_func(ConversableAgent.generate_oai_reply, mine)
        before = [dict(entry) for entry in agent._reply_func_list]
        with pytest.raises(ConfigurationError, match="no reply function named generate_oai_reply,"):
            MemGPTCapability(memory=memory).add_to_agent(agent)
        assert agent._reply_func_list == before
        assert not Path(memory).exists()


def test_one_capability_for_one_agent(memory: str) -> None:
    with ScriptedModel([]) as model:
        first, second = plain("first", model), plain("second", model)
        capability = MemGPTCapability(memory=memory)
        capability.add_to_agent(first)
        with pytest.raises(ConfigurationError, match="add it once"):
            capability.add_to_agent(first)
        with pytest.raises(ConfigurationError, match="belongs to first"):
            capability.add_to_agent(second)
        with pytest.raises(ConfigurationError, match="has a memory already"):
            MemGPTCapability(memory=memory).add_to_agent(first)
        with MemGPTAgent("third", "", model.llm_config, memory=memory) as third:
            with pytest.raises(ConfigurationError, match="has a memory already"):
                MemGPTCapability(memory=memory).add_to_agent(third)
        capability.close()


def test_a_memory_that_cannot_be_opened_leaves_the_agent_as_it_was(memory: str) -> None:
    with ScriptedModel([send("hi")]) as model:
        old = Path(memory, "agents", "mem", "state.sqlite3")  # of a layout that is not read
        old.parent.mkdir(parents=True)
        old.touch()
        agent = plain("mem", model)
        capability = MemGPTCapability(memory=memory)
        with pytest.raises(StateFormatError):
            capability.add_to_agent(agent)
        old.unlink()
        capability.add_to_agent(agent)
        assert agent.generate_reply(ASKED) == "hi"
        capability.close()


async def test_users_may_still_replace_and_exclude_the_model_reply(memory: str) -> None:
    with ScriptedModel([send("hi")]) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=memory, default_auto_reply="auto"
        ) as agent:
            both = [ConversableAgent.generate_oai_reply, ConversableAgent.a_generate_oai_reply]
            assert agent.generate_reply(ASKED, exclude=both[:1]) == "auto"
            assert await agent.a_generate_reply(ASKED, exclude=both) == "auto"
            assert agent.generate_reply(ASKED, exclude=both[1:]) == "hi"
            agent.replace_reply_func(both[0], mine)
            agent.replace_reply_func(both[1], a_mine)
            assert agent.generate_reply(ASKED) == "mine"
            assert await agent.a_generate_reply(ASKED) == "mine"


async def test_direct_calls_go_through_the_memory(memory: str) -> None:
    with ScriptedModel([send("one"), send("two"), send("three")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            assert agent.generate_oai_reply(ASKED) == (True, "one")
            again = [*ASKED, {"role": "assistant", "name": "mem", "content": "one"}]
            again.append({"role": "user", "content": "again"})
            assert await agent.a_generate_oai_reply(again) == (True, "two")
            ann = ConversableAgent("ann", llm_config=False)
            ann.send("psst", agent, request_reply=False, silent=True)
            assert agent.generate_oai_reply(sender=ann) == (True, "three")
            assert [m.text for m in agent.recall.latest(9)][-2:] == ["psst", "three"]
        assert model.requests[-1].contains("user: hello") == 1


async def test_tools_of_one_request_are_offered_and_left_to_others(memory: str) -> None:
    schema = {"name": "paint", "description": "Paints.", "parameters": {"type": "object"}}
    tools = [{"type": "function", "function": schema}]
    with ScriptedModel([call("paint"), send("later")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            _, reply = await agent.a_generate_oai_reply(ASKED, tools=tools)
            assert isinstance(reply, dict)
            assert [one["function"]["name"] for one in reply["tool_calls"]] == ["paint"]
            agent.generate_oai_reply([{"role": "user", "content": "else"}])
        assert "paint" in model.requests[0].tool_names
        assert "paint" not in model.requests[1].tool_names


def test_a_note_of_a_reply_that_did_not_come_spoils_no_direct_call(memory: str) -> None:
    with ScriptedModel([send("fresh")]) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=memory, is_termination_msg=lambda message: True
        ) as agent:
            ended = [{"role": "user", "content": "stale"}]
            assert agent.generate_reply(ended) is None
            assert agent.generate_oai_reply([{"role": "user", "content": "new"}])[1] == "fresh"
            assert [m.text for m in agent.recall.latest(9)] == ["new", "fresh"]


def test_transforms_added_later_still_work(memory: str) -> None:
    with ScriptedModel([send("ok")]) as model:
        agent = plain("mem", model)
        capability = MemGPTCapability(memory=memory)
        capability.add_to_agent(agent)
        TransformMessages(transforms=[MessageHistoryLimiter(max_messages=1)]).add_to_agent(agent)
        agent.generate_reply([{"role": "user", "content": text} for text in ("a1", "b2")])
        assert "b2" in model.requests[0].text and "a1" not in model.requests[0].text
        capability.close()


def test_the_places_are_kept(memory: str) -> None:
    """The order of the list and AutoGen's pairing of sync and async replies by name."""
    with ScriptedModel([]) as model:
        names = [f["reply_func"].__name__ for f in plain("plain", model)._reply_func_list]
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            functions = [f["reply_func"] for f in agent._reply_func_list]
            assert [f.__name__ for f in functions] == names
            assert [f.__name__ for f in functions if inspect.iscoroutinefunction(f)] == [
                name for name in names if name.startswith("a_")
            ]
