"""The worker: a thread of one's own for what must not block an event loop."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

_Jobs: TypeAlias = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]


class Worker:
    """Runs jobs one after the other in one thread, which is there from the first job on.

    Waiting jobs take no thread, as they would in a pool shared with the application.
    The thread ends with `close`, with the worker, or with the process, which it does not
    keep alive: `ThreadPoolExecutor` would wait for a model that may never answer.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._jobs: _Jobs | None = None
        self._end: weakref.finalize[[None], Worker] | None = None

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
