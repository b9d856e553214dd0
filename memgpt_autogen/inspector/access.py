"""Access: how the inspector opens the memories of one location."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.upkeep.reading.memory import AgentMemory, open_memory


@dataclass(eq=False)
class Access:
    """Opens memories of one location, each for as long as a page takes, but for searches.

    Attributes:
        location: a directory, or the address of a Chroma server.
        model, window: what the context window is counted for; None: the model's own window.
        embedder: of an agent's name, the one that made its vectors; None where it is not here.
        core: an agent's core memory, to be edited.
        engine: an agent's engine, whose turns nobody else runs meanwhile.
    """

    location: str
    model: str
    window: int | None
    embedder: Callable[[str], Embedder | None]
    core: Callable[[str], AbstractContextManager[CoreMemory]]
    engine: Callable[[str], AbstractContextManager[Engine]]
    _searched: dict[str, AgentMemory] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def memory(self, agent: str) -> AgentMemory:
        """An agent's memory as it is now, to be read and closed.

        Raises:
            ConfigurationError: there is no such agent.
            StorageError: it cannot be read.
        """
        return open_memory(self.location, agent)

    def searched(self, now: AgentMemory) -> AgentMemory:
        """The same memory, to be searched by meaning too; it stays open, with its vectors read.

        Raises:
            StorageError: it cannot be read.
        """
        with self._guard:
            known = self._searched.get(now.name)
            if known is not None and _alike(known, now):
                return known
            self._drop(now.name)
            memory = open_memory(self.location, now.name, self.embedder(now.name))
            self._searched[now.name] = memory
            return memory

    def drop(self, agent: str) -> None:
        """Keep nothing of an agent in memory: something of it is to be erased."""
        with self._guard:
            self._drop(agent)

    def close(self) -> None:
        """Let go of all memories."""
        with self._guard:
            for agent in list(self._searched):
                self._drop(agent)

    def _drop(self, agent: str) -> None:
        known = self._searched.pop(agent, None)
        if known is not None:
            known.close()


def _alike(known: AgentMemory, now: AgentMemory) -> bool:
    """Whether what was opened before has the vectors and sources that there are now."""
    return known.embedder == now.embedder and known.archival.attached == now.archival.attached
