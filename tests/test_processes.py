"""Several processes: one runs an agent's turns, the others read and edit its memory meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import DirectoryLockedError, MemGPTAgent
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.errors import TakenOverError
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.memory.state import SavedState
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.store import Store
from memgpt_autogen.storage.tables import Tables
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, say, send
from tests.playing import user

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


@contextmanager
def running(memory: Path, model: ScriptedModel) -> Iterator[Callable[[str], str]]:
    """An agent in another process until the end of the `with` block; says something to it."""
    program = f"""
agent = open_agent({model.llm_config!r})
for line in sys.stdin:
    said = {{"role": "user", "name": "Ann", "content": line.strip()}}
    print(agent.generate_reply([said]), flush=True)
agent.close()
"""
    with subprocess.Popen(
        [sys.executable, "-c", OPENING + program, str(memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        told, heard = process.stdin, process.stdout

        def ask(text: str) -> str:
            print(text, file=told, flush=True)
            return heard.readline().strip()

        yield ask
        told.close()
        assert process.wait(timeout=60) == 0


@contextmanager
def opened_meanwhile(
    memory: Path, model: ScriptedModel
) -> Iterator[tuple[Callable[[str], str], Any]]:
    """`running`, and an agent that was opened here between two of the other one's turns."""
    with running(memory, model) as ask_elsewhere:
        assert ask_elsewhere("Hello.") == "fine"
        agent = open_agent(memory, model)
        assert "human" in agent.core_memory
        assert ask_elsewhere("The valve sticks.") == "fine"
        yield ask_elsewhere, agent


def test_who_comes_next_goes_on_where_the_last_process_stopped(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also an agent that was opened while the other one ran."""
    changes: dict[str, Callable[[Any], object]] = {
        "a turn": lambda agent: ask(agent, "And now?"),
        "attached": lambda agent: agent.attach("team", writable=True),
        "a timer": lambda agent: agent.schedule("Water them.", every=timedelta(days=1)),
        "dropped": lambda agent: agent.queue.drop(agent.queue[0]),
    }
    with ScriptedModel(lambda request: say("fine")) as model:
        with opened_meanwhile(memory, model) as (ask_elsewhere, agent):
            with monkeypatch.context() as impatient:
                impatient.setattr(Engine.own, "__defaults__", (0.01,))
                for change in changes.values():
                    with pytest.raises(DirectoryLockedError, match="turns are run by process"):
                        change(agent)
            assert ask_elsewhere("It leaks, too.") == "fine"
        changes["dropped"](agent)
        said = [one.text for one in agent.queue if isinstance(one, MessageEvent)]
        assert said == ["The valve sticks.", "It leaks, too."]
        for one in (agent, open_agent(memory, model)):
            with one:
                assert ask(one, "What is it with the valve?") == "fine"
                seen = [model.requests[-1].contains(text) for text in ("sticks.", "leaks, too.")]
                assert seen == [1, 1]


def test_a_turn_that_waited_for_another_process_knows_what_that_one_heard(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = threading.Event()
    own = Store.own

    def tell_then_own(self: Store, wait: float) -> bool:
        """The other process runs a turn and ends while this one waits for it."""
        if wait and not late.is_set():
            late.set()
            return own(self, 60.0)
        return own(self, wait)

    monkeypatch.setattr(Store, "own", tell_then_own)
    with ScriptedModel(lambda request: say("fine")) as model, ThreadPoolExecutor(1) as thread:
        with running(memory, model) as ask_elsewhere:
            assert ask_elsewhere("Hello.") == "fine"
            agent = open_agent(memory, model)
            waiting = thread.submit(ask, agent, "What is it with the valve?")
            assert late.wait(60)
            assert ask_elsewhere("The valve sticks.") == "fine"
        with agent:
            assert waiting.result(60) == "fine"
            assert model.requests[-1].contains("The valve sticks.") == 1


def test_a_second_agent_of_the_name_brings_the_first_one_up_to_date(memory: Path) -> None:
    with ScriptedModel(lambda request: say("fine")) as model:
        with opened_meanwhile(memory, model) as (_, first):
            pass
        assert len(first.queue) == 2  # as it was opened
        with open_agent(memory, model) as second, first:
            assert "human" in second.core_memory
            said = [one.text for one in first.queue if isinstance(one, MessageEvent)]
            assert said == ["Hello.", "The valve sticks."]


def test_who_runs_no_turns_gives_the_lock_back(memory: Path) -> None:
    with ScriptedModel(lambda request: say("fine")) as model, open_agent(memory) as reader:
        reader.attach("team", writable=True)
        reader.attach_block("plan", "Ship.")
        with running(memory, model) as ask_elsewhere:
            assert ask_elsewhere("Hello.") == "fine"
            assert model.requests[-1].contains("Ship.") == 1
            reader.attach("team", writable=True)  # nothing to change
            with pytest.raises(DirectoryLockedError):
                reader.detach("team")
        assert reader.detach("team")
        assert [one.text for one in reader.queue if isinstance(one, MessageEvent)] == ["Hello."]


def test_what_was_heard_while_another_process_ran_is_taken_in_after_it(
    memory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def heard(*texts: str) -> Any:
        agent = open_agent(memory)
        for text in texts:
            user("Ann").send(text, agent, request_reply=False)
        return agent

    with ScriptedModel(lambda request: say("fine")) as model:
        with running(memory, model) as ask_elsewhere:
            assert ask_elsewhere("Hello.") == "fine"
            refused, kept = heard("It leaks."), heard("It sticks.")
            assert "human" in kept.core_memory and "human" in refused.core_memory
            kept.checkpoint(tmp_path / "mem.af")  # as it was saved
            kept.clear_history()
            refused.close()
            said = [one.message for one in caplog.records if "not taken in" in one.message]
            assert len(said) == 2
        kept.close()
    with open_agent(memory) as agent:
        texts = [one.text for one in agent.recall.everything()]
        assert texts == ["Hello.", "fine", "It sticks."]


def test_a_state_that_somebody_else_has_saved_is_not_overwritten(memory: Path) -> None:
    def opened() -> tuple[Journal, SavedState]:
        journal = Journal(memory, "mem")
        return journal, SavedState(Tables(journal, "mem"))

    (journal, late), (other, fast) = opened(), opened()
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with other.transaction() as connection:
        fast.save(connection, [Notice(timestamp=now, text="kept")])
    with (
        pytest.raises(TakenOverError, match="which is this one's to write"),
        journal.transaction() as connection,
    ):
        late.save(connection, [])
    with other.transaction() as connection:
        fast.save(connection, [*fast.entries, Notice(timestamp=now, text="kept too")])
    assert [one.text for one in opened()[1].entries] == ["kept too"]
