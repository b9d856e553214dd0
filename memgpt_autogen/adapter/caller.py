"""Who awaits a turn: the event loop of an asynchronous chat, and whether it still waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from memgpt_autogen.engine.turn_lock import Stop, TurnLock, TurnStopped

T = TypeVar("T")


class Caller:
    """Lends a turn in a thread the event loop of whoever awaits the turn.

    Attributes:
        stop: set when nobody waits any more.
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
