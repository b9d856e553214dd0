"""Modules that take long to import: each is loaded when a command first uses it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from memgpt_autogen import events, local, settings
    from memgpt_autogen.engine import engine, registry
    from memgpt_autogen.memory import core
    from memgpt_autogen.model import texts
    from memgpt_autogen.sources import load
    from memgpt_autogen.storage import catalog
    from memgpt_autogen.storage.embedders import embedder
    from memgpt_autogen.upkeep import agents, forget, migrate, remove
    from memgpt_autogen.upkeep.agent_files import by_name
    from memgpt_autogen.upkeep.reading import contents, memory
else:

    def _module(name: str) -> object:
        path = f"memgpt_autogen.{name}"
        module = lazy_loader.load(path, suppress_warning=True)
        parent, _, child = path.rpartition(".")
        setattr(sys.modules[parent], child, module)  # as an import does
        return module

    agents = _module("upkeep.agents")
    by_name = _module("upkeep.agent_files.by_name")
    catalog = _module("storage.catalog")
    contents = _module("upkeep.reading.contents")
    core = _module("memory.core")
    embedder = _module("storage.embedders.embedder")
    engine = _module("engine.engine")
    events = _module("events")
    forget = _module("upkeep.forget")
    load = _module("sources.load")
    local = _module("local")
    memory = _module("upkeep.reading.memory")
    migrate = _module("upkeep.migrate")
    registry = _module("engine.registry")
    remove = _module("upkeep.remove")
    settings = _module("settings")
    texts = _module("model.texts")

__all__ = [
    "agents",
    "by_name",
    "catalog",
    "contents",
    "core",
    "embedder",
    "engine",
    "events",
    "forget",
    "load",
    "local",
    "memory",
    "migrate",
    "registry",
    "remove",
    "settings",
    "texts",
]
