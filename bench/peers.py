"""The agents of the turn benchmark that run in this environment.

    python bench/peers.py memgpt '{"llm_config": …, "folder": …, "window": 8192, "fill": 0}'

Each AutoGen agent is told its messages by a ConversableAgent without a model, through
`initiate_chat` with `max_turns=1` and `clear_history=False`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import chromadb
from autogen import AssistantAgent, ConversableAgent
from autogen.agentchat.contrib.capabilities.teachability import Teachability
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen.agentchat.contrib.capabilities.transforms import (
    MessageHistoryLimiter,
    MessageTokenLimiter,
)
from autogen.io import IOStream
from drawn import DrawnEmbedder, said
from embed import share
from harness import Quiet
from inside import best_embedder, fill, seed_tiktoken, settle
from meter import Subject, serve
from texts import message, reply

from memgpt_autogen import MemGPTAgent, Settings


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
            settle(self._agent)

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


class EmbeddingAlone:
    """No agent: what embedding the texts of a turn takes, one by one as they come."""

    def __init__(self) -> None:
        self._embedder = best_embedder()
        self._turns = 0

    def turn(self, message: str) -> str:
        self._turns += 1
        for text in (message, reply(self._turns)):
            self._embedder.embed([text])
        return "embedded"

    def settle(self) -> None:
        """There is nothing to wait for."""


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
    memory = Settings(location=given["folder"], prefetch_tokens=0)
    about = {"memory": memory, "context_window": given["window"]}
    if given["fill"]:
        embedder = DrawnEmbedder()
        embedder.drawing = True
        with MemGPTAgent("assistant", llm_config=False, embedder=embedder, **about) as agent:
            fill(agent, said(0, given["fill"]))
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
        seed_tiktoken()
        return limited(given, MessageTokenLimiter(100, 4000))
    if name == "teachability":
        return teachable(given)
    if name == "chroma":
        return RawChroma(given["folder"])
    if name == "embedding":
        return EmbeddingAlone()
    raise SystemExit(f"no such peer: {name}")


if __name__ == "__main__":
    wanted = json.loads(sys.argv[2])
    share(wanted)
    with IOStream.set_default(Quiet()):
        serve(subject(sys.argv[1], wanted))
