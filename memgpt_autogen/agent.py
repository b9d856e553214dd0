"""MemGPTAgent: a ConversableAgent that manages its own memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from autogen import Agent, AssistantAgent, ConversableAgent, OpenAIWrapper

from memgpt_autogen.capability import MemGPTCapability
from memgpt_autogen.checkpoint import read_checkpoint, restore
from memgpt_autogen.erasure import Receipt
from memgpt_autogen.events import Clock, Event, local_now
from memgpt_autogen.executor import MEMORY_FUNCTIONS, refuse_clashes
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import Block, CoreMemory
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.overview import ContextOverview
from memgpt_autogen.seam import Reply, Request
from memgpt_autogen.settings import Settings, settings_of
from memgpt_autogen.shared import SharedLink
from memgpt_autogen.steps import Step
from memgpt_autogen.storage.collection import Progress
from memgpt_autogen.storage.embedding import resolve_embedder
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
        listen_to: names of the speakers whose messages are taken in; default all.
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
        listen_to: Collection[str] | None = None,
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
            listen_to=listen_to,
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

    def attach(self, source: str, *, writable: bool = False) -> int:
        """Let archival searches find documents that `load_source` loaded; their passages.

        With `writable`, the source is an archive that several agents share: it is made
        where there is none of its name, and the model may add to it with
        `archival_memory_insert(archive=…)`. The agent is told of it, and remembers it
        when it is reopened. Attaching a source again changes nothing.

        Raises:
            ConfigurationError: there is no such source at the memory's location.
            DirectoryLockedError: another process has the source open.
            EmbedderMismatchError: it was loaded with another embedder.
        """
        with self._capability.settled() as mind:
            return mind.attach(source, writable=writable)

    def detach(self, source: str) -> bool:
        """Search a source no longer; False if it was not attached."""
        with self._capability.settled() as mind:
            return mind.detach(source)

    def attach_block(
        self, name: str, value: str = "", *, limit: int | None = None, read_only: bool = False
    ) -> Block:
        """See a core memory block that all agents share who attach it at this location.

        It is made with `value` where there is none of its name. What one agent writes
        the others see at their next step. An edit by somebody who has not seen the
        latest text is refused, so none is lost. The agent remembers the block when it
        is reopened.

        Args:
            name: of the block, for all who share it.
            value: its first text.
            limit: characters it may hold, where it is made; default Settings.block_limit.
            read_only: this agent may see it only.

        Raises:
            ConfigurationError: the agent has a block of its own of that name, or the text
                is over the limit.
            StorageError: the storage cannot be used.
        """
        with self._capability.settled() as mind:
            return mind.attach_block(SharedLink(name=name, read_only=read_only), value, limit)

    def detach_block(self, name: str) -> bool:
        """See a shared block no longer; False if it was not attached. The others keep it."""
        with self._capability.settled() as mind:
            return mind.detach_block(name)

    def forget(self, speaker: str) -> Receipt:
        """Erase a speaker from every tier: all they said, and the agent's notes that name them.

        Their messages leave recall storage, with others' that quote them; the queue
        loses what they said and every step that names or quotes them, core memory its
        lines and archival memory its own passages that do. The files are overwritten.
        Messages of others that only name them stay, and so do attached sources,
        read-only blocks, system_message, checkpoints, AutoGen's own chat history, and
        vectors (numbers, no text) in freed places of Chroma's index, whose unused places
        may also hold scraps of this process's memory. Of a Chroma
        server, run `chroma vacuum` there.

        Raises:
            ConfigurationError: the name is empty or the agent's own.
            StorageError: a storage failed; call it again to finish.
        """
        return self._capability.forget(speaker)

    def checkpoint(self, path: str | Path) -> None:
        """Write all the agent remembers to one JSON file, for `from_checkpoint`.

        It holds the state, all messages and the agent's own passages; no key, no
        llm_config, no vectors. Attached sources are named, not copied.

        Raises:
            StorageError: the file cannot be written.
        """
        with self._capability.settled() as mind:
            mind.checkpoint(path)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        *,
        llm_config: Any = None,
        memory: str | Path | Settings | None = None,
        embedder: Any = None,
        clock: Clock = local_now,
        progress: Progress = lambda done, total: None,
        **kwargs: Any,
    ) -> MemGPTAgent:
        """An agent with the memory and the name of a checkpoint; the file stays as it is.

        Vectors are computed anew, so the embedder may be another one. `progress` is
        told the number of texts stored and their total. Further arguments are the
        constructor's. Killed midway, calling it again finishes it.

        Raises:
            ConfigurationError: there is no such file, or an agent of that name
                remembers something at `memory`.
            StateFormatError: the file is no checkpoint, damaged, or of a newer version.
            StorageError: the storage cannot be used.
        """
        checkpoint = read_checkpoint(path)
        embedder = resolve_embedder(embedder)
        location = settings_of(memory).location
        restore(checkpoint, location, embedder, clock=clock, progress=progress)
        return cls(
            checkpoint.agent,
            llm_config=llm_config,
            memory=memory,
            embedder=embedder,
            clock=clock,
            **kwargs,
        )

    def generate_oai_reply(
        self,
        messages: list[dict[str, Any]] | None = None,
        sender: Agent | None = None,
        config: OpenAIWrapper | None = None,
        **kwargs: Any,
    ) -> Reply:
        """AutoGen's model reply, with memory; `tools=` are offered beside the agent's own."""
        tools = kwargs.get("tools") or ()
        return self._capability.reply(Request(messages, sender, config, tools=tools))

    async def a_generate_oai_reply(
        self,
        messages: list[dict[str, Any]] | None = None,
        sender: Agent | None = None,
        config: OpenAIWrapper | None = None,
        **kwargs: Any,
    ) -> Reply:
        """The same, asynchronously."""
        tools = kwargs.get("tools") or ()
        return await self._capability.a_reply(Request(messages, sender, config, tools=tools))

    def update_tool_signature(self, tool_sig: Any, *args: Any, **kwargs: Any) -> None:
        """AutoGen's; a tool may not have the name of a memory function.

        Raises:
            ConfigurationError: it has.
        """
        if isinstance(tool_sig, Mapping):
            refuse_clashes(MEMORY_FUNCTIONS, [tool_sig])
        super().update_tool_signature(tool_sig, *args, **kwargs)

    def update_function_signature(self, func_sig: Any, *args: Any, **kwargs: Any) -> None:
        """AutoGen's, for tools in the old style; otherwise like `update_tool_signature`."""
        if isinstance(func_sig, Mapping):
            refuse_clashes(MEMORY_FUNCTIONS, [{"function": func_sig}])
        super().update_function_signature(func_sig, *args, **kwargs)

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
