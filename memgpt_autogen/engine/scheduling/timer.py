"""The timer: lets a program's agent act on its timed events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.scheduling.scheduler import SCHEDULER
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.events import TimedEvent
from memgpt_autogen.steps import Turn

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Timer:
    """Turns about timed events, in a thread of their own.

    They wait for a turn that runs, as any turn does, and nothing waits for them but the
    agent's own turns.

    Attributes:
        name: the agent's.
        submit: runs a job in another thread.
        act: a turn about an event; it calls what it gets beside it before the turn.
        tell: is told each message that the agent sends.
    """

    name: str
    submit: Callable[[Callable[[], None]], Future[None]]
    act: Callable[[TimedEvent, Callable[[], None]], Turn | None]
    tell: Callable[[str], object]

    def watch(self, engine: Engine) -> None:
        """Act on the engine's timed events from now on, until it is closed."""
        if engine.queue.state.schedules:
            SCHEDULER.watch(engine, self.fire)

    def fire(self, engine: Engine) -> Future[None]:
        """Act on all that is due, in another thread."""
        return self.submit(partial(self._run, engine))

    def _run(self, engine: Engine) -> None:
        try:
            while (turn := self._turn(engine)) is not None:
                for text in turn.messages:
                    self.tell(text)
        except Exception:
            logger.exception("a timed event of %s failed", self.name)
            raise

    def _turn(self, engine: Engine) -> Turn | None:
        """A turn about what is due first; None where nothing is, or the agent was closed."""
        with engine.lock.held():
            return Timetable(engine).act(self.act)
