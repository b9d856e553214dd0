"""Agents that nobody closed: nothing of theirs is lost, and nothing keeps others out."""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent

from memgpt_autogen import MemGPTAgent, MemGPTCapability, load_source
from memgpt_autogen.testing import ScriptedModel, send
from tests.groupchat import manager_of, speaker

pytestmark = [
    pytest.mark.autogen,
    # The clients of lost agents are openai's, and nobody closes their sockets.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

TAKE = "import sys; from filelock import FileLock; FileLock(sys.argv[1]).acquire(blocking=False)"


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return str(tmp_path / "memory")


def ask(agent: Any, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])


def directory_of(agent: Any) -> Path:
    directory = agent._memgpt_capability.open().store.directory
    assert isinstance(directory, Path)
    return directory


def is_free(directory: Path) -> bool:
    """Whether another process gets the lock."""
    command = [sys.executable, "-c", TAKE, str(directory / "lock")]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def lose(memory: str, model: ScriptedModel) -> weakref.ref[MemGPTAgent]:
    """An agent that has talked, in chats that refer to it, and of which nobody knows any more."""
    agent = MemGPTAgent("mem", "", model.llm_config, memory=memory)
    manager = manager_of([speaker("ann", lambda n: f"ann {n}"), agent], max_round=4)
    manager.groupchat.agents[0].initiate_chat(manager, message="ann 0", silent=True)
    asyncio.run(agent.a_generate_reply([{"role": "user", "name": "Ben", "content": "ben"}]))
    return weakref.ref(agent)


@pytest.mark.parametrize("collected", [False, True])
def test_the_next_one_goes_on_where_a_lost_one_was(memory: str, collected: bool) -> None:
    gc.disable()  # so that it is lost, and not yet collected, when the next one comes
    try:
        with ScriptedModel(lambda request: send("reply")) as model:
            lost = lose(memory, model)
            for thread in turn_threads():
                thread.join(30)
            if collected:
                gc.collect()
                assert lost() is None
            with MemGPTAgent("mem", "", model.llm_config, memory=memory) as agent:
                texts = [m.text for m in agent.recall.latest(9)]
                assert texts == ["ann 0", "reply", "ann 1", "reply", "ben", "reply"]
                assert ask(agent, "still here?") == "reply"
    finally:
        gc.enable()


def turn_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "memgpt turns"]


def test_a_lost_lock_is_let_go_of_at_the_next_opening_of_any_memory(
    memory: str, tmp_path: Path
) -> None:
    (tmp_path / "facts.txt").write_text("Plums ripen in August.")
    load_source("facts", [tmp_path / "facts.txt"], memory=memory)
    with ScriptedModel([]) as model:
        agent = MemGPTAgent("mem", "", model.llm_config, memory=memory)
        agent.attach("facts")
        directory = directory_of(agent)
        assert not is_free(directory)
        for thread in indexers():
            thread.join(30)
        del agent
        gc.collect()
        MemGPTAgent("another", "", model.llm_config, memory=memory).close()
        assert is_free(directory)


def indexers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "memgpt indexer"]


def test_lost_ones_leave_no_threads_and_no_locks(memory: str) -> None:
    """Many agents of which none is closed, as in a notebook whose cells are run again."""
    with ScriptedModel(lambda request: send("reply")) as model:
        for number in range(12):
            ask(MemGPTAgent(f"agent{number}", "", model.llm_config, memory=memory), "hello")
            gc.collect()
        for thread in indexers():
            thread.join(30)
        gc.collect()
        MemGPTAgent("last", "", model.llm_config, memory=memory).close()
        assert indexers() == []
        assert [name for name in open_files(memory) if name.endswith("lock")] == []
        assert [name for name in open_files(memory) if "chroma" in name] == []


def test_a_place_that_was_emptied_after_its_agent_was_lost_is_as_new(memory: str) -> None:
    with ScriptedModel([send("one"), send("two")]) as model:
        for reply in ("one", "two"):
            assert ask(MemGPTAgent("mem", "", model.llm_config, memory=memory), "hi") == reply
            for thread in indexers():
                thread.join(30)
            gc.collect()
            shutil.rmtree(memory)


def open_files(memory: str) -> list[str]:
    """The files under a directory that this process has open."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("this system does not tell what is open")
    links = [one.resolve() for one in folder.iterdir() if one.is_symlink()]
    return [str(link) for link in links if link.is_relative_to(memory)]


def test_a_capability_that_is_lost_is_gone_on_with(memory: str) -> None:
    with ScriptedModel([send("one"), send("two")]) as model:
        for reply in ("one", "two"):
            agent = ConversableAgent("mem", llm_config=model.llm_config, human_input_mode="NEVER")
            capability = MemGPTCapability(memory=memory)
            capability.add_to_agent(agent)
            assert ask(agent, reply) == reply
            del agent, capability
            gc.collect()
        last = ConversableAgent("mem", llm_config=model.llm_config, human_input_mode="NEVER")
        capability = MemGPTCapability(memory=memory)
        capability.add_to_agent(last)
        assert [m.text for m in capability.recall.latest(9)] == ["one", "one", "two", "two"]
        capability.close()
