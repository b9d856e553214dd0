"""Agents of one name in one process: their memory is with the one that needs it."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Protocol

from memgpt_autogen.storage.directory import agent_directory
from memgpt_autogen.storage.leftovers import close_garbage


class Holder(Protocol):
    """Who may have a memory open."""

    def hand_over(self) -> bool:
        """Close it for another; False where it cannot be done without."""
        ...


_holders: weakref.WeakValueDictionary[Path, Holder] = weakref.WeakValueDictionary()


class Claim:
    """The right to open a memory, of one holder in this process at a time.

    Notebooks make an agent anew while the old one is still known, and programs make
    several of one name; a directory can be open once.
    """

    def __init__(self) -> None:
        self._place: Path | None = None

    def take(self, holder: Holder, location: str, name: str) -> None:
        """Take it over from whoever has it; where that is in a turn, opening will fail."""
        self._place = agent_directory(location, name)
        if _holders.get(self._place) is not None:
            close_garbage()  # it may be an agent that nobody knows any more
        while (other := _holders.setdefault(self._place, holder)) is not holder:
            if not other.hand_over():
                return

    def drop(self, holder: Holder) -> None:
        """Give it up, where the holder has it."""
        if self._place is not None and _holders.get(self._place) is holder:
            del _holders[self._place]
