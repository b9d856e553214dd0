"""Stopping a turn whose reply nobody waits for any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TurnStopped(Exception):  # noqa: N818 - it is no error of the program
    """The turn goes no further because it was stopped; the loop ends it."""


class Stop:
    """Set, from any thread, when a turn is to end at its next step boundary."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_set = False
        self._reactions: list[Callable[[], object]] = []

    @property
    def is_set(self) -> bool:
        return self._is_set

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
