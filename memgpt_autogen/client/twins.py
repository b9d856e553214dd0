"""The client's methods for programs with an event loop."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from memgpt_autogen.client.session import Session
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.events import Event
from memgpt_autogen.steps import Step, Turn
from memgpt_autogen.storage.journal.blocks import StoredBlock
from memgpt_autogen.upkeep.agents import AgentSummary, Deleted

T = TypeVar("T")


class AsyncTwins:
    """What a client does, awaited: in a thread, so that the event loop is not kept waiting."""

    create_agent: Callable[..., str]
    list_agents: Callable[..., list[AgentSummary]]
    delete_agent: Callable[..., Deleted]
    get_memory: Callable[..., dict[str, StoredBlock]]
    edit_memory: Callable[..., StoredBlock]
    attach: Callable[..., int]
    detach: Callable[..., bool]

    @abstractmethod
    def session(self, agent_id: str) -> Session:
        """An agent's turns."""

    async def a_create_agent(self, *args: Any, **kwargs: Any) -> str:
        """`create_agent` in a thread."""
        return await asyncio.to_thread(self.create_agent, *args, **kwargs)

    async def a_list_agents(self) -> list[AgentSummary]:
        """`list_agents` in a thread."""
        return await asyncio.to_thread(self.list_agents)

    async def a_delete_agent(self, agent_id: str) -> Deleted:
        """`delete_agent` in a thread."""
        return await asyncio.to_thread(self.delete_agent, agent_id)

    async def a_user_message(
        self,
        agent_id: str,
        message: str,
        name: str = "user",
        on_step: Callable[[Step], None] = lambda step: None,
    ) -> Turn:
        """`user_message` in a thread; cancelled, the turn ends at its next step."""
        session = self.session(agent_id)
        return await _cancellable(
            lambda stop: session.say(message, name, on_step=on_step, stop=stop)
        )

    async def a_notify(self, agent_id: str, event: Event) -> Turn:
        """`notify` in a thread; cancelled, the turn ends at its next step."""
        session = self.session(agent_id)
        return await _cancellable(lambda stop: session.turn([event], stop=stop))

    async def a_get_memory(self, agent_id: str) -> dict[str, StoredBlock]:
        """`get_memory` in a thread."""
        return await asyncio.to_thread(self.get_memory, agent_id)

    async def a_edit_memory(
        self, agent_id: str, block: str, value: str, version: int | None = None
    ) -> StoredBlock:
        """`edit_memory` in a thread."""
        return await asyncio.to_thread(self.edit_memory, agent_id, block, value, version)

    async def a_attach(self, agent_id: str, source: str) -> int:
        """`attach` in a thread."""
        return await asyncio.to_thread(self.attach, agent_id, source)

    async def a_detach(self, agent_id: str, source: str) -> bool:
        """`detach` in a thread."""
        return await asyncio.to_thread(self.detach, agent_id, source)


async def _cancellable(work: Callable[[Stop], T]) -> T:
    """What `work` returns, in a thread; it is told to stop where nobody awaits it any more."""
    stop = Stop()
    try:
        return await asyncio.to_thread(work, stop)
    except asyncio.CancelledError:
        stop.cancel()
        raise
