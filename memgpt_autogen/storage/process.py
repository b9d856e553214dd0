"""The process: what belongs to it alone, and what a fork must not carry into a child.

A forked child shares its parent's open files, locks and database connections. SQLite
forbids to use or even to close them there (https://sqlite.org/howtocorrupt.html, section
2.6), so the child lets them be and makes its own.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from memgpt_autogen.errors import ForkedError

_END_SECONDS = 5.0  # that the end of the process waits for its workers

_HANGING_SECONDS = 30.0  # without progress, a worker hangs
_PATIENCE_SECONDS = 5.0  # to wait for another worker's turn

_Thing = TypeVar("_Thing")
_T = TypeVar("_T")


class OfProcess(Generic[_Thing]):
    """Things that are open in this process, by what tells them apart.

    A forked child begins without any: its parent's are neither used nor closed there.

    Attributes:
        things: those there are.
        guard: to be held while they are looked up or changed; in a child a new lock, since a
            lock that a parent's thread holds is never released there.

    Args:
        things: an empty mapping.
        forget: to be called in a child for each of its parent's.
    """

    def __init__(
        self,
        things: MutableMapping[Any, _Thing],
        forget: Callable[[_Thing], None] = lambda thing: None,
    ) -> None:
        self.things = things
        self.guard = threading.RLock()
        self._forget = forget
        self._parents: list[_Thing] = []
        forget_in_child(self._begin_anew)

    def _begin_anew(self) -> None:
        self.guard = threading.RLock()
        self._parents += self.things.values()
        self.things.clear()
        for thing in self._parents:
            self._forget(thing)


class Workers:
    """The threads that work behind the others, in this process.

    They end before it does: a library in the midst of a call would abort it there.

    Attributes:
        threads: those at work.
        ending: no work is to be begun any more.
    """

    def __init__(self) -> None:
        self.ending = False
        self._begin()
        forget_in_child(self._begin)
        atexit.register(self._end)

    def _begin(self) -> None:
        self._processor = threading.Lock()
        self.threads: set[threading.Thread] = set()

    def started(self, work: Callable[[], None], name: str) -> threading.Thread | None:
        """A thread that was started; None where the process ends."""
        threads = self.threads  # of this process: a fork's child has others

        def run() -> None:
            try:
                work()
            finally:
                threads.discard(thread)

        thread = threading.Thread(target=run, name=name, daemon=True)
        threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # Python 3.12 and later, at the end
            threads.discard(thread)
            return None
        return thread

    def submitted(self, work: Callable[[], _T], name: str) -> Future[_T]:
        """What some work comes to, in a thread; a RuntimeError where the process ends."""
        found = Future[_T]()

        def run() -> None:
            try:
                found.set_result(work())
            except BaseException as problem:  # noqa: BLE001 - it is whoever waits that hears of it
                found.set_exception(problem)

        if self.started(run, name) is None:
            found.set_exception(RuntimeError(f"{name}: the process ends"))
        return found

    def ended(self, thread: threading.Thread, progress: Callable[[], object]) -> bool:
        """Wait until a thread has ended; False where it makes no progress for long."""
        while thread.is_alive():
            before = progress()
            thread.join(_HANGING_SECONDS)
            if thread.is_alive() and progress() == before:
                return False
        return True

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Inside the `with` block, what keeps a processor busy is done by this one alone.

        Nobody waits longer than a while for one that hangs.
        """
        processor = self._processor
        if not processor.acquire(timeout=_PATIENCE_SECONDS):
            if processor is self._processor:
                self._processor = threading.Lock()
            yield
            return
        try:
            yield
        finally:
            processor.release()

    def _end(self) -> None:
        self.ending = True
        until = time.monotonic() + _END_SECONDS
        for thread in list(self.threads):
            thread.join(max(until - time.monotonic(), 0.0))


class Unforkable:
    """A library that hangs in a forked child once its parent has used it."""

    def __init__(self) -> None:
        self._was_used = False
        self.may_be_used = True
        forget_in_child(self._forget)

    def use(self) -> None:
        """Note that it is used in this process."""
        self._was_used = True

    def _forget(self) -> None:
        self.may_be_used = self.may_be_used and not self._was_used


def forget_in_child(forget: Callable[[], None]) -> None:
    """Call `forget` in every child that is forked from now on, before it runs."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)


def forked(what: str) -> ForkedError:
    """The error of a child that uses what its parent opened."""
    return ForkedError(
        f"{what} was opened before this process was forked, and only its parent may use it. Make"
        " the agent in the child, after the fork (in a worker's start-up hook, or at its first"
        " request); its memory is free once the parent has closed its own agent, or use other"
        " names."
    )
