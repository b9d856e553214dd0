"""The user's own tools beside the memory functions, run here or by another agent."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import ConversableAgent, GroupChat, GroupChatManager, UserProxyAgent, register_function

from memgpt_autogen import MemGPTAgent, MemGPTCapability
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, say, send

pytestmark = pytest.mark.autogen

MEMORY_FUNCTIONS = 8


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return str(tmp_path / "memory")


def add(a: Annotated[int, "first"], b: Annotated[int, "second"]) -> int:
    return a + b


async def slow_add(a: Annotated[int, "first"], b: Annotated[int, "second"]) -> int:
    await asyncio.sleep(0.01)
    return a + b


def user(**kwargs: Any) -> Any:
    return UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False, **kwargs)


def offer(agent: Any, executor: Any, function: Any = add) -> None:
    register_function(
        function, caller=agent, executor=executor, name=function.__name__, description="Adds."
    )


@pytest.mark.parametrize("function", [add, slow_add])
@pytest.mark.feature("tools, run by the agent itself")
def test_a_tool_of_its_own_runs_in_its_loop(memory: str, function: Any) -> None:
    script = [
        calls(
            call(function.__name__, a=2, b=3),
            call("core_memory_append", name="human", content="Adds numbers."),
            monologue="let me see",
        ),
        send("It is 5."),
    ]
    with ScriptedModel(script) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            offer(agent, agent, function)
            result = user().initiate_chat(agent, message="2 + 3?", max_turns=1, silent=True)
            assert result.chat_history[-1]["content"] == "It is 5."
            assert agent.last_steps[0].results[0].text == "5"
            assert agent.core_memory["human"].value == "Adds numbers."
            usage = agent.get_actual_usage()["scripted-model"]
        names = model.requests[0].tool_names
        assert names.count(function.__name__) == 1
        assert names.count("send_message") == 1
        assert len(names) == MEMORY_FUNCTIONS + 1
        assert usage["prompt_tokens"] == sum(request.prompt_tokens for request in model.requests)


@pytest.mark.feature("tools, run by the agent itself")
def test_a_failing_tool_tells_the_model(memory: str) -> None:
    def broken(a: Annotated[int, "a number"]) -> int:
        raise ValueError(f"no {a} today")

    script = [call("broken", a=7), call("broken", wrong=1), send("It fails.")]
    with ScriptedModel(script) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            offer(agent, agent, broken)
            assert agent.generate_reply([{"role": "user", "content": "x"}]) == "It fails."
            assert "no 7 today" in agent.last_steps[0].results[0].text
            assert not agent.last_steps[1].results[0].ok


@pytest.mark.feature("tools, run by another agent")
def test_a_tool_of_another_agent_leaves_and_its_result_comes_back(memory: str) -> None:
    script = [
        calls(
            call("add", a=2, b=3),
            call("core_memory_append", name="human", content="Asked for a sum."),
        ),
        send("It is 5."),
    ]
    with ScriptedModel(script) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            person = user()
            offer(agent, person)
            result = person.initiate_chat(agent, message="2 + 3?", max_turns=2, silent=True)
            left, back, answer = result.chat_history[1:4]
            assert [c["function"]["name"] for c in left["tool_calls"]] == ["add"]
            assert json.loads(left["tool_calls"][0]["function"]["arguments"]) == {"a": 2, "b": 3}
            assert back["tool_responses"][0]["content"] == "5"
            assert answer["content"] == "It is 5."
            assert agent.recall.speakers() == {"mem": 1, "user": 2}
        tail = model.requests[1].messages[-3:]
    assert [m["role"] for m in tail] == ["assistant", "tool", "tool"]
    assert {m["content"].split(":")[0] for m in tail[1:]} == {"5", "The block 'human' now reads"}


@pytest.mark.feature("tools, in group chats")
def test_in_a_group_chat_the_agent_that_can_runs_it(memory: str) -> None:
    script = [call("add", a=20, b=3), send("It is 23.")]
    with ScriptedModel(script) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            worker = ConversableAgent("worker", llm_config=False, human_input_mode="NEVER")
            offer(agent, worker)
            person = user()
            chat = GroupChat(
                [person, agent, worker],
                [],
                max_round=4,
                speaker_selection_method=lambda last, chat: (
                    worker if chat.messages[-1].get("tool_calls") else agent
                ),
            )
            manager = GroupChatManager(chat, llm_config=False, silent=True)
            person.initiate_chat(manager, message="20 + 3?", silent=True)
            assert chat.messages[-1]["content"] == "It is 23."
            assert chat.messages[2]["tool_responses"][0]["content"] == "23"


def test_a_result_that_never_comes_blocks_nothing(memory: str) -> None:
    with ScriptedModel([call("add", a=1, b=1), send("Never mind.")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            offer(agent, user())
            reply = agent.generate_reply([{"role": "user", "content": "1 + 1?"}])
            assert reply["tool_calls"]
            again = [
                {"role": "user", "content": "1 + 1?"},
                {**reply, "name": "mem"},
                {"role": "user", "content": "forget it"},
            ]
            assert agent.generate_reply(again) == "Never mind."
        assert "(no result has come)" in model.requests[1].text


@pytest.mark.feature("tools, run by another agent")
def test_a_waiting_call_survives_a_restart(memory: str) -> None:
    with ScriptedModel([call("add", a=1, b=1), send("2")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            offer(agent, user())
            asked = {"role": "user", "content": "1 + 1?"}
            reply = agent.generate_reply([asked])
        answer = {
            "role": "tool",
            "content": "2",
            "tool_responses": [
                {"tool_call_id": reply["tool_calls"][0]["id"], "role": "tool", "content": "2"}
            ],
        }
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            assert agent.generate_reply([asked, {**reply, "name": "mem"}, answer]) == "2"
        assert model.requests[1].messages[-1] == {
            "role": "tool",
            "tool_call_id": reply["tool_calls"][0]["id"],
            "content": "2",
        }


def test_a_long_result_is_cut_in_view(memory: str) -> None:
    def report(topic: Annotated[str, "what on"]) -> str:
        return f"{topic}: " + "line " * 20_000

    with ScriptedModel([call("report", topic="tea"), send("Long.")], window=4096) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory, context_window=4096) as agent:
            offer(agent, agent, report)
            assert agent.generate_reply([{"role": "user", "content": "x"}]) == "Long."
        assert "characters left out" in model.requests[1].last_text
        assert not model.overflows


def send_message(message: Annotated[str, "what"]) -> str:
    return message


SCHEMA = {"name": "send_message", "description": "Mine.", "parameters": {"type": "object"}}


def test_a_tool_with_a_memory_functions_name_is_refused_at_registration(memory: str) -> None:
    with ScriptedModel([send("hi")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            with pytest.raises(ConfigurationError, match="another name"):
                offer(agent, agent, send_message)
            with pytest.raises(ConfigurationError, match="another name"):
                agent.register_for_llm(description="Mine.", api_style="function")(send_message)
            with pytest.raises(ConfigurationError, match="another name"):
                agent.update_function_signature(SCHEMA, is_remove=False)
            offer(agent, agent)
            assert agent.generate_reply([{"role": "user", "content": "x"}]) == "hi"


def test_a_memory_functions_name_is_refused_at_construction(memory: str) -> None:
    with ScriptedModel([]) as model:
        config = {**model.llm_config, "tools": [{"type": "function", "function": SCHEMA}]}
        with pytest.raises(ConfigurationError, match="another name"):
            MemGPTAgent("mem", "", config, memory=memory)
        if "functions" in inspect.signature(ConversableAgent.__init__).parameters:
            with pytest.raises(ConfigurationError, match="another name"):
                MemGPTAgent("mem", "", model.llm_config, memory=memory, functions=[send_message])
        assert not Path(memory).exists(), "refused before the memory is made"


def test_any_other_agent_is_refused_when_it_gets_its_memory_or_at_its_next_reply(
    memory: str,
) -> None:
    with ScriptedModel([send("hi")]) as model:
        agent = ConversableAgent("mem", llm_config=model.llm_config, human_input_mode="NEVER")
        offer(agent, user(), send_message)
        with pytest.raises(ConfigurationError, match="another name"):
            MemGPTCapability(memory=memory).add_to_agent(agent)
        agent.update_tool_signature("send_message", is_remove=True)
        capability = MemGPTCapability(memory=memory)
        capability.add_to_agent(agent)
        offer(agent, user(), send_message)
        asked = [{"role": "user", "content": "x"}]
        with pytest.raises(ConfigurationError, match="another name"):
            agent.generate_reply(asked)
        assert capability.context_overview().recall_messages == 0, "not taken, so it can come again"
        agent.update_tool_signature("send_message", is_remove=True)
        assert agent.generate_reply(asked) == "hi"
        capability.close()


@pytest.mark.feature("summary_method reflection_with_llm")
def test_a_summary_by_reflection_sees_no_memory_functions(memory: str) -> None:
    def rule(request: ChatRequest) -> Step:
        return send("hello") if "send_message" in request.tool_names else say("They greeted.")

    with ScriptedModel(rule) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            result = user().initiate_chat(
                agent, message="hi", max_turns=1, silent=True, summary_method="reflection_with_llm"
            )
            assert result.summary == "They greeted."
        assert not model.requests[-1].tools


def test_a_tool_may_look_into_its_own_agents_memory(memory: str) -> None:
    with ScriptedModel([call("look"), send("done")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:

            async def look() -> str:
                return f"{len(agent.recall)} messages"

            offer(agent, agent, look)
            assert agent.generate_reply([{"role": "user", "content": "x"}]) == "done"
            assert agent.last_steps[0].results[0].text.endswith("messages")


def test_a_tool_may_let_its_agent_speak_elsewhere(memory: str) -> None:
    def tell(name: Annotated[str, "whom"]) -> str:
        return str(agent.generate_reply([{"role": "user", "name": name, "content": "hello"}]))

    script = [
        calls(call("send_message", message="to Alice"), call("tell", name="Bob")),
        send("to Bob"),
        send("more to Alice"),
    ]
    with ScriptedModel(script) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            offer(agent, agent, tell)
            reply = agent.generate_reply([{"role": "user", "name": "Alice", "content": "hi"}])
            assert reply == "to Alice\n\nmore to Alice"


def test_a_choice_of_tools_in_the_config_does_not_spoil_summaries(memory: str) -> None:
    def rule(request: ChatRequest) -> Step:
        return send("fine") if request.tools else say("They counted.")

    with ScriptedModel(rule, window=4096) as model:
        config = model.llm_config
        config["config_list"][0]["tool_choice"] = "auto"
        with MemGPTAgent("mem", "", config, memory=memory, context_window=4096) as agent:
            for number in range(30):
                text = f"number {number} " + "and so on " * 40
                agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])
            assert agent.context_overview().counters.evictions >= 1
        assert "They counted." in model.requests[-1].text
