"""Tenancy: a mind while an agent has it, from its opening to its end or its handing over.

A memory can be open once. Notebooks make an agent anew while the old one is still
known, and programs make several of one name: in one process they have it in turns.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

from memgpt_autogen.engine.build import Mind
from memgpt_autogen.engine.turn_lock import MindLock
from memgpt_autogen.errors import ReentryError
from memgpt_autogen.storage.directory import agent_directory
from memgpt_autogen.storage.leftovers import close_garbage, close_when_collected

_tenants: weakref.WeakValueDictionary[Path, Tenancy] = weakref.WeakValueDictionary()


class Tenancy:
    """Opens a mind when it is first needed, and lets others of its name have it between turns.

    Args:
        location: of the memories.
        name: the agent's.
        build: opens the mind.
        begin: is told of a mind that was opened.
        end: takes in what there is to say to it, before it is closed.

    Attributes:
        lock: to be held by whoever uses the mind.
    """

    def __init__(
        self,
        location: str,
        name: str,
        build: Callable[[], Mind],
        begin: Callable[[Mind], None],
        end: Callable[[Mind], None],
    ) -> None:
        self.lock = MindLock()
        self._memory = (location, name)
        self._place: Path | None = None
        self._build = build
        self._begin = begin
        self._end = end
        self._mind: Mind | None = None
        self._lent = False

    @property
    def lasts(self) -> bool:
        """Whether the mind is open, or was and is with another agent now."""
        return self._mind is not None or self._lent

    def open(self) -> Mind:
        """The mind, opened at first use.

        Raises:
            DirectoryLockedError: it is open in another process, or with an agent of this
                one that is in the midst of a turn.
        """
        if self._mind is not None:  # without the lock: a tool in a thread of its own may ask
            return self._mind
        with self.lock.held():
            if self._mind is None:
                self._claim()
                try:
                    mind = self._build()
                    self._begin(mind)
                except BaseException:
                    self._disclaim()
                    raise
                self._leftover = close_when_collected(self, mind.close)
                self._lent = False
                self._mind = mind  # last: others may look without the lock
            return self._mind

    def close(self) -> None:
        """Write everything and let go of the storage; a later use opens it again."""
        with self.lock.held():
            try:
                if self.lasts:
                    self._end(self.open())
            finally:
                self.drop()

    def drop(self) -> None:
        """Let go of the storage."""
        mind, self._mind = self._mind, None
        self._lent = False
        try:
            if mind is not None:
                self._leftover.detach()
                mind.close()
        finally:
            self._disclaim()

    def hand_over(self) -> bool:
        """Let another agent of this name have the mind, when no turn runs.

        Returns:
            False inside a turn of this agent, which needs it to go on.
        """
        try:
            self.lock.refuse_inside()
            with self.lock.held():
                mind, lent = self._mind, self.lasts
                try:
                    if mind is not None:
                        self._end(mind)
                finally:
                    self.drop()
                    self._lent = lent
        except ReentryError:
            return False
        return True

    def _claim(self) -> None:
        self._place = agent_directory(*self._memory)
        if _tenants.get(self._place) is not None:
            close_garbage()  # it may be an agent that nobody knows any more
        while (other := _tenants.setdefault(self._place, self)) is not self:
            if not other.hand_over():
                return  # the lock of the directory says what there is to say

    def _disclaim(self) -> None:
        if self._place is not None and _tenants.get(self._place) is self:
            del _tenants[self._place]
