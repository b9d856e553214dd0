"""The client: agents without a group chat, on the same memory and engine."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import openai
import pytest

from memgpt_autogen import (
    ConfigurationError,
    ConflictError,
    DirectoryLockedError,
    Login,
    MemGPT,
    MemGPTAgent,
    SystemAlert,
    load_source,
)
from memgpt_autogen.client.configuration import entries_of, quickstart
from memgpt_autogen.client.model import Growing, OpenAIChatModel
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.steps import TurnEnd
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.journal.file import FILE
from memgpt_autogen.storage.ownership import Ownership
from memgpt_autogen.testing import ScriptedModel, call, calls, fail, reasoning, say, send
from memgpt_autogen.testing.server import Script
from tests.clocks import NOON, Ticking
from tests.playing import Held, echo, user
from tests.terminal import Run

QUICK: dict[str, Any] = {"embedder": HashingEmbedder()}


@contextmanager
def client_of(
    script: Script, memory: Path | str = ":memory:", **kwargs: Any
) -> Iterator[tuple[MemGPT, ScriptedModel]]:
    with ScriptedModel(script) as model:
        given = {"llm_config": model.llm_config, "clock": Ticking(), **QUICK, **kwargs}
        with MemGPT(memory=memory, **given) as client:
            yield client, model


def test_an_agent_answers_remembers_and_is_listed(tmp_path: Path) -> None:
    store = call("core_memory_append", name="human", content="Name: Dana.")
    script = [calls(store, call("send_message", message="Hello Dana.")), send("Dana.")]
    with client_of(script, tmp_path) as (client, model):
        agent = client.create_agent()
        turn = client.user_message(agent_id=agent, message="I am Dana.")
        assert turn.messages == ("Hello Dana.",)
        assert [one.name for one in turn.steps[0].calls] == ["core_memory_append", "send_message"]
        assert client.user_message(agent, "Who am I?").messages == ("Dana.",)
        assert model.requests[0].contains("I am Sam.") == 1
        assert model.requests[0].contains("PhD student") == 1
        assert client.get_memory(agent)["human"].value.endswith("Name: Dana.")
        [about] = client.list_agents()
        assert (about.name, about.messages, about.passages) == ("agent_1", 4, 0)
        assert client.create_agent() == "agent_2"
    with client_of([], tmp_path) as (client, _):
        assert [one.name for one in client.list_agents()] == ["agent_1", "agent_2"]
        assert "Dana" in client.get_memory("agent_1")["human"].value


def test_edits_go_through_at_the_version_that_was_read() -> None:
    with client_of([send("ok")]) as (client, model):
        agent = client.create_agent("sam", human="Ann.")
        before = client.get_memory(agent)["human"]
        after = client.edit_memory(agent, "human", "Bob.", version=before.version)
        assert (after.value, after.version) == ("Bob.", before.version + 1)
        with pytest.raises(ConflictError):
            client.edit_memory(agent, "human", "Eve.", version=before.version)
        assert client.edit_memory(agent, "human", "Zoe.").value == "Zoe."
        client.user_message(agent, "hello")
        assert model.requests[0].contains("(system alert) the core memory block 'human'") == 1


def test_in_memory_nothing_is_left_on_disk(tmp_path: Path) -> None:
    with client_of([send("hi")]) as (client, _):
        agent = client.create_agent("sam")
        client.user_message(agent, "hello")
        client.create_agent("sam")  # resumed, not made anew
        assert [(one.name, one.messages) for one in client.list_agents()] == [("sam", 2)]
        assert client.delete_agent(agent).messages == 2
        with pytest.raises(ConfigurationError, match="no agent 'sam'"):
            client.user_message(agent, "hello")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_deleting_takes_the_whole_folder_unless_another_process_owns_it(tmp_path: Path) -> None:
    with client_of([send("hi")], tmp_path) as (client, _):
        client.user_message(client.create_agent("sam"), "hello")
        client.create_agent("kept")
        client.close()
        directory = tmp_path / "agents" / "sam"
        other = Ownership(directory)  # as another process's would be
        assert other.take()
        with pytest.raises(DirectoryLockedError, match=r"turns are run by process \d+"):
            client.delete_agent("sam")
        other.release()
        deleted = client.delete_agent("sam")
        assert (deleted.directory, deleted.messages) == (directory, 2)
        assert deleted.files >= 2
        assert deleted.bytes > 0
        assert not directory.exists()
        assert [one.name for one in client.list_agents()] == ["kept"]
        with pytest.raises(ConfigurationError, match=r"no agent 'sam'.*'kept'"):
            client.delete_agent("sam")
        assert (tmp_path / "agents" / "kept" / FILE).exists()


def test_events_and_sources(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The server is called Otter.")
    load_source("notes", tmp_path / "notes.txt", memory=tmp_path, **QUICK)
    with client_of([send("Welcome back."), send("Noted.")], tmp_path) as (client, model):
        agent = client.create_agent("sam")
        assert client.attach(agent, "notes") == 1
        assert client.notify(agent, Login("Ann")).messages == ("Welcome back.",)
        assert client.notify(agent, SystemAlert("The backup is done.")).messages == ("Noted.",)
        for text in ("(document) The source 'notes'", "Ann is online"):
            assert model.requests[1].contains(text) == 1
        assert client.detach(agent, "notes")


def test_timed_events_are_listed_added_cancelled_and_acted_on(tmp_path: Path) -> None:
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    now = [NOON]
    about: dict[str, Any] = {"clock": lambda: now[0], "on_message": lambda *told: heard.put(told)}
    with client_of([send("They are watered.")], tmp_path, **about) as (client, model):
        agent = client.create_agent("sam")
        at = NOON + timedelta(hours=2)
        client.schedule(agent, "Feed the cat.", at=at, name="cat")
        made = client.schedule(agent, "Water the plants.", every=timedelta(hours=1))
        fed = client.schedule(agent, "Feed it.", at=at, name="cat")
        assert client.schedules(agent) == (made, fed)
        assert client.unschedule(agent, "cat") and not client.unschedule(agent, "cat")
        shown = Run("show", "sam", "--memory", str(tmp_path))
        assert "timer 1, " in shown.out and "(every 1:00:00): Water the plants." in shown.out
        told = Run("show", "sam", "--memory", str(tmp_path), "--json").json["schedules"]
        assert [(one["name"], one["every"]) for one in told] == [("timer 1", 3600.0)]
        now[0] += timedelta(hours=1)
        assert heard.get(timeout=30) == ("sam", "They are watered.")
        assert model.requests[-1].contains("Water the plants.") == 1
        assert client.schedules(agent)[0].due > made.due
        with pytest.raises(ConfigurationError, match="one of every=, cron= and at="):
            client.schedule(agent, "Never.")


async def test_the_twins_do_the_same_and_may_be_cancelled() -> None:
    script = Held([send("one"), send("two"), send("three")], held=1)
    with ScriptedModel(script) as model:
        with MemGPT(llm_config=model.llm_config, memory=":memory:", **QUICK) as client:
            agent = await client.a_create_agent("sam")
            assert (await client.a_user_message(agent, "first")).messages == ("one",)
            late = asyncio.create_task(client.a_user_message(agent, "second"))
            assert await asyncio.to_thread(script.asked.wait, 60)
            late.cancel()
            script.go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await late
            turn = await client.a_notify(agent, SystemAlert("go on"))
            assert turn.messages == ("three",)  # what was said meanwhile stands in the queue
            assert model.requests[2].contains("user: second") == 1
            assert (await client.a_get_memory(agent))["persona"].value.startswith("I am Sam.")


@pytest.mark.autogen
def test_one_agent_of_a_group_chat_and_of_a_client(tmp_path: Path) -> None:
    """By turns, closed and not closed in between: one memory, nothing lost or doubled."""
    said: list[str] = []
    with ScriptedModel(echo) as model:
        given: dict[str, Any] = {"memory": tmp_path, **QUICK}
        with MemGPT(llm_config=model.llm_config, **given) as client:
            client.create_agent("mem", persona="I am Mem.", human="")
            agent = MemGPTAgent("mem", "Be brief.", model.llm_config, **given)
            ann = user("Ann")
            for number in range(3):
                text = f"chat {number}"
                ann.initiate_chat(agent, message=text, max_turns=1, clear_history=False)
                said += [text, f"heard {text}"]
                text = f"client {number}"
                assert client.user_message("mem", text, name="Ann").messages == (f"heard {text}",)
                said += [text, f"heard {text}"]
                if number == 0:
                    agent.close()
                if number == 1:
                    client.close()
            assert [one.text for one in agent.recall.everything()] == said
            assert agent.core_memory["persona"].value == "I am Mem."
            agent.close()
        last = model.requests[-1]
        assert [last.contains(f": {text}") for text in said[:-1:2]] == [1] * 6


# --- the model ------------------------------------------------------------------------


def test_an_answer_is_streamed_to_who_watches() -> None:
    seen: list[str] = []

    def watch(growing: Growing) -> None:
        seen.append(growing.calls[0][1] if growing.calls else growing.text)

    script = [send("A rather long answer, in pieces."), say("And in plain words, also in pieces.")]
    with client_of(script) as (client, model):
        session = client.session(client.create_agent("sam"))
        turn = session.say("hello", "Ann", watch=watch)
        assert turn.messages == ("A rather long answer, in pieces.",)
        assert turn.usage.prompt_tokens > 500  # the stream tells it too
        assert len(seen) > 4
        assert seen[-1] == '{"message": "A rather long answer, in pieces."}'
        assert session.say("hello", "Ann", watch=watch).messages == (
            "And in plain words, also in pieces.",
        )
        assert seen[-1] == "And in plain words, also in pieces."
        assert model.violations == []


def test_thoughts_are_streamed_too() -> None:
    thoughts: list[str] = []
    with client_of([reasoning("I should greet.", send("Hi."))]) as (client, _):
        session = client.session(client.create_agent("sam"))
        turn = session.say("hello", "Ann", watch=lambda growing: thoughts.append(growing.thoughts))
    assert turn.steps[0].monologue == thoughts[-1] == "I should greet."


def test_a_stop_ends_the_wait_and_what_was_said_is_kept() -> None:
    stop, script = Stop(), Held([send("late"), send("in time")], held=0)

    def stop_once_asked() -> None:
        script.asked.wait(60)
        stop.set()

    with ScriptedModel(script) as model:
        with MemGPT(llm_config=model.llm_config, memory=":memory:", **QUICK) as client:
            session = client.session(client.create_agent("sam"))
            threading.Thread(target=stop_once_asked, daemon=True).start()
            turn = session.say("hello", "Ann", stop=stop)
            script.go_on.set()
            assert (turn.end, turn.messages) == (TurnEnd.STOPPED, ())
            assert session.turn([SystemAlert("go on", NOON)]).messages == ("in time",)
            assert model.requests[1].contains("Ann: hello") == 1


def test_the_next_entry_is_asked_where_one_fails() -> None:
    with ScriptedModel([fail(503, "down"), send("from the second")]) as model:
        first = model.llm_config["config_list"][0]
        config = {"config_list": [{**first, "max_retries": 0}, {**first, "model": "second"}]}
        with MemGPT(llm_config=config, memory=":memory:", **QUICK) as client:
            turn = client.user_message(client.create_agent("sam"), "hello")
        assert turn.messages == ("from the second",)
        assert model.requests[1].body["model"] == "second"


def test_errors_of_the_provider_reach_the_caller() -> None:
    with client_of([fail(401)]) as (client, _):
        with pytest.raises(openai.AuthenticationError, match="401"):
            client.user_message(client.create_agent("sam"), "hello")


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedModel([send("hi")]) as model:
        with MemGPT("scripted-model", memory=":memory:", **QUICK) as client:
            agent = client.create_agent("sam")
            with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
                client.user_message(agent, "hello")
        monkeypatch.setenv("OPENAI_API_KEY", model.api_key)
        monkeypatch.setenv("OPENAI_BASE_URL", model.base_url)
        with MemGPT("scripted-model", memory=":memory:", **QUICK) as client:
            assert client.user_message(client.create_agent("sam"), "hello").messages == ("hi",)


def test_a_configuration_in_memgpts_words() -> None:
    config = {"openai_api_key": "sk-x", "model_endpoint": "http://127.0.0.1:1/v1", "model": "m"}
    [entry] = entries_of(quickstart(config))
    assert (entry.model, entry.client.api_key) == ("m", "sk-x")
    assert str(entry.client.base_url) == "http://127.0.0.1:1/v1/"
    assert "sk-x" not in repr(entry)
    assert "sk-x" not in repr(OpenAIChatModel((entry,)))
    azure = {
        "azure_key": "sk-y", "azure_endpoint": "https://x.openai.azure.com",
        "azure_version": "2024-10-21", "azure_deployment": "d", "model": "gpt-4o",
    }  # fmt: skip
    [entry] = entries_of(quickstart(azure))
    assert isinstance(entry.client, openai.AzureOpenAI)
    assert "/deployments/d" in str(entry.client.base_url)
    with pytest.raises(ConfigurationError, match="azure_key"):
        quickstart({"openai_api_kee": "x"})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model": "m", "llm_config": {}}, "one of"),
        ({"llm_config": "m"}, "give a dict"),
        ({"llm_config": {"config_list": [{}]}}, "names no model"),
        ({"llm_config": {"model": "m", "api_type": "anthropic"}}, "MemGPTAgent"),
        ({"memory": 5}, "memory=5"),
    ],
)
def test_what_cannot_work_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        MemGPT(**{"memory": ":memory:", **QUICK, **given})
