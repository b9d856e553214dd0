"""Forks, memories that are taken away, and openings that fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, MemGPTError, SystemAlert
from memgpt_autogen.errors import StorageError
from memgpt_autogen.testing import ScriptedModel, send
from tests.durability.embedder import spread, spread_anew
from tests.forks import HANGS, in_child, refused
from tests.playing import Held

pytestmark = pytest.mark.autogen

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

Use = Callable[[Any], object]
NOW = datetime(2026, 5, 8, tzinfo=timezone.utc)

USES: dict[str, Use] = {
    "a turn": lambda agent: ask(agent, "Said in the child."),
    "an asynchronous turn": lambda agent: asyncio.run(
        agent.a_generate_reply([heard("Said in the child.")])
    ),
    "append": lambda agent: agent.recall.append("Said in the child.", speaker="Dana"),
    "search": lambda agent: agent.recall.search("parent"),
    "everything": lambda agent: list(agent.recall.everything()),
    "insert": lambda agent: agent.archival.insert("Said in the child."),
    "read a block": lambda agent: agent.core_memory["human"].value,
    "set a block": lambda agent: agent.core_memory.set("human", "Said in the child."),
    "share a block": lambda agent: agent.attach_block("plan", "Said in the child."),
    "an event": lambda agent: agent.notify(SystemAlert(text="Said in the child.", timestamp=NOW)),
    "checkpoint": lambda agent: agent.checkpoint("child.json"),
    "forget": lambda agent: agent.forget(speaker="Dana"),
    "overview": lambda agent: agent.context_overview().total,
}


def heard(text: str) -> dict[str, str]:
    return {"role": "user", "name": "Dana", "content": text}


def ask(agent: Any, text: str) -> Any:
    return agent.generate_reply([heard(text)])


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: send("Noted.")) as running:
        yield running


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory"


def make(model: ScriptedModel, memory: Path, name: str = "mem", **kwargs: Any) -> MemGPTAgent:
    kwargs.setdefault("embedder", spread)
    return MemGPTAgent(name, "", model.llm_config, memory=memory, **kwargs)


# ------------------------------------------------------------------ forks


@forks
@pytest.mark.parametrize("use", USES)
def test_a_fork_is_refused_the_parents_agent(use: str, model: ScriptedModel, memory: Path) -> None:
    with make(model, memory) as agent:
        ask(agent, "Said in the parent.")
        told = in_child(lambda: USES[use](agent))
        assert refused(told), told
        assert ask(agent, "Said afterwards.") == "Noted."
        said = [m.text for m in agent.recall.everything() if m.speaker == "Dana"]
        assert said == ["Said in the parent.", "Said afterwards."]


@forks
def test_a_fork_in_the_midst_of_a_turn_never_hangs(memory: Path) -> None:
    script = Held([send("Noted.")], held=0)
    with ScriptedModel(script) as model, make(model, memory) as agent:
        turn = threading.Thread(target=ask, args=(agent, "Said in the parent."))
        turn.start()
        assert script.asked.wait(60)
        uses = ("a turn", "append", "search", "set a block")
        told = {use: in_child(partial(USES[use], agent)) for use in uses}
        told["close"] = in_child(agent.close)
        script.go_on.set()
        turn.join(60)
        assert all(refused(told[use]) for use in uses), told
        assert told["close"] != HANGS
        assert [m.text for m in agent.recall.everything()] == ["Said in the parent.", "Noted."]


OTHER = """
import json, sys
from memgpt_autogen import MemGPTAgent
from tests.durability.embedder import spread
agent = MemGPTAgent("mem", "", json.loads(sys.argv[1]), memory=sys.argv[2], embedder=spread)
agent.generate_reply([{"role": "user", "name": "Dana", "content": "Said elsewhere."}])
"""


@forks
@pytest.mark.slow
def test_a_fork_that_closes_the_agent_leaves_the_parents_lock(
    model: ScriptedModel, memory: Path
) -> None:
    with make(model, memory) as agent:
        ask(agent, "Said in the parent.")
        told = in_child(agent.close)
        assert told == "returned None" or refused(told), told
        root = str(Path(__file__).parents[1])
        other = subprocess.run(
            [sys.executable, "-c", OTHER, json.dumps(model.llm_config), str(memory)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": root},
        )
        assert "DirectoryLockedError" in other.stderr
        assert ask(agent, "Said afterwards.") == "Noted."


@forks
def test_a_fork_makes_its_own_agent_once_the_parent_has_closed(
    model: ScriptedModel, memory: Path
) -> None:
    with make(model, memory) as agent:
        ask(agent, "Said in the parent.")

    def work() -> list[str]:
        with make(model, memory) as own:
            ask(own, "Said in the child.")
            return [message.text for message in own.recall.everything()]

    told = in_child(work)
    expected = ["Said in the parent.", "Noted.", "Said in the child.", "Noted."]
    assert told == f"returned {expected!r}"
    with make(model, memory) as agent:
        assert [message.text for message in agent.recall.everything()] == expected


@forks
def test_a_fork_makes_agents_of_other_names(model: ScriptedModel, memory: Path) -> None:
    def work(name: str) -> Any:
        with make(model, memory, name) as own:
            return ask(own, "Said in the child.")

    with make(model, memory) as agent:
        ask(agent, "Said in the parent.")
        assert in_child(lambda: work("other")) == "returned 'Noted.'"
        told = in_child(lambda: work("mem"))
        assert refused(told), told
        assert ask(agent, "Said afterwards.") == "Noted."


# ------------------------------------------------------------------ taken away

WRITES = ("a turn", "append", "insert", "set a block", "an event")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def _replace(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("deed", "taken"), [(_remove, "agents/mem*"), (_replace, "agents/mem*"), (_move, ".")]
)
def test_a_directory_taken_from_a_running_agent_is_noticed(
    deed: Callable[[Path], None], taken: str, write: str, model: ScriptedModel, memory: Path
) -> None:
    agent = make(model, memory)
    ask(agent, "Said before.")
    [folder] = memory.glob(taken) if taken != "." else [memory]
    deed(folder)
    with pytest.raises(StorageError):
        USES[write](agent)
    with contextlib.suppress(MemGPTError):
        agent.close()
    if folder.exists():
        assert not [path for path in folder.rglob("*.sqlite3") if path.stat().st_size]


# ------------------------------------------------------------------ failed openings


def attempt(model: ScriptedModel, memory: Path, **kwargs: Any) -> str:
    """ "works", or the error that opening and using the memory raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with make(model, memory, **kwargs) as agent:
                ask(agent, "Said again.")
                agent.recall.search("Said", by="meaning")
        except MemGPTError as problem:
            return f"{type(problem).__name__}: {problem}"
    return "works"


@pytest.mark.parametrize("what", ["*.sqlite3", "chroma/*.sqlite3", "chroma/*/*.bin"])
def test_after_a_failed_opening_the_next_works_or_says_the_same(
    what: str, model: ScriptedModel, memory: Path, tmp_path: Path
) -> None:
    assert attempt(model, memory) == "works"
    shutil.copytree(memory, tmp_path / "copy")
    [home] = memory.glob("agents/mem*")
    for file in home.glob(what):
        file.write_bytes(b"This is no database, and no vectors. " * 300)
    first = attempt(model, memory)
    assert attempt(model, memory) in (first, "works")
    shutil.rmtree(memory)
    shutil.copytree(tmp_path / "copy", memory)
    assert attempt(model, memory) == "works"


def test_after_another_embedder_the_next_says_the_same(model: ScriptedModel, memory: Path) -> None:
    assert attempt(model, memory) == "works"
    first = attempt(model, memory, embedder=spread_anew)
    assert first.startswith("EmbedderMismatchError")
    assert attempt(model, memory, embedder=spread_anew) == first
    assert attempt(model, memory) == "works"


@pytest.mark.parametrize(
    ("where", "error"), [(".", "ConfigurationError: memory="), ("agents", "StorageError")]
)
def test_a_file_in_the_place_of_a_directory(
    where: str, error: str, model: ScriptedModel, memory: Path
) -> None:
    file = memory / where
    file.parent.mkdir(exist_ok=True)
    file.write_text("This is no directory.")
    first = attempt(model, memory)
    assert first.startswith(error)
    assert attempt(model, memory) == first
    file.unlink()
    assert attempt(model, memory) == "works"


def test_a_process_that_ends_without_closing_ends_well(tmp_path: Path) -> None:
    """What works behind it may be in the midst of a call of a library."""
    program = (
        "import sys, time\n"
        "from memgpt_autogen import MemGPTAgent\n"
        "agent = MemGPTAgent('mem', llm_config=False, memory=sys.argv[1])\n"
        "for number in range(70): agent.recall.append(f'Message {number} of many.', 'Ann')\n"
        "time.sleep(float(sys.argv[2]))\n"
    )
    for delay in ("0", "0.02", "0.35"):
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path / delay, delay],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
