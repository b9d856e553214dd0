"""AutoGen's ways to chain, nest, sum up, introduce and resume chats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import autogen
import pytest
from autogen import GroupChat, GroupChatManager, initiate_chats

from memgpt_autogen.errors import StorageError
from memgpt_autogen.testing import call, say, send
from tests.groupchat import manager_of, speaker
from tests.playing import echo, part, playing, user

pytestmark = pytest.mark.autogen


@pytest.mark.feature("nested chats")
def test_as_the_inner_agent_of_a_nested_chat(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, model):
        outer = user("outer")
        person = user("person")
        queue = [{"recipient": agent, "max_turns": 1, "summary_method": "last_msg"}]
        outer.register_nested_chats(queue, trigger=person)
        for text in ("one", "two"):
            result = person.initiate_chat(outer, message=text, max_turns=1, silent=True)
            assert result.chat_history[-1]["content"] == f"heard {text}"
        assert agent.recall.speakers() == {"outer": 2, "mem": 2}
    assert model.requests[-1].contains("outer: one") == 1


@pytest.mark.feature("nested chats")
def test_a_nested_chat_of_its_own_answers_for_it_and_is_remembered(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, model):
        expert = speaker("expert", lambda n: f"expert answer {n}")
        queue = [{"recipient": expert, "max_turns": 1, "summary_method": "last_msg"}]
        asking = True
        agent.register_nested_chats(queue, trigger=lambda sender: asking)
        boss = user("boss")
        result = boss.initiate_chat(agent, message="ask the expert", max_turns=1, silent=True)
        assert result.chat_history[-1]["content"] == "expert answer 1"
        asking = False
        boss.send("well?", agent, request_reply=False, silent=True)
        assert agent.generate_reply(sender=boss) == "heard well?"
    [request] = model.requests
    assert request.contains("boss: ask the expert") == 1
    assert request.contains("expert: expert answer 1") == 1
    assert {"role": "assistant", "content": "expert answer 1"} in request.messages


@pytest.mark.feature("nested chats")
def test_a_chat_in_which_the_model_never_spoke_is_remembered(tmp_path: Path) -> None:
    with playing([], tmp_path) as (agent, _):
        expert = speaker("expert", lambda n: f"expert answer {n}")
        queue = [{"recipient": expert, "max_turns": 1, "summary_method": "last_msg"}]
        boss = user("boss")
        agent.register_nested_chats(queue, trigger=boss)
        boss.initiate_chat(agent, message="ask the expert", max_turns=1, silent=True)
        agent.clear_history()
        # what it asked the expert, and what it told the boss
        assert agent.recall.speakers() == {"boss": 1, "mem": 2, "expert": 1}


@pytest.mark.feature("nested chats, async")
async def test_nested_chats_run_async(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, _):
        outer, person = user("outer"), user("person")
        queue = [{"recipient": agent, "max_turns": 1, "summary_method": "last_msg", "chat_id": 1}]
        outer.register_nested_chats(queue, trigger=person, use_async=True)
        result = await person.a_initiate_chat(outer, message="one", max_turns=1, silent=True)
    assert result.chat_history[-1]["content"] == "heard one"


def chain(person: Any, first: Any, second: Any) -> list[dict[str, Any]]:
    """Two chats, the second of which is told how the first one ended."""
    common = {"sender": person, "max_turns": 1, "silent": True, "summary_method": "last_msg"}
    return [
        {**common, "chat_id": 1, "recipient": first, "message": "name a colour"},
        {**common, "chat_id": 2, "recipient": second, "message": "use it", "prerequisites": [1]},
    ]


@pytest.mark.feature("initiate_chats with carryover")
def test_a_chain_of_chats_carries_over(tmp_path: Path) -> None:
    with playing([send("the colour is teal"), send("a teal door")], tmp_path) as (agent, model):
        results = initiate_chats(chain(user(), agent, agent))
        assert [result.summary for result in results] == ["the colour is teal", "a teal door"]
        heard = [m.text for m in agent.recall.latest(9) if m.speaker == "user"]
    assert heard[0] == "name a colour"
    assert heard[1].startswith("use it\nContext:") and "teal" in heard[1]
    assert model.requests[-1].last_text.endswith("Context: \n  the colour is teal")


@pytest.mark.feature("a_initiate_chats with carryover")
async def test_a_chain_of_chats_carries_over_async(tmp_path: Path) -> None:
    with playing([send("the colour is teal"), send("a teal door")], tmp_path) as (agent, model):
        person = user()
        results = await person.a_initiate_chats(chain(person, agent, agent))
        assert [result.summary for result in results.values()] == [
            "the colour is teal",
            "a teal door",
        ]
    assert "teal" in model.requests[-1].last_text


@pytest.mark.feature("summary_method reflection_with_llm")
def test_the_reflection_on_a_group_chat_carries_no_memory_functions(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, model):
        manager = manager_of([speaker("ann", lambda n: f"ann {n}"), agent], max_round=3)
        result = agent.initiate_chat(
            manager, message="start", silent=True, summary_method="reflection_with_llm"
        )
        assert result.summary.startswith("summed up")
    assert [bool(request.tools) for request in model.requests] == [True, False]


@pytest.mark.feature("summary_method last_msg")
@pytest.mark.parametrize("method", ["last_msg", lambda sender, recipient, args: "mine"])
def test_other_summaries(tmp_path: Path, method: Any) -> None:
    with playing([send("done. TERMINATE")], tmp_path) as (agent, _):
        result = user().initiate_chat(
            agent, message="go", max_turns=1, silent=True, summary_method=method
        )
    assert result.summary == ("done. " if method == "last_msg" else "mine")


def add(a: int, b: int) -> int:
    return a + b


@pytest.mark.feature("resume a group chat")
def test_a_group_chat_with_tool_calls_is_resumed(tmp_path: Path) -> None:
    """The call and its result come back in the history, and are heard once."""
    messages: list[dict[str, Any]] = []
    scripts: list[list[Any]] = [[call("add", a=2, b=3), send("It is 5.")], [send("As I said, 5.")]]
    for script in scripts:
        with playing(script, tmp_path) as (agent, _model):
            worker = user("worker")
            autogen.register_function(
                add, caller=agent, executor=worker, name="add", description="Adds."
            )
            ann = speaker("ann", lambda n: "say it again")
            order = [agent, worker, agent, ann]
            chat = GroupChat(
                [ann, agent, worker],
                messages=[],
                max_round=4 if not messages else 2,
                speaker_selection_method=lambda last, chat, order=order: order[
                    (len(chat.messages) - 1) % 4
                ],
            )
            manager = GroupChatManager(chat, llm_config=False, silent=True)
            if not messages:
                ann.initiate_chat(manager, message="2 + 3?", silent=True)
                messages = [*chat.messages, {"content": "again!", "name": "ann", "role": "user"}]
            else:
                last, message = manager.resume(messages=messages, silent=True)
                last.initiate_chat(manager, message=message, clear_history=False, silent=True)
                assert chat.messages[-1]["content"] == "As I said, 5."
                assert [message.text for message in agent.recall.latest(20)] == [
                    "2 + 3?",
                    "(result) 5",
                    "It is 5.",
                    "again!",
                    "As I said, 5.",
                ]


@pytest.mark.feature("introductions in a group chat")
def test_introductions_reach_the_model(tmp_path: Path) -> None:
    with playing([send("hello")], tmp_path) as (agent, model):
        ann = speaker("ann", lambda n: f"ann {n}")
        ann.description = "Ann the accountant."
        manager = manager_of([ann, agent], max_round=2, send_introductions=True)
        ann.initiate_chat(manager, message="hi", silent=True)
    assert model.requests[0].contains("Ann the accountant.") == 1
    assert "ann: hi" in model.requests[0].last_text


@pytest.mark.feature("several agents with memory in one chat")
def test_two_agents_with_memory_talk_to_each_other(tmp_path: Path) -> None:
    with playing([send("ping 1"), send("ping 2")], tmp_path, "left") as (left, _):
        with playing([say("pong 1"), say("pong 2")], tmp_path, "right") as (right, model):
            left.initiate_chat(right, message="start", max_turns=2, silent=True)
            right.send("over", left, request_reply=True, silent=True)
        assert left.recall.speakers() == {"left": 3, "right": 3}
    assert model.requests[-1].contains("left: ping 1") == 1


@pytest.mark.feature("human input in the agent's name")
def test_what_a_human_types_in_its_name_is_remembered_as_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["I, the human, say blue", ""])
    with playing(echo, tmp_path, human_input_mode="ALWAYS") as (agent, model):
        monkeypatch.setattr(agent, "get_human_input", lambda prompt, **_: next(typed))
        person = user(default_auto_reply="really?")
        result = person.initiate_chat(agent, message="a colour?", max_turns=2, silent=True)
        said = [m["content"] for m in result.chat_history if m["name"] == "mem"]
        assert said == ["I, the human, say blue", "heard really?"]
        assert agent.recall.speakers() == {"user": 2, "mem": 2}
    [request] = model.requests
    assert {"role": "assistant", "content": "I, the human, say blue"} in request.messages


@pytest.mark.feature("SocietyOfMindAgent")
def test_inside_a_society_of_mind(tmp_path: Path) -> None:
    make = part("autogen.agentchat.contrib.society_of_mind_agent", "SocietyOfMindAgent")
    with playing(echo, tmp_path) as (agent, model):
        inner = manager_of([speaker("ann", lambda n: f"ann {n}"), agent], max_round=3)
        society = make("society", chat_manager=inner, llm_config=model.llm_config)
        result = user().initiate_chat(society, message="think", max_turns=1, silent=True)
        assert result.chat_history[-1]["content"].startswith("summed up")
        assert agent.recall.speakers()["mem"] >= 1


@pytest.mark.feature("initiate_chats with carryover")
def test_a_message_made_from_the_carryover(tmp_path: Path) -> None:
    def message(sender: Any, recipient: Any, context: dict[str, Any]) -> str:
        return f"{sender.name} to {recipient.name}: {context['carryover']}"

    with playing(echo, tmp_path) as (agent, _):
        result = user().initiate_chat(
            agent, message=message, carryover="be teal", max_turns=1, silent=True
        )
    assert result.chat_history[0]["content"] == "user to mem: be teal"
    assert result.chat_history[1]["content"] == "heard be teal"


def test_what_was_said_last_in_another_chat_is_known(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, model):
        ann, bob = user("ann"), user("bob")
        ann.initiate_chat(agent, message="hello", max_turns=1, silent=True)
        ann.send("the code is 4711", agent, request_reply=False, silent=True)
        bob.initiate_chat(agent, message="what is the code?", max_turns=1, silent=True)
    assert model.requests[-1].contains("4711")


def test_what_could_not_be_written_is_heard_at_the_next_try(tmp_path: Path) -> None:
    memory, away = tmp_path / "memory", tmp_path / "away"
    with playing([send("hi"), send("again")], memory) as (agent, model):
        person = user("Ann")
        person.initiate_chat(agent, message="first", max_turns=1, silent=True)
        memory.rename(away)
        person.send("second", agent, request_reply=False, silent=True)
        with pytest.raises(StorageError, match="is gone"):
            agent.generate_reply(sender=person)
        with pytest.raises(StorageError, match="is gone"):
            agent.clear_history()
        away.rename(memory)
        assert agent.generate_reply(sender=person) == "again"
        assert model.requests[-1].contains("Ann: second") == 1
        assert [m.text for m in agent.recall.latest(9)] == ["first", "hi", "second", "again"]


def test_what_a_translator_failed_at_is_taken_in_at_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with playing(echo, tmp_path) as (agent, _):
        person, other = user("Ann"), user("Bob")
        person.initiate_chat(agent, message="first", max_turns=1, silent=True)
        person.send("second", agent, request_reply=False, silent=True)
        with monkeypatch.context() as patched:
            translator = agent._memgpt_capability.translator
            patched.setattr(translator, "to_event", _failing)
            with pytest.raises(RuntimeError, match="cannot"):
                agent.clear_history(person)
        other.initiate_chat(agent, message="third", max_turns=1, silent=True)
        said = [one.text for one in agent.recall.everything() if one.speaker != "mem"]
        assert said == ["first", "second", "third"]


def _failing(*_: Any, **__: Any) -> Any:
    raise RuntimeError("it cannot")
