"""An agent's turns: its replies in AutoGen's chats, and what it does about other events."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from autogen import Agent, ConversableAgent, OpenAIWrapper

from memgpt_autogen.adapter.chat_history import ChatHistory
from memgpt_autogen.adapter.outside.occasion import Occasion
from memgpt_autogen.adapter.reply_hook import Reply, Request
from memgpt_autogen.adapter.threads import AgentThread, Caller, RunningTurns
from memgpt_autogen.adapter.tools.toolbox import AutoGenToolbox
from memgpt_autogen.adapter.translator import Template, Translator, text_of
from memgpt_autogen.engine.asking.progress import TurnRequest
from memgpt_autogen.engine.asking.view import ContextOverview
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.registry import Opener
from memgpt_autogen.engine.scheduling.timer import Timer
from memgpt_autogen.engine.turn_lock import Stop, in_event_loop
from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError
from memgpt_autogen.events import TimedEvent
from memgpt_autogen.model.call_log import LoggedModel
from memgpt_autogen.model.chat_model import AutoGenChatModel
from memgpt_autogen.steps import Turn

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Turns(Opener):
    """Lets an AutoGen agent think with its memory, one turn at a time.

    Attributes:
        agent: whose turns they are.
        history: what it has heard of its chats.
        translator: makes replies of turns, and is told of steps and evictions.
        on_message: is told what the agent says outside chats.
        last: the latest turn since the agent was made.
    """

    agent: ConversableAgent
    history: ChatHistory
    translator: Translator
    on_message: Callable[[str], object]
    last: Turn | None = None

    def __post_init__(self) -> None:
        self._thread = AgentThread("memgpt turns")
        self.running = RunningTurns()
        apart = AgentThread("memgpt timer")
        self.timer = Timer(self.agent.name, apart.submit, self._act_on, self.on_message)

    @property
    def instructions(self) -> str:
        return text_of(self.agent.system_message)

    @property
    def runs_turns(self) -> bool:
        return self.agent.client is not None

    async def a_reply(self, request: Request) -> Reply:
        """`reply` for asynchronous chats, in the agent's own thread.

        When it is cancelled, the turn ends at its next step boundary and the chat
        counts as not answered.
        """
        if (request.client or (request.recipient or self.agent).client) is None:
            return False, None
        reply = partial(self.reply, request.of_now())
        with self.history.coming(request.sender):
            return await self._thread.awaited(reply, self.open().lock)

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
        context = request.messages[-1].pop("context", None) if request.messages else None
        model = self._model(agent, client, context, request.options)
        coming = self.history.coming(request.sender)
        with coming, self.held() as engine, self.running.of(caller) as stop:
            if stop.is_set:  # cancelled while other turns went before
                return False, None
            engine.own()
            toolbox = AutoGenToolbox(
                agent,
                model.tools,
                place=self.settings.tools,
                chat=request.sender,
                further=request.tools,
                caller=caller,
            )
            template = Template(context, format_texts=model.formats_texts)
            role = template.fill(agent.system_message)
            if request.unaltered is None:  # asked for without AutoGen's generate_reply
                self.history.look_around()
            self.history.take_in_others(engine)
            asking = self._asking(model, toolbox, role, stop)
            self.last = turn = self.history.turn(request, engine, asking, stop, template)
            reply = self.translator.to_reply(turn)
        return (False, None) if reply is None else (True, reply)

    def act(
        self,
        occasion: Callable[[Engine], Occasion | None],
        chat: Agent | None = None,
        caller: Caller | None = None,
    ) -> Turn:
        """A turn that no chat asks for; an empty one where there is no occasion.

        Args:
            occasion: what it is about, once it is the turn's time.
            chat: where what the agent says is to be sent by whoever calls.
            caller: who awaits the turn.

        Raises:
            ConfigurationError: the agent has no model.
        """
        agent, client = self.agent, self.agent.client
        if client is None:
            raise ConfigurationError("the agent has no llm_config, so it cannot act on an event")
        model = self._model(agent, client)
        with self.held() as engine, self.running.of(caller) as stop:
            if stop.is_set:
                return Turn()
            engine.own()
            about = occasion(engine)
            if about is None:
                return Turn()
            toolbox = AutoGenToolbox(agent, model.tools, alone=True, caller=caller)
            asking = self._asking(model, toolbox, agent.system_message, stop)
            self.history.look_around()
            self.history.take_in_others(engine)
            events = [event.dated(self.clock) for event in about.events]
            if chat is not None:
                self.last = turn = self.history.speak_up(chat, engine, asking, events)
                return turn
            with engine.queue.partners.of(about.partner):
                about.taken()
                self.last = turn = engine.turn(asking(events, partner=about.partner))
                return turn

    async def a_act(
        self, occasion: Callable[[Engine], Occasion | None], chat: Agent | None = None
    ) -> Turn:
        """`act` in the agent's own thread."""
        return await self._thread.awaited(partial(self.act, occasion, chat), self.open().lock)

    def _act_on(self, event: TimedEvent, advance: Callable[[], None]) -> Turn:
        return self.act(lambda _: Occasion((event,), taken=advance))

    def tell(self, turn: Turn) -> None:
        """Tell the program what was said where no chat hears it."""
        for text in turn.messages:
            self.on_message(text)

    def take_in_before_clearing(self, chat: Agent | None = None) -> None:
        """Take in what stands in a chat, or in all, whose history AutoGen is about to clear.

        Others spoke since the agent's last turn, or a human, a nested chat or a code block
        answered in its name. An event loop need not wait for it.
        """
        chats = self.agent.chat_messages
        said = any(list(chats.values())) if chat is None else chats.get(chat)
        if not said or self._engine is None:
            return
        self.history.keep(chat)
        if in_event_loop():
            self._thread.submit(self._take_in_kept)
        else:
            self._take_in_kept()

    def _take_in_kept(self) -> None:
        if self._engine is not None:
            with self.held() as engine, self._leaving_what_is_refused():
                self.history.take_in_kept(engine)

    @contextmanager
    def settled(self) -> Iterator[Engine]:
        """The engine between turns, with what was said last taken in."""
        with self.held() as engine:
            self.history.take_in(engine)
            yield engine

    def overview(self) -> ContextOverview:
        """The state of the main context and the storages."""
        with self.held() as engine:
            engine.instruct(self.instructions)
            return engine.overview()

    def context_text(self) -> str:
        """The prompt as plain text."""
        with self.held() as engine:
            engine.instruct(self.instructions)
            return engine.context_text()

    def latest(self) -> Turn:
        """The latest turn; of one before the agent was made, the steps."""
        if self.last is not None:
            return self.last
        kept = [Turn(steps=steps) for steps in self.open().queue.state.turns.values()]
        return kept[-1] if kept else Turn()

    def forget(self) -> None:
        """Say nothing again of the turns so far: it may have been erased."""
        self.last = None
        self.history.forget_turns()

    def close(self) -> None:
        """Take in what was said last, write everything, and release the storage.

        In a forked child it does nothing: what is open there is the parent's.
        """
        engine = self._engine
        if engine is None or engine.process != os.getpid():
            return
        try:
            if engine.is_open or self.history.waiting:
                with self.held() as engine, self._leaving_what_is_refused():
                    self.history.take_in(engine)
        finally:
            self._engine = None
            with engine.lock.held():
                engine.close()

    @contextmanager
    def _leaving_what_is_refused(self) -> Iterator[None]:
        """What is to be taken in waits where another process runs the turns."""
        try:
            yield
        except DirectoryLockedError as problem:
            logger.warning("%s has not taken in what it heard last: %s", self.agent.name, problem)

    def _model(
        self,
        agent: ConversableAgent,
        client: OpenAIWrapper,
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

    def _asking(
        self, model: AutoGenChatModel, toolbox: AutoGenToolbox, role: Any, stop: Stop | None
    ) -> Callable[..., TurnRequest]:
        """Makes of events what is asked of the engine, with all that AutoGen has to say to it."""
        logged = LoggedModel(model, self.agent.name)
        request = partial(TurnRequest, model=logged, toolbox=toolbox, role=text_of(role), stop=stop)
        if not getattr(self.agent, "silent", False):
            on_step = partial(self.translator.on_step, self.agent.name)
            on_eviction = partial(self.translator.on_eviction, self.agent.name)
            request = partial(request, on_step=on_step, on_eviction=on_eviction)
        return request
