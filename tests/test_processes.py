"""Several processes: one runs an agent's turns, the others read and edit its memory meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, say, send

pytestmark = pytest.mark.autogen

OPENING = """
import sys
from memgpt_autogen import DirectoryLockedError, MemGPTAgent
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder

def open_agent(llm_config=False, name="mem"):
    return MemGPTAgent(
        name, "", llm_config, memory=sys.argv[1], embedder=HashingEmbedder()
    )
"""


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory"


def elsewhere(memory: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in another process, with `open_agent`."""
    code = OPENING + textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-c", code, str(memory)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def done(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def open_agent(memory: Path, model: ScriptedModel | None = None) -> Any:
    config = False if model is None else model.llm_config
    return MemGPTAgent("mem", "", config, memory=memory, embedder=HashingEmbedder())


def ask(agent: Any, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])


EDIT = """
with open_agent() as agent:
    agent.core_memory.set("human", "Dana is allergic to nuts.")
"""


def test_an_edit_elsewhere_is_told_before_the_next_model_call(memory: Path) -> None:
    def rule(request: ChatRequest) -> Step:
        if request.last_text.endswith("Ann: go"):
            done(elsewhere(memory, EDIT))
            return call("conversation_search", query="nuts", request_heartbeat=True)
        return say("I see.")

    with ScriptedModel(rule) as model, open_agent(memory, model) as agent:
        assert ask(agent, "go") == "I see."
        told = (
            "(system alert) the core memory block 'human' now reads:\n  Dana is allergic to nuts."
        )
        assert [request.contains(told) for request in model.requests] == [0, 1]
        assert agent.core_memory.history("human")[-1].author == "program"


@pytest.mark.parametrize("moment", ["while the model thinks", "before the step is written"])
def test_an_edit_by_the_model_of_a_text_that_changed_is_refused(memory: Path, moment: str) -> None:
    early = moment == "while the model thinks"

    def wait() -> str:
        """Wait for another process, which edits the block."""
        return "" if early else done(elsewhere(memory, EDIT))

    def rule(request: ChatRequest) -> Step:
        if request.last_text.endswith("Ann: go"):
            if early:
                done(elsewhere(memory, EDIT))
            return calls(
                call("core_memory_append", name="human", content="Likes tea."), call("wait")
            )
        if request.contains("Look again") == 1 and not request.contains("Likes cake."):
            return call("core_memory_append", name="human", content="Likes cake.")
        return say("Done.")

    with ScriptedModel(rule) as model, open_agent(memory, model) as agent:
        agent.register_for_llm(description="Wait.")(wait)
        agent.register_for_execution()(wait)
        assert ask(agent, "go") == "Done."
        refused = agent.last_steps[0].results[0]
        assert not refused.ok
        assert refused.text.startswith("Error: somebody else changed the block 'human' meanwhile")
        assert refused.text.endswith("now reads:\n  Dana is allergic to nuts.")
        assert agent.core_memory["human"].value == "Dana is allergic to nuts.\nLikes cake."
        history = agent.core_memory.history("human")
        assert [one.author for one in history[-2:]] == ["program", "model"]
    with open_agent(memory) as again:
        assert again.core_memory["human"].value == "Dana is allergic to nuts.\nLikes cake."


def test_others_read_and_write_but_take_no_turns(memory: Path) -> None:
    with ScriptedModel(lambda request: send("fine")) as model:
        with open_agent(memory, model) as agent:
            ask(agent, "The valve is behind the blue panel.")
            told = done(
                elsewhere(
                    memory,
                    f"""
                    with open_agent({model.llm_config!r}) as agent:
                        print([m.text for m in agent.recall.search("blue panel").items])
                        agent.archival.insert("Sencha is green tea.")
                        try:
                            agent.generate_reply([{{"role": "user", "content": "hello"}}])
                        except DirectoryLockedError as problem:
                            print(problem)
                    """,
                )
            )
            assert told.startswith("['The valve is behind the blue panel.'")
            assert "mem's turns are run by process " in told and "different names" in told
            assert agent.archival.search("sencha").items[0].text == "Sencha is green tea."
            assert ask(agent, "Still here?") == "fine"
        reply = f'print(open_agent({model.llm_config!r}).generate_reply([{{"content": "hello"}}]))'
        assert done(elsewhere(memory, reply)).endswith("fine")


def test_a_source_is_searched_by_agents_of_two_processes(memory: Path, tmp_path: Path) -> None:
    with open_agent(memory) as agent:
        agent.attach("team", writable=True)
        agent.archival.insert("The port is 8123.", archive="team")
        done(
            elsewhere(
                memory,
                """
                with open_agent(name="other") as agent:
                    agent.attach("team", writable=True)
                    assert agent.archival.search("port").items[0].text == "The port is 8123."
                    agent.archival.insert("The host is called owl.", archive="team")
                """,
            )
        )
        assert agent.archival.search("owl").items[0].text == "The host is called owl."


def test_what_a_call_accepted_survives_a_kill(memory: Path) -> None:
    killed = elsewhere(
        memory,
        """
        import os, signal
        agent = open_agent()
        agent.core_memory.set("human", "Dana is allergic to nuts.")
        agent.core_memory.append("human", "Lives in Bergen.")
        agent.archival.insert("Sencha is green tea.")
        agent.recall.append("hello", "Dana")
        agent.attach_block("plan", "Ship.")
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with open_agent(memory) as agent:
        assert agent.core_memory["human"].value == "Dana is allergic to nuts.\nLives in Bergen."
        assert agent.core_memory["plan"].value == "Ship."
        assert [passage.text for passage in agent.archival.everything()] == ["Sencha is green tea."]
        assert [message.text for message in agent.recall.everything()] == ["hello"]
        assert agent.archival.search("sencha").total == 1
