"""Agents that are never closed: their memory is free again once they are garbage."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent
from memgpt_autogen.storage.leftovers import close_garbage, close_when_collected

from memgpt_autogen import MemGPTAgent, MemGPTCapability, load_source
from memgpt_autogen.errors import DirectoryLockedError
from memgpt_autogen.storage.store import open_database, open_source
from memgpt_autogen.testing import ScriptedModel, send
from tests.groupchat import manager_of, speaker

pytestmark = [
    pytest.mark.autogen,
    # The clients of lost agents are openai's, and nobody closes their sockets.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

TAKE = "import sys; from filelock import FileLock; FileLock(sys.argv[1]).acquire(blocking=False)"

HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]).acquire(blocking=False):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return str(tmp_path / "memory")


def ask(agent: Any, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])


def lose(memory: str, model: ScriptedModel) -> weakref.ref[MemGPTAgent]:
    """An agent that has talked, in chats that refer to it, and of which nobody knows any more."""
    agent = MemGPTAgent("mem", "", model.llm_config, memory=memory)
    manager = manager_of([speaker("ann", lambda n: f"ann {n}"), agent], max_round=4)
    manager.groupchat.agents[0].initiate_chat(manager, message="ann 0", silent=True)
    asyncio.run(agent.a_generate_reply([{"role": "user", "name": "Ben", "content": "ben"}]))
    return weakref.ref(agent)


def test_a_lost_agent_makes_room_and_what_it_heard_is_there(memory: str) -> None:
    gc.disable()  # so that it is lost, and not yet collected, when the next one comes
    try:
        with ScriptedModel(lambda request: send("reply")) as model:
            lost = lose(memory, model)
            assert lost() is not None
            with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
                assert lost() is None
                texts = [m.text for m in agent.recall.latest(9)]
                assert texts == ["ann 0", "reply", "ann 1", "reply", "ben", "reply"]
                assert ask(agent, "still here?") == "reply"
    finally:
        gc.enable()
    assert not any(t.name == "memgpt turns" and t.is_alive() for t in ending_threads())


def ending_threads() -> list[threading.Thread]:
    """The threads that are left once those that were told to end have ended."""
    for thread in threading.enumerate():
        if thread.name == "memgpt turns":
            thread.join(30)
    return threading.enumerate()


def test_a_collected_agent_lets_go_of_everything(memory: str, tmp_path: Path) -> None:
    (tmp_path / "facts.txt").write_text("Plums ripen in August.")
    load_source("facts", [tmp_path / "facts.txt"], memory=memory)
    with ScriptedModel([]) as model:
        agent = MemGPTAgent("mem", "", model.llm_config, memory=memory)
        agent.attach("facts")
        directory = agent._memgpt_capability.open().database.directory
        del agent
        close_garbage()
        command = [sys.executable, "-c", TAKE, str(directory / "lock")]
        assert subprocess.run(command, check=False).returncode == 0
        open_source(memory, "facts").close()


def test_so_does_a_capability(memory: str) -> None:
    with ScriptedModel([send("one"), send("two")]) as model:
        for reply in ("one", "two"):
            agent = ConversableAgent("mem", llm_config=model.llm_config, human_input_mode="NEVER")
            MemGPTCapability(memory=memory).add_to_agent(agent)
            assert ask(agent, reply) == reply
            del agent
        close_garbage()


def test_a_memory_that_is_open_without_an_agent_is_refused(memory: str) -> None:
    with ScriptedModel([]) as model:
        database = open_database(memory, "mem")
        with pytest.raises(DirectoryLockedError, match="in this process") as caught:
            MemGPTAgent("mem", "", model.llm_config, memory=memory)
        database.close()
        assert caught.value.here
        for part in ("agent.close()", "different names", "chroma run --path"):
            assert part in str(caught.value)
        MemGPTAgent("mem", "", model.llm_config, memory=memory).close()


def test_another_process_is_named(memory: str) -> None:
    with ScriptedModel([]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
            directory = agent._memgpt_capability.open().database.directory
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, directory / "lock"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None and process.stdin is not None
            assert process.stdout.readline() == "held\n"
            with pytest.raises(DirectoryLockedError, match="in another process") as caught:
                MemGPTAgent("mem", "", model.llm_config, memory=memory)
            process.communicate("go\n")
        assert not caught.value.here
        assert "chroma run --path" in str(caught.value)
        MemGPTAgent("mem", "", model.llm_config, memory=memory).close()


def test_what_cannot_be_closed_is_logged_and_the_next_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Owner:
        pass

    def fail() -> None:
        raise OSError("the disk is full")

    closed = threading.Event()
    owners = [Owner(), Owner()]
    with caplog.at_level(logging.ERROR, "memgpt_autogen"):
        close_when_collected(owners[0], fail)
        close_when_collected(owners[1], closed.set)
        owners.pop(0)
        owners.clear()
        close_garbage()
    assert closed.is_set()
    assert "could not be written" in caplog.text and "the disk is full" in caplog.text
