"""The timer: lets a client's agent act on its timed events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.scheduling.scheduler import SCHEDULER
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.events import TimedEvent
from memgpt_autogen.steps import Turn
from memgpt_autogen.storage.process import Workers

if TYPE_CHECKING:
    from memgpt_autogen.client.session import Session

logger = logging.getLogger(__name__)

_workers = Workers()


class Timer:
    """Turns of a session about timed events, each in a thread of its own."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def watch(self, engine: Engine) -> None:
        """Act on the engine's timed events from now on, until it is closed."""
        if engine.queue.state.schedules and self._session.model is not None:
            SCHEDULER.watch(engine, self.fire)

    def fire(self, engine: Engine) -> Future[None]:
        """Act on all that is due, in a thread."""
        done = Future[None]()
        if _workers.started(partial(self._run, engine, done), "memgpt timer") is None:
            done.set_result(None)  # the process ends
        return done

    def _run(self, engine: Engine, done: Future[None]) -> None:
        try:
            while (turn := self._turn(engine)) is not None:
                for text in turn.messages:
                    self._session.on_message(text)
        except Exception as problem:
            logger.exception("a timed event of %s failed", self._session.identity.name)
            done.set_exception(problem)
        else:
            done.set_result(None)

    def _turn(self, engine: Engine) -> Turn | None:
        """A turn about what is due first; None where nothing is, or the agent was closed."""

        def acting(event: TimedEvent, advance: Callable[[], None]) -> Turn:
            advance()
            return self._session.turn([event])

        with engine.lock.held():
            return Timetable(engine).act(acting)
