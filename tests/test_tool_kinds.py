"""Every way in which AutoGen lets a user give an agent a tool, beside the memory functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import register_function
from autogen.io.base import IOStream

from memgpt_autogen.testing import call, calls, send
from tests.groupchat import manager_of
from tests.playing import Screen, part, playing, user

pytestmark = pytest.mark.autogen


def add(a: Annotated[int, "first"], b: Annotated[int, "second"] = 3) -> int:
    return a + b


async def async_add(a: Annotated[int, "first"], b: Annotated[int, "second"] = 3) -> int:
    return a + b


SCHEMA = {
    "name": "add",
    "description": "Adds.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a"],
    },
}


def by_decorators(agent: Any, person: Any, function: Any) -> None:
    named = agent.register_for_llm(name="add", description="Adds.")(function)
    person.register_for_execution(name="add")(named)


def by_decorators_old_style(agent: Any, person: Any, function: Any) -> None:
    named = agent.register_for_llm(name="add", description="Adds.", api_style="function")(function)
    person.register_for_execution(name="add")(named)


def by_register_function(agent: Any, person: Any, function: Any) -> None:
    register_function(function, caller=agent, executor=person, name="add", description="Adds.")


def by_signature_and_map(agent: Any, person: Any, function: Any) -> None:
    agent.update_tool_signature({"type": "function", "function": SCHEMA}, is_remove=False)
    person.register_function({"add": function})


def by_old_signature(agent: Any, person: Any, function: Any) -> None:
    agent.update_function_signature(SCHEMA, is_remove=False)
    person.register_function({"add": function})


def by_tool_object(agent: Any, person: Any, function: Any) -> None:
    tool = part("autogen.tools", "Tool")
    made = tool(name="add", description="Adds.", func_or_tool=function)
    made.register_for_llm(agent)
    made.register_for_execution(person)


def by_toolkit(agent: Any, person: Any, function: Any) -> None:
    tool = part("autogen.tools", "Tool")
    made = tool(name="add", description="Adds.", func_or_tool=function)
    kit = part("autogen.tools", "Toolkit")([made])
    kit.register_for_llm(agent)
    kit.register_for_execution(person)


WAYS = [
    pytest.param(way, marks=pytest.mark.feature(f"tools, {row}"), id=row)
    for way, row in [
        (by_decorators, "register_for_llm and register_for_execution"),
        (by_decorators_old_style, 'register_for_llm(api_style="function")'),
        (by_register_function, "register_function"),
        (by_signature_and_map, "update_tool_signature and function_map"),
        (by_old_signature, "update_function_signature"),
        (by_tool_object, "Tool objects"),
        (by_toolkit, "Toolkit objects"),
    ]
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("function", "own"), [(add, False), (async_add, True)], ids=["other", "own-async"]
)
async def test_a_tool_registered_in_any_way(
    tmp_path: Path, way: Callable[..., None], function: Any, own: bool
) -> None:
    """Run by the agent itself or by its partner, beside a memory function in one completion."""
    script = [
        calls(
            call("add", a=2),
            call("core_memory_append", name="human", content="Adds numbers."),
            monologue="both at once",
        ),
        send("It is 5."),
    ]
    with playing(script, tmp_path) as (agent, model):
        person = user()
        way(agent, agent if own else person, function)
        chat = {"message": "2 + 3?", "max_turns": 1 if own else 2, "silent": True}
        if function is async_add:
            result = await person.a_initiate_chat(agent, **chat)
        else:
            result = person.initiate_chat(agent, **chat)
        assert result.chat_history[-1]["content"] == "It is 5."
        assert agent.core_memory["human"].value == "Adds numbers."
    assert model.requests[0].tool_names.count("add") == 1
    tail = [m for m in model.requests[1].messages if m["role"] == "tool"]
    assert {m["content"].split(":")[0] for m in tail} == {"5", "The block 'human' now reads"}


@pytest.mark.feature("tools, function_map of the constructor")
def test_a_function_map_of_the_constructor(tmp_path: Path) -> None:
    script = [call("add", a=2), send("5")]
    with playing(script, tmp_path, function_map={"add": add}) as (agent, _):
        agent.update_tool_signature({"type": "function", "function": SCHEMA}, is_remove=False)
        assert agent.generate_reply([{"role": "user", "content": "2 + 3?"}]) == "5"
        assert agent.last_steps[0].results[0].text == "5"


@pytest.mark.feature("tools, removed again")
def test_a_removed_tool_is_gone(tmp_path: Path) -> None:
    with playing([send("a"), send("b")], tmp_path) as (agent, model):
        agent.update_tool_signature({"type": "function", "function": SCHEMA}, is_remove=False)
        agent.generate_reply([{"role": "user", "content": "x"}])
        agent.update_tool_signature("add", is_remove=True)
        agent.generate_reply([{"role": "user", "content": "y"}])
    assert ["add" in request.tool_names for request in model.requests] == [True, False]


@pytest.mark.feature("tools, several calls in one completion")
def test_several_calls_for_several_executors(tmp_path: Path) -> None:
    """One runs here, two leave together; their results come back in one message."""

    def here(x: Annotated[str, "what"]) -> str:
        return f"here {x}"

    def there(x: Annotated[str, "what"]) -> str:
        return f"there {x}"

    script = [
        calls(
            call("there", x="1"),
            call("here", x="2"),
            call("send_message", message="one moment"),
            call("there", x="3"),
        ),
        send("done"),
    ]
    with playing(script, tmp_path) as (agent, model):
        person = user()
        by_register = {"caller": agent, "description": "Looks."}
        register_function(here, executor=agent, name="here", **by_register)
        register_function(there, executor=person, name="there", **by_register)
        result = person.initiate_chat(agent, message="look", max_turns=2, silent=True)
        asked, came, end = result.chat_history[1:4]
        assert asked["content"] == "one moment"
        assert [c["function"]["name"] for c in asked["tool_calls"]] == ["there", "there"]
        assert [r["content"] for r in came["tool_responses"]] == ["there 1", "there 3"]
        assert end["content"] == "done"
    results = {m["content"] for m in model.requests[1].messages if m["role"] == "tool"}
    assert results >= {"there 1", "here 2", "there 3"}


@pytest.mark.feature("tools, in group chats")
async def test_an_async_tool_in_an_async_group_chat(tmp_path: Path) -> None:
    """It runs while the loop of the chat goes on."""
    ticks = 0

    async def wait(turns: Annotated[int, "how often"]) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        return "waited"

    with playing([call("wait", turns=3), send("done")], tmp_path) as (agent, _):
        person = user()
        register_function(wait, caller=agent, executor=agent, name="wait", description="Waits.")
        manager = manager_of([person, agent], max_round=5)
        task = asyncio.create_task(person.a_initiate_chat(manager, message="go", silent=True))
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
        assert manager.groupchat.messages[-1]["content"] == "done"
    assert ticks > 10


@pytest.mark.feature("tools, results of any type")
@pytest.mark.parametrize(
    "value",
    [{"a": [1, 2]}, ["x"], None, 7, "half \ud83d"],
    ids=["mapping", "list", "none", "number", "half a character"],
)
def test_results_of_any_type(tmp_path: Path, value: Any) -> None:
    def give(x: Annotated[str, "what"]) -> Any:
        return value

    with playing([call("give", x="1"), send("done")], tmp_path) as (agent, model):
        register_function(give, caller=agent, executor=agent, name="give", description="Gives.")
        with IOStream.set_default(Screen()):  # pytest's own cannot hold half a character
            assert agent.generate_reply([{"role": "user", "content": "x"}]) == "done"
    as_text = [str(value), json.dumps(value), "half \ufffd"]  # versions of AutoGen differ
    assert model.requests[1].last["content"] in as_text
