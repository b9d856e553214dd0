"""Turns in asynchronous chats: one thread, cancelled turns, tools on the caller's loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import ConversableAgent, register_function

from memgpt_autogen import (
    ConfigurationError,
    MemGPTAgent,
    ReentryError,
    SystemAlert,
    TimedEvent,
)
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, send
from tests.clocks import NOON

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.feature("async: cancellation, tools on the caller's loop"),
]

SECONDS = 30  # a test that would hang fails

Make = Callable[..., MemGPTAgent]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes agents that are closed at the end of the test."""
    made: list[MemGPTAgent] = []

    def build(model: ScriptedModel, name: str = "mem", **kwargs: Any) -> MemGPTAgent:
        kwargs.setdefault("memory", tmp_path / "memory")
        made.append(MemGPTAgent(name, "Be helpful.", model.llm_config, **kwargs))
        return made[-1]

    yield build
    for agent in made:
        agent.close()


class Gate:
    """A rule that lets the model answer in order, its first answer once the gate is open."""

    def __init__(self, *steps: Step, at: int = 0) -> None:
        self.steps = list(steps)
        self.at = at
        self.reached = threading.Event()
        self.open = threading.Event()
        self.asked = 0

    def __call__(self, request: ChatRequest) -> Step:
        number, self.asked = self.asked, self.asked + 1
        if number == self.at:
            self.reached.set()
            assert self.open.wait(SECONDS)
        return self.steps[number]


def offer(agent: Any, function: Any) -> None:
    register_function(
        function, caller=agent, executor=agent, name=function.__name__, description="A tool."
    )


def asked(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "name": "Ann", "content": text}]


async def reply_in(chat: str, agent: MemGPTAgent) -> Any:
    """The agent's reply in an asynchronous chat, or in a synchronous one in a thread."""
    if chat == "async":
        return await asyncio.wait_for(agent.a_generate_reply(asked("go")), SECONDS)
    return await asyncio.to_thread(agent.generate_reply, asked("go"))


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, SECONDS)


def settled(agent: MemGPTAgent) -> None:
    """Return when no turn is running."""
    agent.context_overview()


def turn_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "memgpt turns"]


# --- the thread ----------------------------------------------------------------------


async def test_waiting_chats_take_one_thread_and_leave_the_pool_alone(make: Make) -> None:
    gate = Gate(*(send(f"reply {number}") for number in range(32)))
    with ScriptedModel(gate) as model:
        agent = make(model)
        assert not turn_threads()
        chats = [ConversableAgent(f"ann{number}", llm_config=False) for number in range(32)]
        turns = []
        for chat in chats:
            chat.send("hello", agent, request_reply=False, silent=True)
            turns.append(asyncio.create_task(agent.a_generate_reply(sender=chat)))
        await until(gate.reached)
        # Every one of these needs a thread of the pool at the same time.
        barrier = threading.Barrier(4)
        await asyncio.gather(*(asyncio.to_thread(barrier.wait, SECONDS) for _ in range(4)))
        assert len(turn_threads()) == 1
        gate.open.set()
        assert sorted(await asyncio.gather(*turns)) == sorted(f"reply {n}" for n in range(32))
        assert len(turn_threads()) == 1
        (thread,) = turn_threads()
        agent.close()
        thread.join(SECONDS)
        assert not thread.is_alive()


async def test_a_closed_agent_may_be_used_again(make: Make) -> None:
    with ScriptedModel([send("one"), send("two")]) as model:
        agent = make(model)
        assert await agent.a_generate_reply(asked("a")) == "one"
        agent.close()
        assert await agent.a_generate_reply(asked("b")) == "two"


def test_a_waiting_turn_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    gate = Gate(send("never heard"))
    code = """
import asyncio, json, sys
from memgpt_autogen import MemGPTAgent

async def main():
    agent = MemGPTAgent("mem", "", json.loads(sys.argv[1]), memory=sys.argv[2])
    turn = asyncio.create_task(agent.a_generate_reply([{"role": "user", "content": "hello"}]))
    await asyncio.to_thread(sys.stdin.readline)
    turn.cancel()

asyncio.run(main())
print("ended")
"""
    with ScriptedModel(gate) as model:
        command = [sys.executable, "-c", code, json.dumps(model.llm_config), str(tmp_path / "m")]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert gate.reached.wait(SECONDS * 2)
            out, _ = process.communicate("go\n", timeout=SECONDS)
        assert out.strip().endswith("ended")
        assert process.returncode == 0
        gate.open.set()


# --- cancelled turns -----------------------------------------------------------------


async def test_a_cancelled_turn_stops_and_the_next_request_answers_once(make: Make) -> None:
    gate = Gate(
        calls(
            call("core_memory_append", name="human", content="wrong"),
            call("send_message", message="too late"),
        ),
        send("in time"),
    )
    with ScriptedModel(gate) as model:
        agent = make(model)
        turn = asyncio.create_task(agent.a_generate_reply(asked("remember 4711")))
        await until(gate.reached)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        assert not gate.open.is_set(), "the cancellation did not wait for the model"
        gate.open.set()
        await asyncio.to_thread(settled, agent)
        assert agent.core_memory["human"].value == "", "no call of a late completion is run"
        assert [m.text for m in agent.recall.latest(9)] == ["remember 4711"]
        assert await agent.a_generate_reply(asked("remember 4711")) == "in time"
        assert [m.text for m in agent.recall.latest(9)] == ["remember 4711", "in time"]
        assert model.requests[-1].contains("remember 4711") == 1
        assert not model.requests[-1].contains("too late")
        assert agent.context_overview().counters.model_calls == 2


async def test_a_turn_that_timed_out_can_be_asked_for_again(make: Make) -> None:
    gate = Gate(send("too late"), send("in time"))
    with ScriptedModel(gate) as model:
        agent = make(model)
        ann = ConversableAgent("ann", llm_config=False)
        ann.send("hello", agent, request_reply=False, silent=True)
        turn = asyncio.create_task(agent.a_generate_reply(sender=ann))
        await until(gate.reached)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(turn, 0.01)
        gate.open.set()
        assert await asyncio.wait_for(agent.a_generate_reply(sender=ann), SECONDS) == "in time"
        assert model.requests[-1].contains("ann: hello") == 1


async def test_a_turn_cancelled_before_it_began_takes_nothing_in(make: Make) -> None:
    gate = Gate(send("one"), send("two"))
    with ScriptedModel(gate) as model:
        agent = make(model)
        first = asyncio.create_task(agent.a_generate_reply(asked("first")))
        await until(gate.reached)
        waiting = asyncio.create_task(agent.a_generate_reply([*asked("first"), *asked("second")]))
        await asyncio.sleep(0)  # lets it begin to wait
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.open.set()
        assert await first == "one"
        await asyncio.to_thread(settled, agent)
        assert [m.text for m in agent.recall.latest(9)] == ["first", "one"]
        chat = [*asked("first"), {"role": "assistant", "name": "mem", "content": "one"}]
        assert await agent.a_generate_reply([*chat, *asked("second")]) == "two"


async def test_what_a_cancelled_turn_had_said_is_heard_with_the_next_reply(make: Make) -> None:
    gate = Gate(
        calls(
            call("send_message", message="Let me look."),
            call("conversation_search", query="x", request_heartbeat=True),
        ),
        send("too late"),
        send("Found it."),
        at=1,
    )
    with ScriptedModel(gate) as model:
        agent = make(model)
        turn = asyncio.create_task(agent.a_generate_reply(asked("look")))
        await until(gate.reached)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        gate.open.set()
        assert await agent.a_generate_reply(asked("look")) == "Let me look.\n\nFound it."
        texts = [m.text for m in agent.recall.latest(9)]
        assert texts == ["look", "Let me look.", "Found it."]


async def test_a_reply_cancelled_on_its_way_is_given_to_the_next_request(make: Make) -> None:
    """The turn ends while the loop is busy, and the loop then cancels the request first."""
    gate = Gate(send("the answer"), send("another"))
    with ScriptedModel(gate) as model:
        agent = make(model)
        turn = asyncio.create_task(agent.a_generate_reply(asked("question")))
        await until(gate.reached)
        gate.open.set()
        settled(agent)  # blocks the loop: the reply cannot get there
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        assert await agent.a_generate_reply(asked("question")) == "the answer"
        assert [m.text for m in agent.recall.latest(9)] == ["question", "the answer"]
        chat = [*asked("question"), {"role": "assistant", "name": "mem", "content": "the answer"}]
        assert await agent.a_generate_reply([*chat, *asked("next")]) == "another"


async def test_a_cancelled_chat_ends_and_the_agent_goes_on(make: Make) -> None:
    gate = Gate(send("too late"), send("hi Ben"))
    with ScriptedModel(gate) as model:
        agent = make(model)
        ann = ConversableAgent("ann", llm_config=False, human_input_mode="NEVER")
        ben = ConversableAgent("ben", llm_config=False, human_input_mode="NEVER")
        chat = asyncio.create_task(
            ann.a_initiate_chat(agent, message="hello", max_turns=1, silent=True)
        )
        await until(gate.reached)
        chat.cancel()
        with pytest.raises(asyncio.CancelledError):
            await chat
        gate.open.set()
        result = await ben.a_initiate_chat(agent, message="I am Ben", max_turns=1, silent=True)
        assert result.chat_history[-1]["content"] == "hi Ben"
        assert model.requests[-1].contains("ann: hello") == 1


# --- tools ---------------------------------------------------------------------------


async def test_an_async_tool_runs_on_the_callers_loop(make: Make) -> None:
    loop = asyncio.get_running_loop()
    lock = asyncio.Lock()
    await lock.acquire()
    waited = asyncio.Event()

    async def use_lock() -> str:
        waited.set()
        async with lock:  # bound to the loop that it is first waited for on
            return "same loop" if asyncio.get_running_loop() is loop else "another loop"

    with ScriptedModel([call("use_lock"), send("done")]) as model:
        agent = make(model)
        offer(agent, use_lock)
        turn = asyncio.create_task(agent.a_generate_reply(asked("go")))
        await asyncio.wait_for(waited.wait(), SECONDS)
        lock.release()
        assert await asyncio.wait_for(turn, SECONDS) == "done"
        assert agent.last_steps[0].results[0].text == "same loop"


async def test_tools_and_hooks_see_the_callers_context(make: Make) -> None:
    user = ContextVar("user", default="nobody")
    seen: list[str] = []

    async def later() -> str:
        return f"async {user.get()}"

    def now() -> str:
        return f"sync {user.get()}"

    def look(messages: Any) -> Any:
        seen.append(user.get())
        return messages

    with ScriptedModel([calls(call("later"), call("now")), send("done")]) as model:
        agent = make(model)
        agent.register_hook("process_all_messages_before_reply", look)
        offer(agent, later)
        offer(agent, now)
        user.set("Ann")
        await agent.a_generate_reply(asked("go"))
        assert [result.text for result in agent.last_steps[0].results] == ["async Ann", "sync Ann"]
        assert seen == ["Ann"]


async def test_cancelling_a_turn_cancels_its_tool(make: Make) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait_for_ever() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise
        return "never"

    script = [
        calls(
            call("core_memory_append", name="human", content="Waits."),
            call("wait_for_ever"),
            call("send_message", message="not said"),
        ),
        send("on with it"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model)
        offer(agent, wait_for_ever)
        turn = asyncio.create_task(agent.a_generate_reply(asked("go")))
        await asyncio.wait_for(begun.wait(), SECONDS)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        await asyncio.wait_for(ended.wait(), SECONDS)
        assert await agent.a_generate_reply(asked("go")) == "on with it"
        assert agent.core_memory["human"].value == "Waits."
        request = model.requests[1]
        assert request.contains("broken off before it ended") == 1
        assert request.contains("now reads:\n  Waits.") == 1
        assert not request.contains("not said")


async def test_a_tool_that_is_cancelled_by_itself_has_failed(make: Make) -> None:
    async def give_up() -> str:
        raise asyncio.CancelledError

    script = [call("give_up"), send("one"), call("give_up"), send("two")]
    with ScriptedModel(script) as model:
        agent = make(model)
        offer(agent, give_up)
        assert await agent.a_generate_reply(asked("a")) == "one"
        assert agent.last_steps[0].results[0].text == "Error: the tool was cancelled."
        assert await asyncio.to_thread(agent.generate_reply, asked("b")) == "two"
        assert agent.last_steps[0].results[0].text == "Error: the tool was cancelled."


# --- events outside chats ------------------------------------------------------------


async def test_a_notify_leaves_the_loop_free_and_its_tools_run_on_it(make: Make) -> None:
    loops = []
    others = turn_threads()  # of earlier tests; they end when they are idle

    async def water() -> str:
        loops.append(asyncio.get_running_loop())
        return "watered"

    gate = Gate(call("water"), send("Done."))
    with ScriptedModel(gate) as model:
        agent = make(model)
        offer(agent, water)
        noted = asyncio.create_task(agent.a_notify(SystemAlert(timestamp=NOON, text="dry")))
        await until(gate.reached)  # so the loop runs while the model thinks
        assert len([one for one in turn_threads() if one not in others]) == 1
        gate.open.set()
        assert await asyncio.wait_for(noted, SECONDS) == ("Done.",)
        assert loops == [asyncio.get_running_loop()]
        assert "water" in model.requests[0].tool_names


async def test_a_cancelled_a_notify_stops_its_turn(make: Make) -> None:
    gate = Gate(send("too late"), send("fine"))
    with ScriptedModel(gate) as model:
        agent = make(model)
        noted = asyncio.create_task(agent.a_notify(SystemAlert(timestamp=NOON, text="dry")))
        await until(gate.reached)
        noted.cancel()
        with pytest.raises(asyncio.CancelledError):
            await noted
        gate.open.set()
        assert await agent.a_generate_reply(asked("how is it?")) == "fine"
        assert [m.text for m in agent.recall.latest(9)] == ["how is it?", "fine"]


async def test_a_notify_says_what_notify_says(make: Make) -> None:
    pause = calls(call("pause_heartbeats", minutes=30), call("send_message", message="Quiet."))
    with ScriptedModel([pause]) as model:
        agent = make(model, clock=lambda: NOON)
        alert = SystemAlert(timestamp=NOON, text="dry")
        assert await agent.a_notify(alert) == ("Quiet.",)
        assert await agent.a_notify(TimedEvent(timestamp=NOON)) == ()
        agent.client = None
        with pytest.raises(ConfigurationError, match="no llm_config"):
            await agent.a_notify(alert)


async def test_an_async_tool_cannot_await_a_notify_of_its_own_agent(make: Make) -> None:
    async def inner() -> str:
        return str(await agent.a_notify(SystemAlert(timestamp=NOON, text="inner")))

    with ScriptedModel([call("inner"), send("outer")]) as model:
        agent = make(model)
        offer(agent, inner)
        assert await reply_in("async", agent) == "outer"
        assert "Make the tool a plain function (def)" in agent.last_steps[0].results[0].text


# --- re-entry ------------------------------------------------------------------------


def uses(agent: MemGPTAgent, tmp_path: Path) -> dict[str, Callable[[], Any]]:
    return {
        "reply": lambda: agent.generate_reply(asked("inner")),
        "notify": lambda: agent.notify(SystemAlert(timestamp=NOON, text="inner")),
        "forget": lambda: agent.forget("Ben"),
        "checkpoint": lambda: agent.checkpoint(tmp_path / "file.json"),
        "clear": agent.clear_history,
        "close": agent.close,
    }


@pytest.mark.parametrize("use", ["reply", "notify", "forget", "checkpoint", "clear", "close"])
@pytest.mark.parametrize("how", ["here", "in a thread"])
@pytest.mark.parametrize("chat", ["async", "sync"])
async def test_an_async_tool_cannot_wait_for_its_own_agent(
    make: Make, tmp_path: Path, use: str, how: str, chat: str
) -> None:
    async def inner() -> str:
        function = uses(agent, tmp_path)[use]
        return str(function() if how == "here" else await asyncio.to_thread(function))

    with ScriptedModel([call("inner"), send("outer")]) as model:
        agent = make(model)
        offer(agent, inner)
        ben = ConversableAgent("ben", llm_config=False)
        ben.send("to be taken in", agent, request_reply=False, silent=True)
        assert await reply_in(chat, agent) == "outer"
        (result,) = agent.last_steps[0].results
        if (use, how) == ("clear", "here"):  # on an event loop it waits for nothing
            assert result.ok
            return
        assert not result.ok
        assert "Make the tool a plain function (def)" in result.text
        assert "plain function (def)" in model.requests[1].text


@pytest.mark.parametrize("chat", ["async", "sync"])
async def test_an_async_tool_cannot_await_its_own_agent(make: Make, chat: str) -> None:
    async def inner() -> str:
        with pytest.raises(ReentryError):
            await agent.a_generate_reply(asked("inner"))
        await agent.a_generate_reply(asked("inner"))
        return "never"

    with ScriptedModel([call("inner"), send("outer")]) as model:
        agent = make(model)
        offer(agent, inner)
        assert await reply_in(chat, agent) == "outer"
        assert "plain function (def)" in agent.last_steps[0].results[0].text


@pytest.mark.parametrize("chat", ["async", "sync"])
async def test_a_plain_tool_may_let_its_agent_take_another_turn(make: Make, chat: str) -> None:
    loop = asyncio.get_running_loop()

    def inner(name: Annotated[str, "whom"]) -> str:
        return str(agent.generate_reply([{"role": "user", "name": name, "content": "hello"}]))

    async def where() -> str:
        return "here" if asyncio.get_running_loop() is loop else "elsewhere"

    script = [calls(call("inner", name="Ben"), call("where")), send("to Ben"), send("to Ann")]
    with ScriptedModel(script) as model:
        agent = make(model)
        offer(agent, inner)
        offer(agent, where)
        if chat == "async":
            assert await agent.a_generate_reply(asked("go")) == "to Ann"
            expected = "here"  # the outer turn has its own tools back
        else:
            assert await asyncio.to_thread(agent.generate_reply, asked("go")) == "to Ann"
            expected = "elsewhere"
        assert [r.text for r in agent.last_steps[0].results] == ["to Ben", expected]


async def test_a_tool_of_one_agent_may_await_another_agent(make: Make, tmp_path: Path) -> None:
    async def ask_other() -> str:
        return str(await other.a_generate_reply(asked("inner")))

    with ScriptedModel([call("ask_other"), send("inner"), send("outer")]) as model:
        agent, other = make(model), make(model, "other")
        offer(agent, ask_other)
        assert await asyncio.wait_for(agent.a_generate_reply(asked("go")), SECONDS) == "outer"
        assert agent.last_steps[0].results[0].text == "inner"


async def test_two_agents_whose_tools_await_each_other_do_not_hang(
    make: Make, tmp_path: Path
) -> None:
    async def there() -> str:
        return str(await other.a_generate_reply(asked("over to you")))

    async def back() -> str:
        return str(await agent.a_generate_reply(asked("and back")))

    script = [call("there"), call("back"), send("inner"), send("outer")]
    with ScriptedModel(script) as model:
        agent, other = make(model), make(model, "other")
        offer(agent, there)
        offer(other, back)
        assert await asyncio.wait_for(agent.a_generate_reply(asked("go")), SECONDS) == "outer"
        assert "plain function (def)" in other.last_steps[0].results[0].text


async def test_another_task_cannot_block_the_loop_that_a_tool_needs(make: Make) -> None:
    """It may in a thread of its own; then it waits for the turn's end."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        begun.set()
        await go_on.wait()
        return "ok"

    with ScriptedModel([call("slow"), send("turn"), send("noted")]) as model:
        agent = make(model)
        offer(agent, slow)
        turn = asyncio.create_task(agent.a_generate_reply(asked("go")))
        await asyncio.wait_for(begun.wait(), SECONDS)
        alert = SystemAlert(timestamp=NOON, text="ding")
        with pytest.raises(ReentryError, match="to_thread"):
            agent.notify(alert)
        noted = asyncio.create_task(asyncio.to_thread(agent.notify, alert))
        go_on.set()
        assert await asyncio.wait_for(turn, SECONDS) == "turn"
        assert await asyncio.wait_for(noted, SECONDS) == ("noted",)


async def test_a_call_that_blocks_the_loop_is_told_once_a_tool_needs_it(make: Make) -> None:
    async def quick() -> str:
        return "ok"

    gate = Gate(call("quick"), send("turn"))
    with ScriptedModel(gate) as model:
        agent = make(model)
        offer(agent, quick)
        turn = asyncio.create_task(agent.a_generate_reply(asked("go")))
        await until(gate.reached)
        gate.open.set()
        with contextlib.suppress(ReentryError):  # unless it came after the turn
            agent.context_overview()
        assert await asyncio.wait_for(turn, SECONDS) == "turn"


async def test_a_loop_that_was_cancelled_and_closed_leaves_the_agent_usable(make: Make) -> None:
    async def wait_for_ever() -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    begun = threading.Event()
    with ScriptedModel([call("wait_for_ever"), send("later")]) as model:
        agent = make(model)
        offer(agent, wait_for_ever)

        async def main() -> None:
            turn = asyncio.create_task(agent.a_generate_reply(asked("go")))
            await until(begun)
            turn.cancel()

        await asyncio.to_thread(asyncio.run, main())
        assert agent.generate_reply(asked("go")) == "later"
