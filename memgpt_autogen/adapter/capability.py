"""MemGPTCapability: the memory, attached to an AutoGen agent at its reply seam."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any

from autogen import Agent, ConversableAgent, OpenAIWrapper

from memgpt_autogen.adapter.access import MemoryAccess
from memgpt_autogen.adapter.caller import Caller
from memgpt_autogen.adapter.chats import Chats
from memgpt_autogen.adapter.conversations import Conversations
from memgpt_autogen.adapter.display import shown_from_threads
from memgpt_autogen.adapter.reply_hook import Reply, Request, Seam
from memgpt_autogen.adapter.toolbox import AutoGenToolbox
from memgpt_autogen.adapter.translator import AutoGenTranslator, Template, Translator
from memgpt_autogen.adapter.worker import Worker
from memgpt_autogen.engine.build import Identity, Mind, build_mind
from memgpt_autogen.engine.executor import MEMORY_FUNCTIONS, refuse_clashes
from memgpt_autogen.engine.overview import ContextOverview, overview_of
from memgpt_autogen.engine.registry import Tenancy
from memgpt_autogen.engine.turn_lock import TurnLock, in_event_loop
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock, Event, TimedEvent, local_now
from memgpt_autogen.model.chat_model import AutoGenChatModel, model_of
from memgpt_autogen.model.client import formats_texts, tools_of
from memgpt_autogen.settings import Settings, settings_of
from memgpt_autogen.steps import Eviction, Step, Turn
from memgpt_autogen.storage.leftovers import weakly
from memgpt_autogen.upkeep.forget import Receipt, forget


class MemGPTCapability(MemoryAccess):
    """Gives an agent MemGPT's memory: replies come from the memory-managing loop.

    Args:
        memory: a directory, `http://host:port` of a Chroma server, or `Settings`.
        persona: first text of the persona block; later runs keep the edited one.
        human: first text of the human block, likewise.
        context_window: tokens the main context may use; default from the model.
        preset: name of the system instructions; default by the model.
        translator: stands between AutoGen's messages and the agent's events.
        listen_to: names of the speakers whose messages are taken in; default all.
        embedder: any Chroma embedding function; default the best at hand.
        clock: tells the time; for tests.
    """

    def __init__(
        self,
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
    ) -> None:
        self.settings = settings_of(memory)
        self.translator: Translator = translator or AutoGenTranslator()
        self.last_turn = Turn()
        if context_window is not None and context_window < 1024:
            raise ConfigurationError(
                f"context_window={context_window} is too small: the instructions and functions"
                " alone take about 1,000 tokens; give at least 2,048."
            )
        if isinstance(listen_to, str):
            raise ConfigurationError(f"listen_to={listen_to!r}: give a list, [{listen_to!r}].")
        self._listen_to = listen_to
        self._about = (persona, human, context_window, preset)
        self._embedder = embedder
        self._clock = clock
        self._agent: ConversableAgent | None = None
        self._stay: Tenancy | None = None
        self._worker = Worker("memgpt turns")

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Let the loop answer in the place of AutoGen's own model reply, sync and async.

        Termination checks, human input, code execution and function calls come
        before it, as with any agent.

        Raises:
            ConfigurationError: a tool of the agent has the name of a memory function;
                the agent has a memory already, this capability an agent, or the agent no
                model reply.
        """
        if self._agent is not None:
            raise ConfigurationError(
                f"this memory belongs to {self._agent.name}: make another MemGPTCapability for"
                f" {agent.name}"
                if self._agent is not agent
                else f"{agent.name} has this memory already: add it once"
            )
        seam = Seam(agent)
        if agent.client is not None:
            refuse_clashes(MEMORY_FUNCTIONS, tools_of(agent.client))
        conversations = Conversations(agent.name, self.translator, self._clock, {}, self._listen_to)
        self._chats = Chats(conversations, self._clock)
        location = self.settings.location
        self._stay = Tenancy(location, agent.name, self._build, self._begin, self._end)
        self._agent = agent
        try:
            if agent.client is not None:
                self.open()
            seam.fill(self.reply, self.a_reply)
            seam.before_clearing(self.set_aside)
        except BaseException:
            self._tenancy.drop()
            self._agent = self._stay = None
            raise

    @property
    def agent(self) -> ConversableAgent:
        """The agent this memory belongs to."""
        if self._agent is None:
            raise ConfigurationError("call add_to_agent(agent) first")
        return self._agent

    @property
    def _memgpt_memory(self) -> MemGPTCapability:
        return self

    # --- the memory --------------------------------------------------------------

    def open(self) -> Mind:
        """The mind, opened at first use."""
        return self._tenancy.open()

    def close(self) -> None:
        """Take in what was said last, write everything, and let go of the storage."""
        if self._stay is None:
            return
        with self._lock.held():
            try:
                self._stay.close()
            finally:
                self._worker.close()

    @property
    def _tenancy(self) -> Tenancy:
        if self._stay is None:
            raise ConfigurationError("call add_to_agent(agent) first")
        return self._stay

    @property
    def _lock(self) -> TurnLock:
        return self._tenancy.lock

    def _build(self) -> Mind:
        persona, human, context_window, preset = self._about
        model = model_of(self.agent.client)
        return build_mind(
            Identity(self.agent.name, model, context_window, preset, persona, human),
            self.settings,
            embedder=self._embedder,
            clock=self._clock,
            on_step=weakly(self._on_step),
            on_eviction=weakly(self._on_eviction),
        )

    def _begin(self, mind: Mind) -> None:
        mind.instruct(self._role())
        self._chats.go_on_in(mind.queue.state.cursors)

    def _end(self, mind: Mind) -> None:
        self._chats.absorb(self.agent, mind.queue, None)

    @contextmanager
    def settled(self) -> Iterator[Mind]:
        """The mind between turns, with what was said last taken in."""
        with self._lock.held():
            mind = self.open()
            self.absorb()
            yield mind

    def erase(self, speaker: str) -> Receipt:
        """What `forget` does."""
        with self.settled() as mind:
            self.last_turn = Turn()
            self._chats.forget_turns()
            return forget(speaker, mind)

    def overview(self) -> ContextOverview:
        """The state of the main context and the storages."""
        with self._lock.held():
            mind = self.open()
            mind.instruct(self._role())
            return overview_of(mind)

    # --- turns -------------------------------------------------------------------

    async def a_reply(self, request: Request) -> Reply:
        """`reply` for asynchronous chats, in the agent's own thread.

        When it is cancelled, the turn ends at its next step boundary and the chat
        counts as not answered.
        """
        agent = request.recipient or self.agent
        if (request.client or agent.client) is None:
            return False, None
        self._lock.refuse_inside()
        caller = Caller(asyncio.get_running_loop(), self._lock)
        with shown_from_threads():
            context = copy_context()
        job = partial(context.run, self.reply, request.of_now(agent.chat_messages), caller)
        try:
            return await asyncio.wrap_future(self._worker.submit(job))
        except asyncio.CancelledError:
            caller.stop.set()
            raise

    def reply(self, request: Request, caller: Caller | None = None) -> Reply:
        """Answer what is new in a chat: AutoGen's reply function.

        Args:
            request: what is asked.
            caller: who awaits the reply, in an asynchronous chat.
        """
        agent = request.recipient or self.agent
        client = request.client or agent.client
        if client is None:
            return False, None
        request = request.with_messages(agent.chat_messages)
        context = request.messages[-1].pop("context", None) if request.messages else None
        template = Template(context, format_texts=formats_texts(client))
        stop = caller.stop if caller else None
        with self._lock.held():
            if stop is not None and stop.is_set:  # cancelled while other turns went before
                return False, None
            mind = self.open()
            toolbox = AutoGenToolbox(
                agent, client, chat=request.sender, further=request.tools, caller=caller
            )
            model = self._model(client, agent, context, request.options)
            role = _text_of(template.fill(agent.system_message))
            think = partial(mind.think, model=model, role=role, stop=stop)
            self._chats.take_aside(self.agent, mind.queue)
            with mind.executor.equipped(toolbox):
                self.last_turn = turn = self._chats.turn(request, think, stop, template)
            mind.queue.save()
            reply = self.translator.to_reply(turn)
        return (False, None) if reply is None else (True, reply)

    def notify(self, event: Event) -> tuple[str, ...]:
        """Let the agent act on an event outside a chat; the messages it sent.

        Raises:
            ConfigurationError: the agent has no model.
        """
        if self.agent.client is None:
            raise ConfigurationError("the agent has no llm_config, so it cannot act on an event")
        with self._lock.held():
            mind = self.open()
            paused = mind.workspace.paused_until
            if isinstance(event, TimedEvent) and paused and self._clock() < paused:
                return ()
            client = self.agent.client
            with mind.executor.equipped(AutoGenToolbox(self.agent, client, alone=True)):
                self.last_turn = mind.think([event], self._model(client, self.agent), self._role())
            mind.queue.save()
            return self.last_turn.messages

    def absorb(self, chat: Agent | None = None) -> None:
        """Take in what was said since the agent's last turn, without answering it.

        Others spoke, or a human, a nested chat or a code block answered in its name.
        """
        if not self._tenancy.lasts:
            return
        with self._lock.held():
            self._chats.absorb(self.agent, self.open().queue, chat)

    def set_aside(self, chat: Agent | None = None) -> None:
        """`absorb` before a history is cleared; an event loop need not wait for it."""
        if not self._tenancy.lasts:
            return
        if not in_event_loop():
            self.absorb(chat)
        elif self._chats.set_aside(self.agent, chat):
            self._worker.submit(self._take_aside)

    def _take_aside(self) -> None:
        with self._lock.held():
            if self._tenancy.lasts:
                queue = self.open().queue
                self._chats.take_aside(self.agent, queue)
                queue.flush()

    @property
    def last_steps(self) -> Sequence[Step]:
        """The steps of the latest turn."""
        return self.last_turn.steps

    # --- the agent ---------------------------------------------------------------

    def _model(
        self,
        client: OpenAIWrapper,
        agent: ConversableAgent,
        context: Any = None,
        options: Mapping[str, Any] | None = None,
    ) -> AutoGenChatModel:
        return AutoGenChatModel(
            client,
            cache=agent.client_cache,
            agent=agent,
            context=context,
            options=options,
            cache_markers=self.settings.cache_markers,
        )

    def _role(self) -> str:
        return _text_of(self.agent.system_message)

    def _on_step(self, step: Step) -> None:
        if not getattr(self.agent, "silent", False):
            self.translator.on_step(self.agent.name, step)

    def _on_eviction(self, eviction: Eviction) -> None:
        if not getattr(self.agent, "silent", False):
            self.translator.on_eviction(self.agent.name, eviction)


def _text_of(system_message: Any) -> str:
    if isinstance(system_message, list):
        parts = (
            part.get("text", "") if isinstance(part, dict) else part for part in system_message
        )
        return "\n".join(str(part) for part in parts)
    return system_message or ""
