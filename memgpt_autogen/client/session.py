"""One agent's turns, without AutoGen: what the client and the terminal do with an engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.client.model import OpenAIChatModel, Watch
from memgpt_autogen.client.timer import Timer
from memgpt_autogen.engine.asking.progress import TurnRequest
from memgpt_autogen.engine.engine import Engine, Identity
from memgpt_autogen.engine.registry import held, still_open
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock, Event, MessageEvent
from memgpt_autogen.model.call_log import LoggedModel
from memgpt_autogen.settings import Settings
from memgpt_autogen.steps import Step, Turn
from memgpt_autogen.storage.embedders.embedder import Embedder


@dataclass(eq=False)
class Session:
    """One agent of a program's, opened at first use and where it was closed.

    Attributes:
        identity: who the agent is.
        settings: of its memory.
        embedder: makes the vectors.
        clock: tells the time.
        model: answers; None where it is only looked at.
        role: this program's part of the instructions.
        on_message: is told what the agent says about a timed event, in a thread.
        timer: lets it act on timed events.
    """

    identity: Identity
    settings: Settings
    embedder: Embedder
    clock: Clock
    model: OpenAIChatModel | None = None
    role: str = ""
    on_message: Callable[[str], None] = lambda text: None
    _engine: Engine | None = None

    def __post_init__(self) -> None:
        self.timer = Timer(self)

    def open(self) -> Engine:
        """The engine.

        Raises:
            StorageError: the storage cannot be used.
        """
        engine = still_open(
            self._engine,
            self.identity,
            self.settings,
            embedder=self.embedder,
            clock=self.clock,
            role=self.role,
            runs_turns=self.model is not None,
        )
        if engine is not self._engine:
            self._engine = engine
            self.timer.watch(engine)
        return engine

    def held(self) -> AbstractContextManager[Engine]:
        """The engine, which nobody else uses inside the `with` block."""
        return held(self.open, self.identity, self.settings)

    def say(self, text: str, speaker: str, **asked: Any) -> Turn:
        """A turn about what somebody says to the agent."""
        event = MessageEvent(timestamp=self.clock(), speaker=speaker, text=text, origin=speaker)
        return self.turn([event], partner=speaker, **asked)

    def turn(
        self,
        events: Sequence[Event],
        *,
        partner: str = "",
        stop: Stop | None = None,
        watch: Watch | None = None,
        on_step: Callable[[Step], None] = lambda step: None,
        on_eviction: Callable[[Any], None] = lambda eviction: None,
    ) -> Turn:
        """A turn about events, outside chats where no partner is named.

        Raises:
            ConfigurationError: there is no model.
            DirectoryLockedError: another process runs the agent's turns.
            Exception: errors of the provider, unchanged.
        """
        if self.model is None:
            raise ConfigurationError(f"{self.identity.name} has no model to answer with.")
        model = LoggedModel(self.model.during(watch, stop), self.identity.name)
        with self.held() as engine:
            if stop is not None and stop.is_set:
                return Turn()
            held_back = Timetable(engine).holds_back
            due = [one.dated(self.clock) for one in events if not held_back(one)]
            if events and not due:
                return Turn()
            request = TurnRequest(
                due,
                model,
                None,
                self.role,
                partner=partner,
                stop=stop,
                on_step=on_step,
                on_eviction=on_eviction,
            )
            return engine.turn(request)

    def close(self) -> None:
        """Write everything and release the storage; a later use opens it again."""
        engine, self._engine = self._engine, None
        if engine is not None and engine.process == os.getpid():
            with engine.lock.held():
                engine.close()
