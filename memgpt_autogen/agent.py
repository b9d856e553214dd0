"""MemGPTAgent: a ConversableAgent that manages its own memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from autogen import Agent, AssistantAgent, ConversableAgent

from memgpt_autogen.capability import ContextOverview, MemGPTCapability
from memgpt_autogen.events import Clock, Event, local_now
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.settings import Settings
from memgpt_autogen.steps import Step
from memgpt_autogen.translator import Translator


class MemGPTAgent(ConversableAgent):  # type: ignore[misc] # autogen ships no types
    """An agent whose memory outlives its context window and its process.

    It takes AssistantAgent's place by changing the class name: the arguments up to
    `description` are AssistantAgent's, in the same order and with the same meaning,
    and further keyword arguments go to ConversableAgent.

    Args:
        memory: a directory, `http://host:port` of a Chroma server, or `Settings`;
            default `./.memgpt`. An agent of the same name there is resumed.
        persona: first text of the persona block; later runs keep the edited one.
        human: first text of the human block, likewise.
        context_window: tokens the main context may use; default from the model.
        preset: name of the system instructions; default by the model.
        translator: stands between AutoGen's messages and the agent's events.
        embedder: any Chroma embedding function; default the best at hand.
        clock: tells the time; for tests.

    Raises:
        DirectoryLockedError: the agent's memory is open elsewhere.
        EmbedderMismatchError: its memory was made with another embedder.
        StorageError: the storage cannot be used.
        ConfigurationError: an argument cannot work.
    """

    DEFAULT_SYSTEM_MESSAGE = AssistantAgent.DEFAULT_SYSTEM_MESSAGE
    DEFAULT_DESCRIPTION = AssistantAgent.DEFAULT_DESCRIPTION

    def __init__(
        self,
        name: str,
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        llm_config: Any = None,
        is_termination_msg: Callable[[dict[str, Any]], bool] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: Literal["ALWAYS", "NEVER", "TERMINATE"] = "NEVER",
        description: str | None = None,
        *,
        memory: str | Path | Settings | None = None,
        persona: str | None = None,
        human: str | None = None,
        context_window: int | None = None,
        preset: str | None = None,
        translator: Translator | None = None,
        embedder: Any = None,
        clock: Clock = local_now,
        **kwargs: Any,
    ) -> None:
        self._capability = MemGPTCapability(
            memory=memory,
            persona=persona,
            human=human,
            context_window=context_window,
            preset=preset,
            translator=translator,
            embedder=embedder,
            clock=clock,
        )
        super().__init__(
            name,
            system_message,
            is_termination_msg,
            max_consecutive_auto_reply,
            human_input_mode,
            llm_config=llm_config,
            description=description,
            **kwargs,
        )
        if description is None and system_message == self.DEFAULT_SYSTEM_MESSAGE:
            self.description = self.DEFAULT_DESCRIPTION
        self._capability.add_to_agent(self)

    @property
    def core_memory(self) -> CoreMemory:
        """The labelled blocks that the model always sees."""
        return self._capability.open().workspace.core

    @property
    def recall(self) -> RecallStorage:
        """Every message ever said or heard."""
        return self._capability.open().workspace.recall

    @property
    def archival(self) -> ArchivalStorage:
        """Passages the agent keeps, and attached documents."""
        return self._capability.open().workspace.archival

    @property
    def last_steps(self) -> Sequence[Step]:
        """The typed steps of the latest turn."""
        return self._capability.last_steps

    def notify(self, event: Event) -> tuple[str, ...]:
        """Let the agent act on an event outside a chat; returns the messages it sent."""
        return self._capability.notify(event)

    def context_overview(self) -> ContextOverview:
        """Tokens per section of the main context, its window, and what lies outside."""
        return self._capability.overview()

    def clear_history(
        self, recipient: Agent | None = None, nr_messages_to_preserve: int | None = None
    ) -> None:
        """AutoGen's history is cleared; what was said stays in memory."""
        self._capability.absorb(recipient)
        super().clear_history(recipient, nr_messages_to_preserve)

    def close(self) -> None:
        """Write everything and release the storage; a later use opens it again."""
        self._capability.close()

    def __enter__(self) -> MemGPTAgent:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
