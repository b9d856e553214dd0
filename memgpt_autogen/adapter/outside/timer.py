"""The timer: lets an AutoGen agent act on its timed events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from memgpt_autogen.adapter.outside.occasion import Occasion
from memgpt_autogen.adapter.threads import AgentThread
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.scheduling.scheduler import SCHEDULER
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.events import TimedEvent
from memgpt_autogen.steps import Turn

if TYPE_CHECKING:
    from memgpt_autogen.adapter.turns import Turns

logger = logging.getLogger(__name__)


class Timer:
    """Turns about timed events, in a thread of their own.

    They wait for a turn that runs, as any turn does, and nothing waits for them but the
    agent's own turns.

    Args:
        turns: the agent's.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._thread = AgentThread("memgpt timer")

    def watch(self, engine: Engine) -> None:
        """Act on the engine's timed events from now on, until it is closed."""
        if engine.queue.state.schedules and self._turns.agent.client is not None:
            SCHEDULER.watch(engine, self.fire)

    def fire(self, engine: Engine) -> Future[None]:
        """Act on all that is due, in the timer's thread."""
        return self._thread.submit(partial(self._run, engine))

    def _run(self, engine: Engine) -> None:
        try:
            while (turn := self._turn(engine)) is not None:
                self._turns.tell(turn)
        except Exception:
            logger.exception("a timed event of %s failed", self._turns.agent.name)
            raise

    def _turn(self, engine: Engine) -> Turn | None:
        """A turn about what is due first; None where nothing is, or the agent was closed."""

        def acting(event: TimedEvent, advance: Callable[[], None]) -> Turn | None:
            return self._turns.act(lambda _: Occasion((event,), taken=advance))

        with engine.lock.held():
            return Timetable(engine).act(acting)
