"""The scheduler: one per process, which looks at the agents' clocks.

Looking twice a second, rather than sleeping until the next time is due, follows clocks that
are set and machines that slept, and costs a millisecond.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.storage.process import forget_in_child

LOOK_SECONDS = 0.5
REST_SECONDS = 60.0  # after a failure: else one that lasts would be met twice a second

_NAME = "memgpt_autogen"

logger = logging.getLogger(__name__)

Fire = Callable[[Engine], "Future[Any]"]
"""Lets what is due happen in another thread, which is done with the future."""


@dataclass
class _Watched:
    engine: weakref.ref[Engine]
    fire: weakref.WeakMethod[Fire]
    running: Future[Any] | None = None
    rests_until: float = 0.0

    @property
    def is_over(self) -> bool:
        """Closed, gone, or without a schedule."""
        engine = self.engine()
        is_there = engine is not None and engine.is_open and engine.queue.state.schedules
        return not is_there or self.fire() is None

    def look(self) -> None:
        """Let what is due happen, unless the last has yet to end, or failed just now."""
        engine, fire = self.engine(), self.fire()
        if self.running is not None:
            if not self.running.done():
                return
            if self.running.exception() is not None:
                self.rests_until = time.monotonic() + REST_SECONDS
            self.running = None
        if engine is None or fire is None or time.monotonic() < self.rests_until:
            return
        # Where another process runs the agent's turns, that one's scheduler does it.
        owned = engine.store.ownership is None or engine.store.indexer.keeps
        if owned and Timetable(engine).due() is not None:
            self.running = fire(engine)


class Scheduler:
    """Lets the timed events of open agents happen when they are due.

    It keeps no agent alive, and forgets one that was closed.
    """

    def __init__(self) -> None:
        self._begin()
        forget_in_child(self._begin)

    def _begin(self) -> None:
        self._guard = threading.Lock()
        self._watched: dict[int, _Watched] = {}
        self._running: Any = None

    def watch(self, engine: Engine, fire: Fire) -> None:
        """Call `fire`, a bound method, when something is due, from now on, one after the other."""
        with self._guard:
            if not self._watched:
                self._start()
            self._watched[id(engine)] = _Watched(weakref.ref(engine), weakref.WeakMethod(fire))

    def _start(self) -> None:
        # APScheduler takes half a second to import, and few agents have a schedule.
        from apscheduler.executors.debug import DebugExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        if self._running is not None:
            self._running.resume()
            return
        # It tells of each look; what an agent does is logged by the agent.
        for name in ("scheduler", f"executors.{_NAME}"):
            logging.getLogger(f"apscheduler.{name}").setLevel(logging.ERROR)
        self._running = BackgroundScheduler(timezone="UTC")
        # In the scheduler's own thread: looking is quick, and a pool would hold up the exit.
        self._running.add_executor(DebugExecutor(), alias=_NAME)
        self._running.add_job(
            self._look,
            "interval",
            seconds=LOOK_SECONDS,
            executor=_NAME,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._running.start()

    def _look(self) -> None:
        with self._guard:
            for key, one in list(self._watched.items()):
                if one.is_over:
                    del self._watched[key]
            watched = list(self._watched.values())
            if not watched:
                self._running.pause()
        for one in watched:
            try:
                one.look()
            except Exception:
                one.rests_until = time.monotonic() + REST_SECONDS
                logger.exception("the schedules of an agent could not be looked at")


SCHEDULER = Scheduler()
