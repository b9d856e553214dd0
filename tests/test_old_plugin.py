"""The faults of MemGPT's own AutoGen plugin (0.1.18 to 0.3.25), one test for each.

L numbers are issues of letta-ai/letta, M numbers of microsoft/autogen.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from autogen import AssistantAgent, ConversableAgent, UserProxyAgent

import memgpt_autogen
from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.testing import ScriptedModel, call, empty, fail, say, send, slow
from tests.clocks import NOON
from tests.groupchat import manager_of, speaker
from tests.playing import Held

pytestmark = pytest.mark.autogen


def echo(request: Any) -> Any:
    """Answers with the number of the request's last chat line, so that replies differ."""
    return send("reply to " + request.last_text.rsplit(": ", 1)[-1])


def user(name: str = "user", **kwargs: Any) -> Any:
    return UserProxyAgent(name, human_input_mode="NEVER", code_execution_config=False, **kwargs)


def chat(who: Any, agent: Any, text: str, **kwargs: Any) -> Any:
    kwargs.setdefault("max_turns", 1)
    return who.initiate_chat(agent, message=text, silent=True, **kwargs)


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return str(tmp_path / "memory")


@pytest.mark.feature("two agents, initiate_chat")
def test_01_it_answers_every_message(memory: str) -> None:
    with ScriptedModel(echo) as model, MemGPTAgent("mem", "", model.llm_config, memory=memory) as a:
        person = user(default_auto_reply="next")
        result = chat(person, a, "first", max_turns=6)
        replies = [m["content"] for m in result.chat_history if m.get("name") == "mem"]
    assert replies == ["reply to first"] + ["reply to next"] * 5


def test_02_its_own_reply_is_not_heard_again(memory: str) -> None:
    with ScriptedModel([send("A-1"), send("A-2"), send("A-3")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            chat(user(default_auto_reply="go on"), agent, "hello", max_turns=3)
        prompt = model.requests[-1]
        assert prompt.contains("mem: A-1") == 0
        assert [prompt.contains(f"message={each}") for each in ("A-1", "A-2")] == [1, 1]


@pytest.mark.feature("two agents, initiate_chat")
def test_03_a_second_initiate_chat_is_answered(memory: str) -> None:
    with ScriptedModel(echo) as model, MemGPTAgent("mem", "", model.llm_config, memory=memory) as a:
        person = user()
        for text in ("one", "two", "two"):
            assert chat(person, a, text).chat_history[-1]["content"] == f"reply to {text}"
        assert len(model.requests) == 3
        assert [m.text for m in a.recall.latest(9) if m.speaker == "user"] == ["one", "two", "two"]


def test_04_each_sender_is_heard(memory: str) -> None:
    with ScriptedModel(echo) as model, MemGPTAgent("mem", "", model.llm_config, memory=memory) as a:
        alice, bob = user("Alice"), user("Bob")
        for number in range(3):
            chat(alice, a, f"a{number}", clear_history=False)
        assert chat(bob, a, "b0").chat_history[-1]["content"] == "reply to b0"
        assert a.recall.speakers() == {"Alice": 3, "Bob": 1, "mem": 4}


@pytest.mark.feature("is_termination_msg")
def test_05_terminate_ends_the_chat(memory: str) -> None:
    with ScriptedModel([send("All done. TERMINATE")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            person = user(
                is_termination_msg=lambda m: "TERMINATE" in m["content"], default_auto_reply="more"
            )
            result = chat(person, agent, "work", max_turns=9)
    assert len(result.chat_history) == 2


@pytest.mark.feature("is_termination_msg")
def test_06_is_termination_msg_gets_a_message(memory: str) -> None:
    seen: list[Any] = []

    def ends(message: dict[str, Any]) -> bool:
        seen.append(message)
        return bool(message["content"] == "stop")

    with ScriptedModel(echo) as model:
        agent = MemGPTAgent("mem", "", model.llm_config, ends, memory=memory)
        with agent:
            assert agent.generate_reply([{"role": "user", "content": "stop"}], user()) is None
            assert (
                agent.generate_reply([{"role": "user", "content": "go"}], user()) == "reply to go"
            )
    assert all(isinstance(message, dict) for message in seen) and len(seen) == 2


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.feature("max_consecutive_auto_reply")
def test_07_auto_reply_limits_count_as_with_an_assistant_agent(memory: str, limit: int) -> None:
    calls = []
    for make in (AssistantAgent, MemGPTAgent):
        extra: dict[str, Any] = {"memory": memory} if make is MemGPTAgent else {}
        with ScriptedModel(lambda request: say("well")) as model:
            agent = make("mem", "", model.llm_config, max_consecutive_auto_reply=limit, **extra)
            result = chat(user(default_auto_reply="more"), agent, "go", max_turns=9)
            calls.append((len(model.requests), len(result.chat_history)))
            if make is MemGPTAgent:
                agent.close()
    assert calls[0] == calls[1]
    assert calls[0][0] < 9


@pytest.mark.feature("human input in the agent's name")
def test_07_human_input_comes_before_the_model(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedModel([]) as model:
        with MemGPTAgent(
            "asks", "", model.llm_config, human_input_mode="ALWAYS", memory=memory
        ) as agent:
            monkeypatch.setattr(agent, "get_human_input", lambda prompt, **kw: "typed by a human")
            result = chat(user(), agent, "go")
            assert result.chat_history[-1]["content"] == "typed by a human"


def test_08_a_turn_has_a_ceiling(memory: str) -> None:
    def busy(request: Any) -> Any:
        return call("archival_memory_search", query="x", request_heartbeat=True)

    with ScriptedModel(busy) as model, MemGPTAgent("m", "", model.llm_config, memory=memory) as a:
        chat(user(), a, "go")
        assert len(model.requests) == Settings().max_steps


# AutoGen's look for Docker leaves a socket to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.feature("code_execution_config of the agent")
def test_09_function_map_and_code_execution_work(memory: str, tmp_path: Path) -> None:
    with ScriptedModel(echo) as model:
        with MemGPTAgent(
            "mem",
            "",
            model.llm_config,
            memory=memory,
            function_map={"add": lambda a, b: a + b},
            code_execution_config={"use_docker": False, "work_dir": str(tmp_path / "code")},
        ) as agent:
            request = {"name": "add", "arguments": '{"a": 2, "b": 3}'}
            answer = agent.generate_reply(
                [{"role": "assistant", "name": "x", "content": "", "function_call": request}],
                user(),
            )
            assert str(answer["content"]) == "5"
            ran = agent.generate_reply(
                [{"role": "user", "content": "```python\nprint(6 * 7)\n```"}], user()
            )
            assert "42" in ran
        assert not model.requests
    gc.collect()


@pytest.mark.feature("no llm_config")
def test_10_llm_config_may_be_omitted(memory: str) -> None:
    agent = MemGPTAgent("mem", memory=memory, default_auto_reply="no model")
    assert chat(user(), agent, "hello").chat_history[-1]["content"] == "no model"


def test_11_the_callers_config_is_not_changed(memory: str) -> None:
    with ScriptedModel(echo) as model:
        config = model.llm_config
        before = copy.deepcopy(config)
        with (
            MemGPTAgent("a", "", config, memory=memory) as a,
            MemGPTAgent("b", "", config, memory=memory) as b,
        ):
            assert chat(user(), a, "x").chat_history[-1]["content"] == "reply to x"
            assert chat(user(), b, "y").chat_history[-1]["content"] == "reply to y"
        assert config == before


def test_12_the_key_is_not_written_to_disk(memory: str) -> None:
    with ScriptedModel(echo) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            chat(user(), agent, "hello")
        for path in Path(memory).rglob("*"):
            assert path.is_dir() or model.api_key.encode() not in path.read_bytes()


def test_14_messages_of_peers_reach_recall_storage_and_the_budget(memory: str) -> None:
    with ScriptedModel(echo, window=3000) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory, context_window=3000) as a:
            peers = [
                speaker("ann", lambda n: f"ann says {n} " + "blah " * 150),
                speaker("ben", lambda n: f"ben says {n} " + "blah " * 150),
            ]
            manager = manager_of([*peers, a], max_round=20)
            peers[0].initiate_chat(manager, message="start", silent=True)
            a.clear_history()  # what was said after its last turn is taken in here
            counts = a.recall.speakers()
        assert not model.overflows
    assert counts["ben"] == 7 and counts["ann"] == 7


def test_15_messages_of_peers_have_a_speaker_and_a_time(memory: str) -> None:
    with ScriptedModel(echo) as model, MemGPTAgent("mem", "", model.llm_config, memory=memory) as a:
        ann = speaker("ann", lambda n: "I am ann")
        manager = manager_of([ann, speaker("ben", lambda n: "I am ben"), a], max_round=3)
        ann.initiate_chat(manager, message="hi", silent=True)
        assert re.search(r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] ben: I am ben", model.requests[0].text)


def test_16_events_are_plain_text_and_no_json(memory: str) -> None:
    with ScriptedModel([empty(), send("x")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            chat(user(), agent, "hello")
        for message in model.requests[-1].messages:
            if message["role"] == "user":
                with pytest.raises(ValueError, match="Expecting"):
                    json.loads(message["content"])
                assert "{" not in message["content"]


def test_17_a_peers_tool_call_is_not_user_text(memory: str) -> None:
    request = {
        "id": "t1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Ulm"}'},
    }
    messages = [
        {"role": "user", "name": "ann", "content": "weather?"},
        {"role": "assistant", "name": "ben", "content": "None", "tool_calls": [request]},
        {
            "role": "tool",
            "name": "ann",
            "content": "rain",
            "tool_responses": [{"tool_call_id": "t1", "role": "tool", "content": "rain"}],
        },
        {"role": "user", "name": "ann", "content": "well?"},
    ]
    with ScriptedModel([send("rain it is")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            assert agent.generate_reply(messages) == "rain it is"
            assert {m.text for m in agent.recall.latest(9)} >= {
                "(calls get_weather with city = Ulm)",
                "(result) rain",
            }
        lines = [m["content"] for m in model.requests[0].messages if m["role"] == "user"]
    assert lines[1].endswith("ben: (calls get_weather with city = Ulm)")
    assert lines[2].endswith("ann: (result) rain")
    assert "None" not in lines[1]


@pytest.mark.feature("default_auto_reply")
def test_18_a_silent_turn_says_the_default_reply(memory: str) -> None:
    """As with any agent: AutoGen 0.14 makes an empty text of no content."""
    with ScriptedModel([empty(), empty(), empty()]) as model:
        plain = AssistantAgent("plain", "", model.llm_config, default_auto_reply="I pass.")
        says = chat(user(), plain, "x").chat_history[-1]["content"]
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=memory, default_auto_reply="I pass."
        ) as agent:
            assert chat(user(), agent, "x").chat_history[-1]["content"] == says


def test_19_nothing_is_evaluated_or_unpickled() -> None:
    root = Path(memgpt_autogen.__file__).parent
    for path in root.rglob("*.py"):
        assert not re.search(r"\b(eval|exec)\(|\bimport pickle", path.read_text("utf-8")), path


def test_20_no_key_of_openai_is_needed(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ScriptedModel(echo) as model, MemGPTAgent("mem", "", model.llm_config, memory=memory) as a:
        assert chat(user(), a, "x").chat_history[-1]["content"] == "reply to x"


def test_21_the_class_itself_is_the_agent(memory: str) -> None:
    assert issubclass(MemGPTAgent, ConversableAgent)
    assert type(MemGPTAgent("mem", memory=memory)) is MemGPTAgent


def test_22_people_are_told_apart(memory: str) -> None:
    with ScriptedModel(echo) as model, MemGPTAgent("mem", "", model.llm_config, memory=memory) as a:
        chat(user("Ann"), a, "I like tea")
        chat(user("Ben"), a, "I like milk")
        assert model.requests[-1].contains("] Ann: I like tea") == 1
        assert model.requests[-1].contains("] Ben: I like milk") == 1
        assert [m.text for m in a.recall.search("what is liked", speaker="Ben").items] == [
            "I like milk"
        ]


@pytest.mark.feature("two agents, a_initiate_chat")
async def test_23_the_event_loop_runs_on_while_the_model_thinks(memory: str) -> None:
    script, ticks = Held([send("done")], held=0), 0
    with ScriptedModel(script) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            task = asyncio.create_task(
                user().a_initiate_chat(agent, message="x", max_turns=1, silent=True)
            )
            while not task.done():
                await asyncio.sleep(0.02)
                ticks += script.asked.is_set()
                if ticks == 10:
                    script.go_on.set()
            assert task.result().chat_history[-1]["content"] == "done"


def test_24_an_overflow_is_survived_with_everything_in_place(memory: str) -> None:
    with ScriptedModel([send("one"), send("two")], window=2400) as model:
        agent = MemGPTAgent(
            "mem",
            "",
            model.llm_config,
            memory=Settings(location=memory, summary="digest"),
            context_window=8000,
        )
        with agent:
            chat(user(), agent, "hello")
            for number in range(12):
                agent.recall.append(f"old {number}", speaker="user")
            queue = agent._memgpt_capability.open().queue
            queue.context.entries[:0] = [
                MessageEvent(timestamp=NOON, speaker="user", text="filler " * 150)
            ] * 9
            assert chat(user(), agent, "and now?").chat_history[-1]["content"] == "two"
            assert model.overflows
            assert model.requests[-1].contains("user: and now?") == 1
            assert model.requests[-1].tool_names == model.requests[0].tool_names


@pytest.mark.feature("config_list fallback")
def test_25_temperature_fallback_and_the_rest_of_the_config_count(memory: str) -> None:
    with ScriptedModel([fail(500)]) as broken, ScriptedModel([send("from the second")]) as model:
        config = model.llm_config
        config["config_list"] = [*broken.llm_config["config_list"], *config["config_list"]]
        config["temperature"] = 0.25
        with MemGPTAgent("mem", "", config, memory=memory) as agent:
            assert chat(user(), agent, "x").chat_history[-1]["content"] == "from the second"
        assert model.requests[0].body["temperature"] == 0.25


def test_26_the_preset_is_kept(memory: str) -> None:
    with ScriptedModel([send("a"), send("b")]) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=memory, preset="memgpt_small"
        ) as agent:
            chat(user(), agent, "x")
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            chat(user(), agent, "y")
        heads = [request.messages[0]["content"][:400] for request in model.requests]
    assert heads[0] == heads[1]


def test_28_the_fixed_cost_is_half_of_what_it_was(memory: str) -> None:
    with ScriptedModel([send("x")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            chat(user(), agent, "x")
            sections = agent.context_overview().sections
    fixed = sum(sections[p] for p in ("system instructions", "functions", "core memory"))
    assert fixed <= 1200  # the original: about 2,400


def test_29_a_failing_summariser_does_no_harm(memory: str) -> None:
    def moody(request: Any) -> Any:
        return fail(500) if not request.tools else send("fine")

    with ScriptedModel(moody, window=3000) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory, context_window=3000) as agent:
            person = user(default_auto_reply="word " * 150)
            result = chat(person, agent, "start", max_turns=25)
            assert result.chat_history[-1]["content"] == "fine"
            assert (
                "earlier entries, by user" in agent._memgpt_capability.open().queue.context.summary
            )
        assert not model.overflows


def test_one_lock_serialises_the_turns_of_one_mind(memory: str) -> None:
    with ScriptedModel(lambda request: slow(echo(request), 0.02)) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            answers: dict[int, Any] = {}

            def talk(number: int) -> None:
                answers[number] = chat(user(f"u{number}"), agent, f"q{number}").chat_history[-1]

            threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            # What another chat's turn took in early is answered after a word on who waits.
            for n, answer in answers.items():
                assert answer["content"] == f"reply to q{n}" or f"'u{n}' waits" in answer["content"]
            assert len(answers) == 8
            assert len(agent.recall) == 16


@pytest.mark.feature("two agents, initiate_chat")
def test_an_assistant_agent_answers_the_same_way(memory: str) -> None:
    """The swap: the same script, the same chat, the same words."""
    histories = []
    for make in (AssistantAgent, MemGPTAgent):
        with ScriptedModel([say("one"), say("two")]) as model:
            extra: dict[str, Any] = {"memory": memory} if make is MemGPTAgent else {}
            agent = make("helper", "Help.", model.llm_config, **extra)
            result = chat(user(default_auto_reply="more"), agent, "hello", max_turns=2)
            histories.append([(m["name"], m["content"]) for m in result.chat_history])
            if make is MemGPTAgent:
                agent.close()
    assert histories[0] == histories[1]
