"""Turns one after the other: the lock that orders them, and how one is stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from memgpt_autogen.errors import ReentryError

# The holds that the running code is part of: a tool's, also in another thread or on a loop.
_INSIDE: ContextVar[frozenset[object]] = ContextVar("memgpt_autogen_inside", default=frozenset())


class TurnStopped(Exception):  # noqa: N818 - it is no error of the program
    """The turn goes no further because it was stopped; the loop ends it."""


class Stop:
    """Set, from any thread, when a turn is to end at its next step boundary.

    Attributes:
        is_cancelled: nobody waits for the turn's reply any more.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_set = self.is_cancelled = False
        self._reactions: list[Callable[[], object]] = []

    @property
    def is_set(self) -> bool:
        return self._is_set

    def cancel(self) -> None:
        """Ask the turn to end, whose reply nobody will hear."""
        self.is_cancelled = True
        self.set()

    def set(self) -> None:
        """Ask the turn to end; what waits on its behalf is told at once."""
        with self._guard:
            self._is_set = True
            reactions = list(self._reactions)
        for react in reactions:
            react()

    def check(self) -> None:
        """Go no further once it is set.

        Raises:
            TurnStopped: it is.
        """
        if self._is_set:
            raise TurnStopped

    @contextmanager
    def telling(self, react: Callable[[], object]) -> Iterator[None]:
        """Inside the `with` block, `react` is called when the stop is set, or has been."""
        with self._guard:
            self._reactions.append(react)
            late = self._is_set
        try:
            if late:
                react()
            yield
        finally:
            with self._guard:
                self._reactions.remove(react)


class TurnLock:
    """Taken for a turn and whatever else reads or changes an engine; its holder may take it again.

    A tool of the agent's own runs inside the hold of its turn. In the thread of the
    turn it may take the lock too; from anywhere else it would wait for a turn that
    waits for it, so it is refused.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: int | None = None
        self._depth = 0
        self._hold = object()
        self._lent: tuple[asyncio.AbstractEventLoop, Future[Any]] | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock inside the `with` block.

        Raises:
            ReentryError: the holder waits, or may wait, for the caller.
        """
        self._take()
        inside = _INSIDE.set(_INSIDE.get() | {self._hold})
        try:
            yield
        finally:
            _INSIDE.reset(inside)
            self._give_back()

    def refuse_inside(self) -> None:
        """Refuse to hand work to another thread from inside a hold.

        Raises:
            ReentryError: the caller is inside.
        """
        with self._changed:
            if self._owner is not None and self._hold in _INSIDE.get():
                raise ReentryError(_INSIDE_TEXT)

    @contextmanager
    def lent(self, loop: asyncio.AbstractEventLoop, work: Future[Any]) -> Iterator[None]:
        """Inside the `with` block, the holder waits for `work` on an event loop."""
        with self._changed:
            before, self._lent = self._lent, (loop, work)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._lent = before

    def _take(self) -> None:
        me = threading.get_ident()
        with self._changed:
            if self._owner != me:
                if self._owner is not None and self._hold in _INSIDE.get():
                    raise ReentryError(_INSIDE_TEXT)
                while self._owner is not None:
                    if self._waits_for_this_loop():
                        raise ReentryError(_LOOP_TEXT)
                    self._changed.wait()
                self._owner, self._hold = me, object()
            self._depth += 1

    def _give_back(self) -> None:
        with self._changed:
            self._depth -= 1
            if not self._depth:
                self._owner = None
                self._changed.notify()

    def _waits_for_this_loop(self) -> bool:
        if self._lent is None:
            return False
        loop, work = self._lent
        return not work.done() and _running_loop() is loop


def in_event_loop() -> bool:
    """Whether this thread runs an event loop, which must not be kept waiting."""
    return _running_loop() is not None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_INSIDE_TEXT = (
    "the agent waits for this tool to end, so it can do nothing else meanwhile. Make the tool a"
    " plain function (def): such a one may call the agent's synchronous methods. Or call them"
    " after the reply"
)
_LOOP_TEXT = (
    "the agent's turn needs this event loop for an asynchronous tool, and this call would block"
    " it. Await a_generate_reply, or `asyncio.to_thread` with this method"
)
