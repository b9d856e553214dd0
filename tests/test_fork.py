"""A process that forks: the child is refused what is its parent's, and never hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, send

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
]

OPENING = """
import json, multiprocessing, sys
from memgpt_autogen import ForkedError, MemGPTAgent
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder

config, memory = json.loads(sys.argv[1]), sys.argv[2]
fork = multiprocessing.get_context("fork")

def make(name="mem"):
    return MemGPTAgent(name, "", config, memory=memory, embedder=HashingEmbedder())

def ask(agent, text):
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])

def refused(use):
    try:
        use()
    except ForkedError as problem:
        return "after the fork" in str(problem)
    return False

def in_child(work, *args):
    child = fork.Process(target=work, args=args)
    child.start()
    return child

def ended(child):
    child.join(40)
    hangs = child.is_alive()
    child.kill()
    assert not hangs and child.exitcode == 0, (hangs, child.exitcode)

agent = make()
assert ask(agent, "before") == "fine"
"""

REFUSED = """
core, recall = agent.core_memory, agent.recall

def work():
    assert refused(lambda: ask(agent, "in the child"))
    assert refused(lambda: agent.core_memory)
    assert refused(lambda: core.set("human", "x"))
    assert refused(lambda: recall.append("x", "Ann"))
    assert refused(lambda: len(recall))
    assert refused(lambda: agent.checkpoint(memory + "/c.json"))
    agent.close()
    with make("another") as other:
        assert ask(other, "to another") == "fine"

ended(in_child(work))
assert ask(agent, "after") == "fine"
assert [m.text for m in agent.recall.everything()] == ["before", "fine", "after", "fine"]
agent.close()
"""

MADE_THERE = """
def work(free):
    free.recv()
    with make() as mine:
        assert ask(mine, "in the child") == "fine"

ours, theirs = fork.Pipe()
child = in_child(work, theirs)
agent.close()
ours.send("closed")
ended(child)
assert [m.text for m in make().recall.everything()] == ["before", "fine", "in the child", "fine"]
"""

MID_TURN = """
def worker():
    assert refused(lambda: ask(agent, "in the child"))
    agent.close()

def split() -> str:
    "Fork in the midst of a turn, with its locks held."
    ended(in_child(worker))
    return "done"

agent.register_for_llm(description="Fork.")(split)
agent.register_for_execution()(split)
assert ask(agent, "fork") == "fine"
assert agent.last_steps[0].results[0].text == "done", agent.last_steps
agent.close()
"""


@pytest.mark.parametrize("program", [REFUSED, MADE_THERE, MID_TURN])
def test_a_forked_child(tmp_path: Path, program: str) -> None:
    def forking(request: ChatRequest) -> Step:
        return call("split") if request.last_text.endswith("Ann: fork") else send("fine")

    with ScriptedModel(forking) as model:
        process = subprocess.run(
            [sys.executable, "-c", OPENING + program, json.dumps(model.llm_config), str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
    assert process.returncode == 0, process.stderr
