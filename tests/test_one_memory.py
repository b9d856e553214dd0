"""One agent, used in turn by a group chat, the terminal and the client, each killed at work."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPT, MemGPTAgent
from memgpt_autogen.cli.config import Config, save_config
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, say
from tests.forking_terminal import Terminal
from tests.groupchat import manager_of, speaker

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal"),
]


def given(config: str | dict[str, Any]) -> dict[str, Any]:
    config = json.loads(config) if isinstance(config, str) else config
    return {"llm_config": config, "memory": "m", "embedder": HashingEmbedder()}


def group_chat(config: str | dict[str, Any], first: str, then: str) -> None:
    """Tessa says something to the group, and something else once the coder has answered."""
    with MemGPTAgent("coder", "", **given(config)) as agent:
        tessa = speaker("Tessa", lambda _: then)
        manager = manager_of([tessa, agent], max_round=4 if then else 2)
        tessa.initiate_chat(manager, message=first, silent=True)


def client(config: str, first: str, then: str) -> None:
    with MemGPT(**given(config)) as memgpt:
        for text in (first, then):
            memgpt.user_message("coder", text, name="Tessa")


def test_nothing_is_lost_or_doubled(terminal: Terminal) -> None:
    at_work: dict[str, int] = {}  # which process is killed while the model is asked about a word

    def rule(request: ChatRequest) -> Step:
        if not request.tools:
            return say("Of numbers.")
        word = request.last_text.rsplit("Tessa: ", 1)[-1].split()[0]
        if word in at_work:
            os.kill(at_work.pop(word), signal.SIGKILL)
        note = call("core_memory_append", name="human:Tessa", content=word)
        return calls(note, call("send_message", message=f"Heard {word}."))

    with ScriptedModel(rule) as model:
        about: dict[str, Any] = {"endpoint": model.base_url, "key_variable": ""}
        save_config(Config("scripted-model", memory="m", embedder="hashing", **about))
        config = json.dumps(model.llm_config)

        at_work["two"] = terminal.start(
            config, "one", "two", function="tests.test_one_memory:group_chat"
        )
        assert terminal.ended()[0] == -signal.SIGKILL

        talking = terminal.start(
            "run", "--agent", "coder", "--user", "Tessa", "--first", "--strip-ui"
        )
        terminal.child.expect("3 messages remembered")
        terminal.child.sendline("three")
        terminal.child.expect("Heard three.")
        os.kill(talking, signal.SIGKILL)  # its reply has just been seen
        assert terminal.ended()[0] == -signal.SIGKILL

        at_work["five"] = terminal.start(
            config, "four", "five", function="tests.test_one_memory:client"
        )
        assert terminal.ended()[0] == -signal.SIGKILL
        assert not at_work

        group_chat(model.llm_config, "six", "")
        prompt = model.requests[-1].text
        with MemGPT(**given(model.llm_config)) as memgpt:
            work = memgpt.session("coder").open().workspace
            said = [f"{one.speaker}: {one.text}" for one in work.recall.everything()]
            block = work.core["human:Tessa"].value
    heard = {"one", "three", "four", "six"}
    expected = []
    for word in ("one", "two", "three", "four", "five", "six"):
        expected += [f"Tessa: {word}"] + [f"coder: Heard {word}."] * (word in heard)
        assert len(re.findall(rf"Tessa: {word}$", prompt, re.MULTILINE)) == 1
    assert said == expected
    assert block == "one\nthree\nfour\nsix"
    assert not list(Path("m").rglob("*.aside*"))
