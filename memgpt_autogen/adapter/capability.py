"""MemGPTCapability: the memory, added to an AutoGen agent in the place of its model reply."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from autogen import ConversableAgent
from typing_extensions import Self

from memgpt_autogen.adapter.attachments import Attachments
from memgpt_autogen.adapter.chat_history import ChatHistory
from memgpt_autogen.adapter.inspection import Inspection
from memgpt_autogen.adapter.outside.events import OutsideEvents
from memgpt_autogen.adapter.reply_hook import ReplyHook
from memgpt_autogen.adapter.translator import AutoGenTranslator, Translator
from memgpt_autogen.adapter.turns import Turns
from memgpt_autogen.arguments import checked
from memgpt_autogen.engine.engine import Engine, Identity
from memgpt_autogen.engine.executor import refuse_clashes
from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.model.chat_model import model_of, tools_of
from memgpt_autogen.model.presets import kept
from memgpt_autogen.model.texts import text_of
from memgpt_autogen.settings import Settings
from memgpt_autogen.steps import Turn
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.store import settled
from memgpt_autogen.upkeep.agent_files.export import memory_of, write_agent_file
from memgpt_autogen.upkeep.forgetting.forget import Receipt, forget

try:
    from autogen.agentchat.contrib.capabilities.agent_capability import AgentCapability
except ImportError:  # a version without AutoGen's capabilities
    AgentCapability = object


class MemoryAccess(OutsideEvents, Inspection, Attachments):
    """What a program may read and change of a memory: the same on agent and capability."""

    _memgpt_capability: MemGPTCapability

    @property
    def core_memory(self) -> CoreMemory:
        """The labelled blocks that the model always sees."""
        return self._memgpt_capability.open().workspace.core

    @property
    def recall(self) -> RecallStorage:
        """Every message ever said or heard."""
        return self._memgpt_capability.open().workspace.recall

    @property
    def archival(self) -> ArchivalStorage:
        """Passages the agent keeps, and attached documents."""
        return self._memgpt_capability.open().workspace.archival

    @checked
    def forget(self, speaker: str) -> Receipt:
        """Erase a speaker from every tier: all they said, and what was learnt from it.

        Their messages leave recall storage, with others' and the agent's that quote them or
        hold an identifier of theirs (a code, a long number, a mail address, a link), however it
        is written. Their own core memory block goes, and lines and passages that do the same or
        name them, also in shared archives that the agent may write to; the queue loses all
        that may come from them. The files are overwritten, and Chroma's folder is made anew.
        With a Chroma server, run `chroma vacuum` there.

        Then all tiers and files are searched, and the receipt lists what is left: names, short
        numbers, dates and rare words that may be somebody else's, messages of others that name
        them, and what the agent may not edit. Only an empty list means that nothing was found.
        Attached documents, system_message, checkpoints and AutoGen's own chat history stay as
        they are.

        Raises:
            ConfigurationError: nobody of that name said anything, or it is the agent's own.
            DirectoryLockedError: another process runs the agent's turns.
            StorageError: a storage failed; call it again to finish.
        """
        with self._memgpt_capability.turns.settled() as engine:
            self._memgpt_capability.turns.forget()
            return forget(speaker, engine)

    @checked
    def checkpoint(
        self,
        path: str | Path,
        *,
        include_sources: bool = False,
        progress: Progress = lambda done, total: None,
    ) -> None:
        """Write all the agent remembers to one file, for `from_checkpoint`: its agent file.

        It holds the state, all messages, core memory with its history, the agent's own
        passages, and the shared blocks and archives that it may write to; no key, no
        llm_config, no vectors. Other attached sources are named, and copied with
        `include_sources`. The same agent is always the same bytes. `progress` is told the
        number of texts written and their total.

        Raises:
            ConfigurationError: there is a directory of that name; an attached source that is
                to be included is gone.
            StorageError: the file cannot be written.
        """
        turns = self._memgpt_capability.turns
        with turns.held() as engine:
            with suppress(DirectoryLockedError):  # else it is written as it was saved
                turns.history.take_in(engine)
                engine.own(0.0)
                engine.queue.save()
            write_agent_file(
                path, memory_of(engine), include_sources=include_sources, progress=progress
            )

    def close(self) -> None:
        """Write everything and release the storage; a later use opens it again."""
        self._memgpt_capability.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MemGPTCapability(MemoryAccess, AgentCapability):  # type: ignore[misc] # autogen ships no types
    """Gives an agent MemGPT's memory: replies come from the memory-managing loop.

    Args:
        memory: a directory, `http://host:port` of a Chroma server, or `Settings`.
        persona: first text of the persona block, or the name or file of one (docs/presets.md);
            later runs keep the edited one, with a warning.
        human: first text of the human block, likewise.
        context_window: tokens the main context may use; default from the model.
        preset: the system instructions, likewise by name, file or text; default by the model.
        translator: stands between AutoGen's messages and the agent's events.
        listen_to: names of the speakers whose messages are taken in; default all.
        on_message: is told each message that the agent sends where no chat hears it: about an
            event of `notify` without a recipient, and of `schedule`, from the timer's thread.
        embedder: any Chroma embedding function; default the best at hand.
        clock: tells the time; for tests.
    """

    @checked
    def __init__(
        self,
        *,
        memory: str | Path | Settings | None = None,
        persona: str | Path | None = None,
        human: str | Path | None = None,
        context_window: int | None = None,
        preset: str | Path | None = None,
        translator: Translator | None = None,
        listen_to: Collection[str] | None = None,
        on_message: Callable[[str], object] = lambda text: None,
        embedder: Any = None,
        clock: Clock = local_now,
    ) -> None:
        super().__init__()
        if context_window is not None and context_window < 1024:
            raise ConfigurationError(
                f"context_window={context_window} is too small: the instructions and functions"
                " alone take about 1,000 tokens; give at least 2,048."
            )
        if isinstance(listen_to, str) or not all(isinstance(one, str) for one in listen_to or ()):
            raise ConfigurationError(
                f'listen_to={listen_to!r}: give a list of names, such as ["Ann", "Bob"].'
            )
        if iscoroutinefunction(on_message):
            raise ConfigurationError(
                f"on_message={on_message.__name__}: give a plain function, which the timer's thread"
                " calls too; in it, asyncio.run_coroutine_threadsafe reaches a loop."
            )
        if isinstance(translator, type):
            raise ConfigurationError(f"translator={translator.__name__}: give an object of it.")
        self.settings = settled(memory)
        self.translator: Translator = AutoGenTranslator() if translator is None else translator
        self._listen_to = listen_to
        self._on_message = on_message
        self._about = (
            None if persona is None else text_of("persona", persona),
            None if human is None else text_of("human", human),
            context_window,
            None if preset is None else kept(preset),
        )
        self._embedder = None if embedder is None else resolve_embedder(embedder)
        self._clock = clock
        self._turns: Turns | None = None
        self._memgpt_capability = self

    @checked
    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Let the loop answer in the place of AutoGen's own model reply, sync and async.

        Termination checks, human input, code execution and function calls come
        before it, as with any agent.

        Raises:
            ConfigurationError: a tool of the agent has the name of a memory function;
                the agent has a memory already, this capability an agent, or the agent no
                model reply.
        """
        if self._turns is not None:
            raise ConfigurationError(
                f"this memory belongs to {self.agent.name}: make another MemGPTCapability for"
                f" {agent.name}"
                if self.agent is not agent
                else f"{agent.name} has this memory already: add it once"
            )
        hook = ReplyHook(agent)
        if agent.client is not None:
            refuse_clashes(tools_of(agent.client))
        persona, human, context_window, preset = self._about
        model = model_of(agent.client)
        turns = Turns(
            Identity(agent.name, model, context_window, preset, persona, human),
            self.settings,
            self._embedder or resolve_embedder(),
            self._clock,
            agent,
            ChatHistory(
                agent,
                self.translator,
                self._clock,
                self._listen_to,
                apart=self.settings.separate_partners,
            ),
            self.translator,
            self._on_message,
        )
        if agent.client is not None:
            turns.open()
        hook.fill(turns.reply, turns.a_reply, turns.history.look_around)
        hook.before_clearing(turns.take_in_before_clearing)
        self._turns = turns

    @property
    def turns(self) -> Turns:
        """The turns of the agent that has this memory."""
        if self._turns is None:
            raise ConfigurationError("call add_to_agent(agent) first")
        return self._turns

    @property
    def agent(self) -> ConversableAgent:
        """The agent this memory belongs to."""
        return self.turns.agent

    @property
    def last_turn(self) -> Turn:
        """The latest turn; an empty one before the first, its steps alone from before a restart."""
        return Turn() if self._turns is None else self._turns.latest()

    def open(self) -> Engine:
        """The engine, opened at first use."""
        return self.turns.open()

    def close(self) -> None:
        """Take in what was said last, write everything, and release the storage."""
        if self._turns is not None:
            self._turns.close()
