"""The registry: the engines that are open in this process, by where their memories lie.

Notebooks make an agent anew while the old one is still known, and programs make several
of one name: they all get the same engine, and take their turns one after the other.
"""

from __future__ import annotations

import threading
import weakref

from memgpt_autogen.engine.build import build_engine
from memgpt_autogen.engine.engine import Engine, Identity
from memgpt_autogen.events import Clock
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.directory import agent_directory
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.process import forget_in_child
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


def _forget() -> None:
    global _guard  # noqa: PLW0603 - a lock that a parent's thread holds is never released here
    _guard = threading.RLock()
    _engines.clear()


forget_in_child(_forget)
