"""The registry: the engines that are open in this process, by where their memories lie.

Notebooks make an agent anew while the old one is still known, and programs make several
of one name: they all get the same engine, and take their turns one after the other.
"""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from memgpt_autogen.arguments import When
from memgpt_autogen.engine.build import build_engine
from memgpt_autogen.engine.engine import Engine, Identity
from memgpt_autogen.engine.scheduling.timer import Timer
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.errors import DirectoryLockedError
from memgpt_autogen.events import Clock, Schedule, moment_of
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.directory import agent_directory
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.process import forget_in_child, forked
from memgpt_autogen.storage.store import MEMORY

_engines: weakref.WeakValueDictionary[str, Engine] = weakref.WeakValueDictionary()
_guard = threading.RLock()


def open_engine(
    identity: Identity, settings: Settings, *, embedder: Embedder, clock: Clock
) -> Engine:
    """The engine of an agent: the one that is open in this process, or a new one.

    Raises:
        EmbedderMismatchError: its memory was made, or is open, with another embedder.
        StateFormatError: what was saved is of a layout that this code cannot read.
        StorageError: the storage cannot be reached.
    """
    if settings.location == MEMORY:
        return build_engine(identity, settings, embedder=embedder, clock=clock)
    place = str(agent_directory(settings.location, identity.name))
    with _guard:
        engine = _engines.get(place)
        if engine is not None and engine.is_open:
            engine.store.must_have(embedder)
            return engine
        engine = build_engine(identity, settings, embedder=embedder, clock=clock)
        _engines[place] = engine
        return engine


def opened(location: str, name: str) -> Engine | None:
    """The engine of an agent that is open in this process."""
    engine = _engines.get(str(agent_directory(location, name)))
    return engine if engine is not None and engine.is_open else None


@dataclass(eq=False)
class Opener(ABC):
    """Opens an agent's engine for one program: at first use, and where it was closed.

    Attributes:
        identity: who the agent is.
        settings: of its memory.
        embedder: makes the vectors.
        clock: tells the time.
        timer: lets the agent act on timed events.
    """

    identity: Identity
    settings: Settings
    embedder: Embedder
    clock: Clock
    timer: Timer = field(init=False)
    _engine: Engine | None = field(default=None, init=False)

    @property
    @abstractmethod
    def instructions(self) -> str:
        """The program's part of them."""

    @property
    @abstractmethod
    def runs_turns(self) -> bool:
        """Turns are to come; where another process has them, they will be refused."""

    def watch(self, engine: Engine) -> None:
        """Act on the engine's timed events from now on, until it is closed."""
        if self.runs_turns:
            self.timer.watch(engine)

    def open(self) -> Engine:
        """The engine.

        Raises:
            ForkedError: this process is a child of the one that opened it.
            StorageError: the storage cannot be used.
        """
        engine = self._engine
        if engine is not None and engine.process != os.getpid():
            raise forked(f"the memory of {self.identity.name}")
        if engine is None or not engine.is_open:
            engine = open_engine(
                self.identity, self.settings, embedder=self.embedder, clock=self.clock
            )
            with engine.lock.held():
                if self.runs_turns:
                    with suppress(DirectoryLockedError):
                        engine.own(0.0)
                engine.instruct(self.instructions)
                engine.compare_first_texts(self.identity)
            self._engine = engine
            self.watch(engine)
        return engine

    @contextmanager
    def held(self) -> Iterator[Engine]:
        """The engine, which nobody else uses inside the `with` block."""
        while True:
            engine = self.open()
            with engine.lock.held():
                if engine.is_open:  # another agent of the name may have closed it meanwhile
                    if (engine.identity, engine.settings) != (self.identity, self.settings):
                        engine.adapt(self.identity, self.settings)
                    kept = self.runs_turns or engine.store.indexer.keeps
                    try:
                        yield engine
                    finally:
                        if engine.store.indexer.keeps and not kept:
                            engine.disown()
                    return

    def schedule(self, text: str, *, at: When | None, **when: Any) -> Schedule:
        """Let a timed event come; see `Timetable.add`."""
        moment = None if at is None else moment_of(at)
        with self.held() as engine:
            made = Timetable(engine).add(text, at=moment, **when)
            self.watch(engine)
        return made

    def unschedule(self, name: str) -> bool:
        """Let it come no more; False if there is none of the name."""
        with self.held() as engine:
            return Timetable(engine).remove(name)


def _forget() -> None:
    global _guard  # noqa: PLW0603 - a lock that a parent's thread holds is never released here
    _guard = threading.RLock()
    _engines.clear()


forget_in_child(_forget)
