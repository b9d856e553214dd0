"""Threads: an agent's own one for asynchronous turns, and the event loop that awaits them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar

from memgpt_autogen.adapter.display import shown_from_threads
from memgpt_autogen.engine.turn_lock import Stop, TurnLock, TurnStopped

T = TypeVar("T")

Changes = Mapping[ContextVar[Any], Any]

_IDLE_SECONDS = 2.0


async def noting_changes(work: Coroutine[Any, Any, T]) -> tuple[T, Changes]:
    """Await a coroutine; also gives the context variables that it has set, for `apply`."""
    before = copy_context()
    found = await work
    return found, _changes(before, copy_context())


def _changes(before: Context, after: Context) -> Changes:
    unset = object()
    return {var: value for var, value in after.items() if before.get(var, unset) is not value}


def apply(changes: Changes) -> None:
    """Set context variables here that were set in a copy of this context."""
    for var, value in changes.items():
        var.set(value)


class Caller:
    """Whoever awaits a turn: its event loop, and whether it still waits.

    Attributes:
        stop: cancelled when nobody waits any more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, lock: TurnLock) -> None:
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


class RunningTurns:
    """The turns of an agent that run, one inside the other, to be stopped from any thread."""

    def __init__(self) -> None:
        self._stops: list[Stop] = []

    @contextmanager
    def of(self, caller: Caller | None) -> Iterator[Stop]:
        """A turn runs inside the `with` block, that this ends early."""
        stop = Stop() if caller is None else caller.stop
        self._stops.append(stop)
        try:
            yield stop
        finally:
            self._stops.remove(stop)

    def stop(self) -> bool:
        """Let them end at their next step; False where none runs."""
        stops = list(self._stops)
        for stop in stops:
            stop.set()
        return bool(stops)


class AgentThread:
    """Runs jobs one after the other in one thread, which is there while there is work.

    Waiting jobs take no thread, as they would in a pool shared with the application.
    The thread ends when nothing came for a while, or with the process, which it does not
    keep alive: `ThreadPoolExecutor` would wait for a model that may never answer.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._more = threading.Condition(self._guard)
        self._thread: threading.Thread | None = None

    async def awaited(self, turn: Callable[[Caller], T], lock: TurnLock) -> T:
        """Await a turn that runs in the thread, so that it does not block the event loop.

        When it is cancelled, the turn is told to stop and ends at its next step boundary.
        Else the context variables that it sets are set here too.

        Raises:
            ReentryError: the caller runs inside a turn under the same `lock`.
        """
        lock.refuse_inside()
        caller = Caller(asyncio.get_running_loop(), lock)
        with shown_from_threads():
            context = copy_context()
        before = context.copy()
        try:
            return await asyncio.wrap_future(self.submit(partial(context.run, turn, caller)))
        except asyncio.CancelledError:
            caller.stop.cancel()
            raise
        finally:
            if not caller.stop.is_cancelled:
                apply(_changes(before, context))

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Run a job after those before it; a future cancelled in time is passed over."""
        future: Future[T] = Future()
        with self._more:
            self._jobs.append((future, job))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._more.notify()
        return future

    def _work(self) -> None:
        while True:
            with self._more:
                if not self._jobs and not self._more.wait_for(lambda: self._jobs, _IDLE_SECONDS):
                    self._thread = None
                    return
                future, job = self._jobs.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    result = job()
                except BaseException as problem:  # noqa: BLE001 - whoever waits for it gets it
                    future.set_exception(problem)
                else:
                    future.set_result(result)
                    del result
            del job, future  # an idle thread keeps no turn alive
