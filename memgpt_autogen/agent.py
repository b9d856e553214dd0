"""MemGPTAgent: a ConversableAgent that manages its own memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from autogen import Agent, AssistantAgent, OpenAIWrapper

from memgpt_autogen.adapter.capability import MemGPTCapability, MemoryAccess
from memgpt_autogen.adapter.reply_hook import Reply, Request, with_memory
from memgpt_autogen.adapter.translator import Translator
from memgpt_autogen.arguments import checked
from memgpt_autogen.engine.executor import refuse_clashes
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.store import settled
from memgpt_autogen.upkeep.checkpoint import read_checkpoint, restore


class MemGPTAgent(MemoryAccess, AssistantAgent):  # type: ignore[misc] # autogen ships no types
    """An agent whose memory outlives its context window and its process.

    It takes AssistantAgent's place by changing the class name: the arguments up to
    `description` are AssistantAgent's, in the same order and with the same meaning,
    and further keyword arguments go to ConversableAgent.

    Args:
        memory: a directory, `http://host:port` of a Chroma server, or `Settings`;
            default `./.memgpt`. An agent of the same name there is resumed.
        persona: first text of the persona block, or the name or file of one (docs/presets.md);
            later runs keep the edited one, with a warning.
        human: first text of the human block, likewise.
        context_window: tokens the main context may use; default from the model.
        preset: the system instructions, likewise by name, file or text; default by the model.
        translator: stands between AutoGen's messages and the agent's events.
        listen_to: names of the speakers whose messages are taken in; default all.
        embedder: any Chroma embedding function; default the best at hand.
        clock: tells the time; for tests.

    Raises:
        EmbedderMismatchError: its memory was made with another embedder.
        StorageError: the storage cannot be used.
        ConfigurationError: an argument cannot work.
    """

    def __init__(
        self,
        name: str,
        system_message: str | None = AssistantAgent.DEFAULT_SYSTEM_MESSAGE,
        llm_config: Any = None,
        is_termination_msg: Callable[[dict[str, Any]], bool] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: Literal["ALWAYS", "NEVER", "TERMINATE"] = "NEVER",
        description: str | None = None,
        *,
        memory: str | Path | Settings | None = None,
        persona: str | Path | None = None,
        human: str | Path | None = None,
        context_window: int | None = None,
        preset: str | Path | None = None,
        translator: Translator | None = None,
        listen_to: Collection[str] | None = None,
        embedder: Any = None,
        clock: Clock = local_now,
        **kwargs: Any,
    ) -> None:
        self._memgpt_capability = MemGPTCapability(
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
            llm_config,
            is_termination_msg,
            max_consecutive_auto_reply,
            human_input_mode,
            description,
            **kwargs,
        )
        self._memgpt_capability.add_to_agent(self)

    @classmethod
    @checked
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
        location = settled(memory).location
        restore(checkpoint, location, embedder, clock=clock, progress=progress)
        return cls(
            checkpoint.agent,
            llm_config=llm_config,
            memory=memory,
            embedder=embedder,
            clock=clock,
            **kwargs,
        )

    @with_memory
    def generate_oai_reply(
        self,
        messages: list[dict[str, Any]] | None = None,
        sender: Agent | None = None,
        config: OpenAIWrapper | None = None,
        **kwargs: Any,
    ) -> Reply:
        """AutoGen's model reply, with memory; `tools=` are offered beside the agent's own.

        Other keyword arguments go to `OpenAIWrapper.create`.
        """
        request = Request.of_arguments(self, messages, sender, config, kwargs)
        return self._memgpt_capability.turns.reply(request)

    @with_memory
    async def a_generate_oai_reply(
        self,
        messages: list[dict[str, Any]] | None = None,
        sender: Agent | None = None,
        config: OpenAIWrapper | None = None,
        **kwargs: Any,
    ) -> Reply:
        """The same, asynchronously."""
        request = Request.of_arguments(self, messages, sender, config, kwargs)
        return await self._memgpt_capability.turns.a_reply(request)

    def update_tool_signature(self, tool_sig: Any, *args: Any, **kwargs: Any) -> None:
        """AutoGen's; a tool may not have the name of a memory function.

        Raises:
            ConfigurationError: it has.
        """
        if isinstance(tool_sig, Mapping):
            refuse_clashes([tool_sig])
        super().update_tool_signature(tool_sig, *args, **kwargs)

    def update_function_signature(self, func_sig: Any, *args: Any, **kwargs: Any) -> None:
        """AutoGen's, for tools in the old style; otherwise like `update_tool_signature`."""
        if isinstance(func_sig, Mapping):
            refuse_clashes([{"function": func_sig}])
        super().update_function_signature(func_sig, *args, **kwargs)
