"""MemGPTCapability on agents of other classes: AutoGen's and the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from autogen import AssistantAgent, ConversableAgent, UserProxyAgent

from memgpt_autogen import MemGPTCapability
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, send
from tests.groupchat import manager_of, speaker
from tests.playing import echo, part, playing, user

pytestmark = pytest.mark.autogen

DOT = "data:image/png;base64,iVBORw0KGgo="
PICTURE = {"type": "image_url", "image_url": {"url": DOT}}


@contextmanager
def remembering(make: Any, script: Any, memory: Path) -> Iterator[tuple[Any, Any, ScriptedModel]]:
    """An agent with the capability, the capability, and the model."""
    with ScriptedModel(script) as model:
        agent = make("mem", "Be brief.", llm_config=model.llm_config)
        capability = MemGPTCapability(memory=memory)
        capability.add_to_agent(agent)
        try:
            yield agent, capability, model
        finally:
            capability.close()


def pictures(request: ChatRequest) -> list[Any]:
    """The image parts in a prompt: a picture stays while its message is in the queue."""
    contents = [m["content"] for m in request.messages if isinstance(m["content"], list)]
    return [part for content in contents for part in content if part["type"] == "image_url"]


class Shouting(AssistantAgent):  # type: ignore[misc]
    """A user's class that has the last word on its replies."""

    def generate_reply(self, *args: Any, **kwargs: Any) -> Any:
        reply = super().generate_reply(*args, **kwargs)
        return reply.upper() if isinstance(reply, str) else reply


@pytest.mark.feature("MemGPTCapability on an AssistantAgent")
@pytest.mark.parametrize("make", [AssistantAgent, ConversableAgent, UserProxyAgent])
def test_on_agents_of_autogen(tmp_path: Path, make: Any) -> None:
    def mild(name: str, role: str, **kwargs: Any) -> Any:
        return make(
            name,
            system_message=role,
            human_input_mode="NEVER",
            code_execution_config=False,
            **kwargs,
        )

    with remembering(mild, echo, tmp_path) as (agent, capability, model):
        ann = speaker("ann", lambda n: f"ann {n}")
        manager = manager_of([ann, agent], max_round=4)
        ann.initiate_chat(manager, message="ann 0", silent=True)
        assert [m["content"] for m in manager.groupchat.messages][1::2] == [
            "heard ann 0",
            "heard ann 1",
        ]
        with capability.turns.settled():
            assert capability.recall.speakers() == {"ann": 2, "mem": 2}
    assert "Be brief." in model.requests[0].messages[0]["content"]


@pytest.mark.feature("MemGPTCapability on an AssistantAgent")
async def test_on_an_agent_in_an_async_chat(tmp_path: Path) -> None:
    with remembering(AssistantAgent, echo, tmp_path) as (agent, _, model):
        result = await user().a_initiate_chat(agent, message="one", max_turns=1, silent=True)
    assert result.chat_history[-1]["content"] == "heard one"
    assert "send_message" in model.requests[0].tool_names


@pytest.mark.feature("MemGPTCapability on an AssistantAgent")
def test_what_was_said_last_outlives_a_cleared_history(tmp_path: Path) -> None:
    with remembering(AssistantAgent, echo, tmp_path) as (agent, capability, _):
        person = user()
        for text in ("one", "two"):  # initiate_chat clears the history of the chat before
            person.initiate_chat(agent, message=text, max_turns=1, silent=True)
            person.send(f"goodbye {text}", agent, request_reply=False, silent=True)
        agent.reset()
        with capability.turns.settled() as engine:
            heard = [m.text for m in engine.workspace.recall.latest(9) if m.speaker == "user"]
    assert heard == ["one", "goodbye one", "two", "goodbye two"]


@pytest.mark.feature("MemGPTCapability on a class of one's own")
def test_a_class_with_a_generate_reply_of_its_own(tmp_path: Path) -> None:
    """What it made of the reply went out; the memory does not hear it as something new."""
    with remembering(Shouting, echo, tmp_path) as (agent, capability, model):
        person = user(default_auto_reply="more")
        result = person.initiate_chat(agent, message="one", max_turns=2, silent=True)
        replies = [m["content"] for m in result.chat_history if m["name"] == "mem"]
        assert replies == ["HEARD ONE", "HEARD MORE"]
        with capability.turns.settled():
            assert capability.recall.speakers() == {"user": 2, "mem": 2}
    assert not model.requests[-1].contains("HEARD")


@pytest.mark.feature("MemGPTCapability on a class of one's own")
def test_tools_of_the_agent_go_on_working(tmp_path: Path) -> None:
    script = [call("double", x=21), send("42")]
    with remembering(AssistantAgent, script, tmp_path) as (agent, capability, _):

        def double(x: int) -> int:
            return 2 * x

        tool = agent.register_for_llm(description="Doubles.")(double)
        agent.register_for_execution()(tool)
        assert agent.generate_reply([{"role": "user", "content": "21 * 2?"}]) == "42"
        assert capability.last_steps[0].results[0].text == "42"


@pytest.mark.feature("MemGPTCapability on a class of one's own")
def test_an_agent_takes_one_memory(tmp_path: Path) -> None:
    with remembering(AssistantAgent, [], tmp_path) as (agent, _, _model):
        with pytest.raises(ConfigurationError, match="memory already"):
            MemGPTCapability(memory=tmp_path).add_to_agent(agent)


def multimodal() -> Any:
    pytest.importorskip("PIL", reason="AutoGen's multimodal agents need Pillow")
    return part(
        "autogen.agentchat.contrib.multimodal_conversable_agent", "MultimodalConversableAgent"
    )


@pytest.mark.feature("images, MultimodalConversableAgent")
async def test_a_multimodal_agent_sees_and_remembers(tmp_path: Path) -> None:
    with remembering(multimodal(), echo, tmp_path) as (agent, capability, model):
        content = [{"type": "text", "text": "what is this?"}, PICTURE]
        ask = {"content": content}
        result = user().initiate_chat(agent, message=ask, max_turns=1, silent=True)
        assert result.chat_history[-1]["content"].startswith("heard")
        await user("eve").a_initiate_chat(agent, message="and now?", max_turns=1, silent=True)
        with capability.turns.settled() as engine:
            texts = [m.text for m in engine.workspace.recall.latest(9) if m.speaker == "user"]
            assert texts == ["what is this?\n(image)"]
    assert [pictures(request) for request in model.requests] == [[PICTURE], [PICTURE]]


@pytest.mark.feature("images, MultimodalConversableAgent")
def test_a_picture_object_reaches_the_model(tmp_path: Path) -> None:
    """AutoGen's multimodal agent reads `<img …>` as an object of Pillow."""
    make = multimodal()
    with remembering(make, echo, tmp_path / "memory") as (agent, capability, model):
        file = tmp_path / "dot.png"
        part("PIL.Image", "new")("RGB", (2, 2), "teal").save(file)
        person = user(default_auto_reply="and?")
        person.initiate_chat(agent, message=f"look: <img {file}>", max_turns=2, silent=True)
        with capability.turns.settled() as engine:
            latest = engine.workspace.recall.latest(9)
            said = [m.text.strip() for m in latest if m.speaker == "user"]
    assert said == ["look: \n(image)", "and?"]
    for request in model.requests:
        [picture] = pictures(request)
        assert picture["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


@pytest.mark.feature("images, in group chats")
def test_images_in_a_group_chat(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, model):
        ann = speaker("ann", lambda n: f"ann {n}")
        manager = manager_of([ann, agent], max_round=4)
        content = [{"type": "text", "text": "look"}, PICTURE]
        ann.initiate_chat(manager, message={"content": content}, silent=True)
        if isinstance(manager.groupchat.messages[0]["content"], str):
            pytest.skip("group chats of this AutoGen make text of images")
        agent.clear_history()
        assert agent.recall.speakers() == {"ann": 2, "mem": 2}
    assert [pictures(request) for request in model.requests] == [[PICTURE], [PICTURE]]


@pytest.mark.feature("MemGPTCapability on an AssistantAgent")
def test_a_program_reaches_the_memory_as_with_a_memgpt_agent(tmp_path: Path) -> None:
    with remembering(AssistantAgent, echo, tmp_path) as (agent, capability, _):
        agent.generate_reply([{"role": "user", "content": "hello", "name": "Ann"}])
        capability.core_memory.set("human", "Ann is polite.")
        capability.archival.insert("The port is 8123.")
        capability.attach_block("plan", "Ship.")
        capability.attach("team", writable=True)
        assert "Ann" in {one.speaker for one in capability.recall.search("hello").items}
        assert capability.context_overview().archival_passages == 1
        capability.checkpoint(tmp_path / "all.json")
        assert capability.forget("Ann").complete
        assert capability.core_memory["human"].value == ""
        with pytest.raises(ConfigurationError, match="no source 'x'"):
            capability.attach("x")


@pytest.mark.feature("MemGPTCapability on an AssistantAgent")
def test_it_is_one_of_autogens_capabilities() -> None:
    kind = part("autogen.agentchat.contrib.capabilities.agent_capability", "AgentCapability")
    assert issubclass(MemGPTCapability, kind)
