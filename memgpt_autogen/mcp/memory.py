"""An agent's memory as others work on it, with the functions of the agent's own model.

It is opened anew for each call, so that all that whoever runs the agent does to it is seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memgpt_autogen.engine.asking.prefetch import remembered
from memgpt_autogen.engine.executor import Executor
from memgpt_autogen.engine.functions import FUNCTIONS, Workspace
from memgpt_autogen.errors import MemGPTError, StorageError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.steps import FunctionCall
from memgpt_autogen.storage.address import is_server, without_credentials
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.upkeep.reading.memory import AgentMemory, open_memory
from memgpt_autogen.zones import zone_of

CLIENT = "MCP client"

_OF_A_TURN = ("send_message", "pause_heartbeats")
_HEARTBEAT = "request_heartbeat"
NAMES = tuple(one.name for one in FUNCTIONS if one.name not in _OF_A_TURN)
_EDITS = ("core_memory_append", "core_memory_replace", "archival_memory_insert")


@dataclass(frozen=True)
class Tool:
    """A function as it is offered: its name, what it does, and the JSON schema of its arguments."""

    name: str
    description: str
    arguments: dict[str, Any]
    edits: bool


@dataclass
class OfferedMemory:
    """An agent's memory, to be searched and edited by somebody else beside its own model.

    What sends messages or holds back timed events needs a turn, and is not offered. A block is
    edited at the version that was seen last: a change by others is shown before it can be
    overwritten.

    Args:
        location: where the memory is.
        agent: whose it is.
        embedder: the one that made the vectors; None: searches go by words alone.
        clock: dates edits, and what a query says of times.
    """

    location: str
    agent: str
    embedder: Embedder | None = None
    clock: Clock = local_now
    _seen: dict[str, int] = field(default_factory=dict)

    def tools(self) -> list[Tool]:
        """The functions as the model sees them now, without what is of a turn.

        Raises:
            MemGPTError: the memory cannot be read.
        """
        with self._opened() as memory:
            schemas = [one["function"] for one in Executor(self._work(memory)).schemas]
        return [_tool(one) for one in schemas if one["name"] in NAMES]

    def call(self, name: str, arguments: Mapping[str, Any], client: str) -> tuple[bool, str]:
        """Call a function: whether it did what it is for, and its result or what to do instead.

        Args:
            name: one of NAMES.
            arguments: as its schema says.
            client: who calls it; the history of a block and a shared archive tell.
        """
        try:
            with self._opened() as memory:
                work = self._work(memory, f"{CLIENT} {client}".strip())
                if name in _EDITS:
                    self._must_be_here(memory)
                call = FunctionCall(id="", name=name, arguments=json.dumps(dict(arguments)))
                result = Executor(work).execute(call)
                assert result is not None  # there are no tools that a chat would run
                refused = [text for _, deed in work.unwritten if (text := deed()) is not None]
                block = str(arguments.get("name"))  # the result, or the refusal, shows it
                self._seen.update(one for one in work.core.versions.items() if one[0] == block)
        except MemGPTError as problem:
            return False, f"Error: {problem}"
        return (False, f"Error: {refused[0]}") if refused else (result.ok, result.text)

    def core_memory(self) -> str:
        """The blocks, and how much lies outside them, as the model sees them.

        Raises:
            MemGPTError: the memory cannot be read.
        """
        with self._opened() as memory:
            self._seen = memory.core.versions
            return self._work(memory).head

    def remembered(self, query: str) -> str:
        """What the memory holds on a query; empty where it is nothing.

        Raises:
            MemGPTError: the memory cannot be read.
        """
        with self._opened() as memory:
            return remembered(self._work(memory), query)

    def _opened(self) -> AgentMemory:
        return open_memory(self.location, self.agent, self.embedder, clock=self.clock)

    def _work(self, memory: AgentMemory, author: str = CLIENT) -> Workspace:
        memory.core.editor = author
        memory.core.known(self._seen)
        parts = (memory.core, memory.recall, memory.archival, self.clock)
        return Workspace(author, *parts, zone=zone_of(self.clock()))

    def _must_be_here(self, memory: AgentMemory) -> None:
        """Refuse an edit that a server would not get."""
        if is_server(self.location) and memory.owner is None:
            raise StorageError(
                f"nothing was changed: {self.agent} is on {without_credentials(self.location)} and"
                " runs nowhere on this machine, so the server would not get the edit. Start the"
                " agent here, or edit with `memgpt-autogen edit`."
            )


def _tool(function: Mapping[str, Any]) -> Tool:
    parameters = dict(function["parameters"])
    properties = {one: how for one, how in parameters["properties"].items() if one != _HEARTBEAT}
    schema = parameters | {"properties": properties}
    return Tool(function["name"], function["description"], schema, function["name"] in _EDITS)
