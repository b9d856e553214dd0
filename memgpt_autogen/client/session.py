"""One agent's turns, without AutoGen: what the client and the terminal do with an engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from memgpt_autogen.client.model import OpenAIChatModel, Watch
from memgpt_autogen.engine.asking.progress import TurnRequest
from memgpt_autogen.engine.registry import Opener
from memgpt_autogen.engine.scheduling.timer import Timer
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Event, MessageEvent, TimedEvent
from memgpt_autogen.model.call_log import LoggedModel
from memgpt_autogen.steps import Step, Turn
from memgpt_autogen.storage.process import Workers

_workers = Workers()


@dataclass(eq=False)
class Session(Opener):
    """One agent of a program's, opened at first use and where it was closed.

    Attributes:
        model: answers; None where it is only looked at.
        instructions: this program's part of them.
        on_message: is told what the agent says about a timed event, in a thread.
    """

    model: OpenAIChatModel | None = None
    instructions: str = ""
    on_message: Callable[[str], None] = lambda text: None

    def __post_init__(self) -> None:
        submit = partial(_workers.submitted, name="memgpt timer")
        self.timer = Timer(self.identity.name, submit, self._act_on, self.on_message)

    @property
    def runs_turns(self) -> bool:
        return self.model is not None

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
                self.instructions,
                partner=partner,
                stop=stop,
                on_step=on_step,
                on_eviction=on_eviction,
            )
            return engine.turn(request)

    def _act_on(self, event: TimedEvent, advance: Callable[[], None]) -> Turn:
        advance()
        return self.turn([event])

    def close(self) -> None:
        """Write everything and release the storage; a later use opens it again."""
        engine, self._engine = self._engine, None
        if engine is not None and engine.process == os.getpid():
            with engine.lock.held():
                engine.close()
