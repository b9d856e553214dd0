"""Threads: an agent's own one for asynchronous turns, and the event loop that awaits them."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

from memgpt_autogen.adapter.display import shown_from_threads
from memgpt_autogen.engine.stop import Stop, TurnStopped
from memgpt_autogen.engine.turn_lock import MindLock

T = TypeVar("T")

_Jobs: TypeAlias = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]


class Caller:
    """Whoever awaits a turn: its event loop, and whether it still waits.

    Attributes:
        stop: set when nobody waits any more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, lock: MindLock) -> None:
        self.stop = Stop()
        self._loop = loop
        self._lock = lock

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the caller's loop, where the objects that it uses may belong.

        Raises:
            TurnStopped: the turn was stopped; the coroutine is cancelled.
            CancelledError: it cancelled itself.
        """
        if self.stop.is_set or self._loop.is_closed():
            work.close()
            raise TurnStopped
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        with self.stop.telling(future.cancel), self._lock.lent(self._loop, future):
            try:
                return future.result()
            except CancelledError:
                if self.stop.is_set:
                    raise TurnStopped from None
                raise


class AgentThread:
    """Runs jobs one after the other in one thread, which is there from the first job on.

    Waiting jobs take no thread, as they would in a pool shared with the application.
    The thread ends with `close`, with this object, or with the process, which it does not
    keep alive: `ThreadPoolExecutor` would wait for a model that may never answer.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._jobs: _Jobs | None = None
        self._end: weakref.finalize[[None], AgentThread] | None = None

    async def awaited(self, turn: Callable[[Caller], T], lock: MindLock) -> T:
        """Await a turn that runs in the thread, so that it does not block the event loop.

        When it is cancelled, the turn is told to stop and ends at its next step boundary.

        Raises:
            ReentryError: the caller runs inside a turn under the same `lock`.
        """
        lock.refuse_inside()
        caller = Caller(asyncio.get_running_loop(), lock)
        with shown_from_threads():
            context = copy_context()
        try:
            return await asyncio.wrap_future(self.submit(partial(context.run, turn, caller)))
        except asyncio.CancelledError:
            caller.stop.set()
            raise

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Run a job after those before it; a future cancelled in time is passed over."""
        future: Future[T] = Future()
        with self._guard:
            if self._jobs is None:
                self._jobs = self._start()
            self._jobs.put((future, job))
        return future

    def close(self) -> None:
        """Let the thread end after the jobs that wait; a later one starts another."""
        with self._guard:
            if self._end is not None:
                self._end()
            self._jobs = self._end = None

    def _start(self) -> _Jobs:
        jobs: _Jobs = SimpleQueue()
        threading.Thread(target=_work, args=(jobs,), name=self._name, daemon=True).start()
        self._end = weakref.finalize(self, jobs.put, None)
        self._end.atexit = False
        return jobs


def _work(jobs: _Jobs) -> None:
    while (job := jobs.get()) is not None:
        future, run = job
        if future.set_running_or_notify_cancel():
            try:
                result = run()
            except BaseException as problem:  # noqa: BLE001 - whoever waits for it gets it
                future.set_exception(problem)
            else:
                future.set_result(result)
                del result
        del job, future, run  # an idle thread keeps no agent alive
