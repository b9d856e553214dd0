"""A process killed at any moment loses nothing that was acknowledged, and resumes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, say

pytestmark = [pytest.mark.autogen, pytest.mark.slow]

KILLS = 10

# Talks to the agent for ever; each line on stdout acknowledges one finished turn.
WRITER = """
import json, sys
from memgpt_autogen import MemGPTAgent
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder

config, memory, number = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
agent = MemGPTAgent(
    "mem", "", config, memory=memory, context_window=4096, embedder=HashingEmbedder()
)
print("ready", flush=True)
while True:
    number += 1
    text = f"fact-{number:05d} " + "and some words about it " * 6
    reply = agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])
    print(json.dumps([number, reply]), flush=True)
"""


def rule(request: ChatRequest) -> Step:
    """Stores each fact in all tiers and echoes its mark."""
    if not request.tools:
        return say("Facts were told.")
    newest = max(i for i, m in enumerate(request.messages) if "Ann: fact" in str(m["content"]))
    if any(message["role"] == "assistant" for message in request.messages[newest:]):
        return say("noted the alert")
    mark = str(request.messages[newest]["content"]).split("Ann: ")[-1].split()[0]
    return calls(
        call("archival_memory_insert", content=f"archived {mark}"),
        call("send_message", message=f"noted {mark}"),
    )


def run_until_killed(
    model: ScriptedModel, memory: Path, acknowledged: int, turns: int, delay: float
) -> int:
    """Let the writer finish some turns, wait a little, kill -9; the last acknowledged number."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            WRITER,
            json.dumps(model.llm_config),
            str(memory),
            str(acknowledged),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "ready\n"
        for _ in range(turns):
            acknowledged, reply = json.loads(process.stdout.readline())
            assert reply.startswith("noted")
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
        for line in process.stdout:
            acknowledged = json.loads(line)[0]
    return acknowledged


def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    chance = random.Random(20260508)
    acknowledged = 0
    with ScriptedModel(rule, window=4096) as model:
        for _ in range(KILLS):
            acknowledged = run_until_killed(
                model, tmp_path, acknowledged, chance.randint(1, 6), chance.uniform(0, 0.06)
            )
        config = model.llm_config
        with MemGPTAgent(
            "mem", "", config, memory=tmp_path, context_window=4096, embedder=HashingEmbedder()
        ) as agent:
            messages = agent.recall.latest(len(agent.recall))
            heard = [m.text.split()[0] for m in messages if m.speaker == "Ann"]
            said = [m.text.split()[-1] for m in messages if m.speaker == "mem"]
            marks = [f"fact-{number:05d}" for number in range(1, acknowledged + 1)]
            assert set(heard) >= set(marks), "every acknowledged message is in recall storage"
            assert set(said) >= set(marks), "and every acknowledged reply"
            # A turn cut short by the kill is taken up again by the writer: the message may
            # stand twice then, but never more often than there were kills.
            assert len(heard) - len(set(heard)) <= KILLS
            archived = agent.archival.latest(len(agent.archival))
            assert {p.text for p in archived} >= {f"archived {mark}" for mark in marks}
            assert all(agent.recall.search(mark).items for mark in marks[-3:])
            reply = agent.generate_reply(
                [{"role": "user", "name": "Ann", "content": "fact-99999 is the last"}]
            )
            assert reply == "noted fact-99999"
        assert not model.overflows
    assert acknowledged >= KILLS
