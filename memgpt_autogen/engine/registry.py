"""The registry: the engines that are open in this process, by where their memories lie.

Notebooks make an agent anew while the old one is still known, and programs make several
of one name: they all get the same engine, and take their turns one after the other.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memgpt_autogen.engine.build import build_engine
from memgpt_autogen.engine.engine import Engine, Identity
from memgpt_autogen.events import Clock
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


def still_open(
    engine: Engine | None,
    identity: Identity,
    settings: Settings,
    *,
    embedder: Embedder,
    clock: Clock,
    role: str,
    runs_turns: bool,
) -> Engine:
    """`engine` while it is open, else the agent's engine, opened anew.

    Args:
        engine: that of an earlier use.
        identity: who the agent is.
        settings: of its memory.
        embedder: makes the vectors.
        clock: tells the time.
        role: the program's part of the instructions.
        runs_turns: turns are to come; where another process has them, they will be refused.

    Raises:
        ForkedError: this process is a child of the one that opened it.
        StorageError: the storage cannot be used.
    """
    if engine is not None and engine.process != os.getpid():
        raise forked(f"the memory of {identity.name}")
    if engine is not None and engine.is_open:
        return engine
    engine = open_engine(identity, settings, embedder=embedder, clock=clock)
    with engine.lock.held():
        engine.instruct(role)
        engine.compare_first_texts(identity)
    if runs_turns:
        engine.store.own(0.0)
    return engine


@contextmanager
def held(
    engine_of: Callable[[], Engine], identity: Identity, settings: Settings
) -> Iterator[Engine]:
    """The engine as this program has it, which nobody else uses inside the `with` block."""
    while True:
        engine = engine_of()
        with engine.lock.held():
            if engine.is_open:  # another agent of the name may have closed it meanwhile
                if (engine.identity, engine.settings) != (identity, settings):
                    engine.adapt(identity, settings)
                yield engine
                return


def _forget() -> None:
    global _guard  # noqa: PLW0603 - a lock that a parent's thread holds is never released here
    _guard = threading.RLock()
    _engines.clear()


forget_in_child(_forget)
