"""The agents of the turn benchmark that run in this environment.

    python bench/peers.py memgpt '{"llm_config": …, "folder": …, "window": 8192, "fill": 0}'

Each AutoGen agent is told its messages by a ConversableAgent without a model, through
`initiate_chat` with `max_turns=1` and `clear_history=False`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import chromadb
import numpy as np
from autogen import AssistantAgent, ConversableAgent
from autogen.agentchat.contrib.capabilities.teachability import Teachability
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen.agentchat.contrib.capabilities.transforms import (
    MessageHistoryLimiter,
    MessageTokenLimiter,
)
from autogen.io import IOStream
from embed import share
from harness import Quiet
from meter import Subject, serve
from texts import message, reply, text_of

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.model.tokens import TokenCounter
from memgpt_autogen.storage.embedders.arrays import Vectors, unit_rows
from memgpt_autogen.storage.embedders.minilm import DIMENSION, MODEL_ID


class Chat:
    """A chat of a user with an AutoGen agent."""

    def __init__(self, agent: ConversableAgent) -> None:
        self._agent = agent
        self._user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER")

    def turn(self, message: str) -> str:
        chat = self._user.initiate_chat(
            self._agent, message=message, clear_history=False, max_turns=1, silent=True
        )
        return str(chat.chat_history[-1]["content"] or "")

    def settle(self) -> None:
        """Let MemGPTAgent write what it writes behind its answers."""
        if isinstance(self._agent, MemGPTAgent):
            self._agent.recall.settle()

    def preload(self, turns: int) -> None:
        """Give both the history that so many turns would have left."""
        told = [(message(number), reply(number)) for number in range(1, turns + 1)]
        for mine, other in ((self._agent, self._user), (self._user, self._agent)):
            heard, said = ("user", "assistant") if mine is self._agent else ("assistant", "user")
            mine.chat_messages[other][:] = [
                entry
                for question, answer in told
                for entry in (
                    {"content": question, "role": heard, "name": "user"},
                    {"content": answer, "role": said, "name": self._agent.name},
                )
            ]


class Drawn:
    """Draws vectors in the place of MiniLM's: filling a store then takes seconds."""

    model_id = MODEL_ID
    dimension = DIMENSION

    def __init__(self) -> None:
        self._dice = np.random.default_rng(0)

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = self._dice.normal(size=(len(texts), DIMENSION)).astype(np.float32)
        return unit_rows(rows)


class RawChroma:
    """No agent: what Chroma alone takes to find five messages and store two."""

    def __init__(self, folder: str) -> None:
        client = chromadb.PersistentClient(
            folder, settings=chromadb.Settings(anonymized_telemetry=False)
        )
        self._collection = client.create_collection("messages")
        self._turns = 0

    def turn(self, message: str) -> str:
        self._turns += 1
        self._collection.query(query_texts=[message], n_results=5)
        ids = [f"{self._turns}-{index}" for index in range(2)]
        self._collection.add(ids=ids, documents=[message, reply(self._turns)])
        return "stored"


def memgpt(given: dict[str, Any]) -> Chat:
    about = {"memory": given["folder"], "context_window": given["window"]}
    if given["fill"]:
        with MemGPTAgent("assistant", llm_config=False, embedder=Drawn(), **about) as agent:
            drafts = [
                agent.recall.draft(text_of(f"old {number}"), "user")
                for number in range(given["fill"])
            ]
            agent.recall.write(drafts)
    return Chat(MemGPTAgent("assistant", llm_config=given["llm_config"], **about))


def assistant(given: dict[str, Any]) -> AssistantAgent:
    return AssistantAgent("assistant", llm_config=given["llm_config"])


def limited(given: dict[str, Any], limiter: Any) -> Chat:
    agent = assistant(given)
    TransformMessages(transforms=[limiter], verbose=False).add_to_agent(agent)
    return Chat(agent)


def teachable(given: dict[str, Any]) -> Chat:
    agent = assistant(given)
    Teachability(path_to_db_dir=given["folder"]).add_to_agent(agent)
    return Chat(agent)


def subject(name: str, given: dict[str, Any]) -> Subject:
    if name == "memgpt":
        return memgpt(given)
    if name == "assistant":
        return Chat(assistant(given))
    if name == "history":
        return limited(given, MessageHistoryLimiter(max_messages=20))
    if name == "tokens":
        # Without a limit for each message (here 100) it keeps the last message only.
        TokenCounter("gpt-4")  # puts the packaged vocabulary where AutoGen's tiktoken looks
        return limited(given, MessageTokenLimiter(100, 4000))
    if name == "teachability":
        return teachable(given)
    if name == "chroma":
        return RawChroma(given["folder"])
    raise SystemExit(f"no such peer: {name}")


if __name__ == "__main__":
    wanted = json.loads(sys.argv[2])
    share(wanted)
    with IOStream.set_default(Quiet()):
        serve(subject(sys.argv[1], wanted))
