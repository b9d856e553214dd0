"""Modules that take long to import: each is loaded when a command first uses it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from memgpt_autogen import events, local, settings
    from memgpt_autogen.engine import engine, functions, registry
    from memgpt_autogen.inspector import access, guard, server
    from memgpt_autogen.mcp import memory as offered
    from memgpt_autogen.mcp import server as mcp_server
    from memgpt_autogen.model import texts
    from memgpt_autogen.sources import load
    from memgpt_autogen.sources.remote import database
    from memgpt_autogen.storage import catalog
    from memgpt_autogen.storage.embedders import embedder
    from memgpt_autogen.upkeep import agents, migrate, remove
    from memgpt_autogen.upkeep.agent_files import by_name
    from memgpt_autogen.upkeep.chats import load as chats
    from memgpt_autogen.upkeep.forgetting import forget
    from memgpt_autogen.upkeep.reading import contents, memory
else:

    def _module(name: str) -> object:
        path = f"memgpt_autogen.{name}"
        module = lazy_loader.load(path, suppress_warning=True)
        parent, _, child = path.rpartition(".")
        setattr(sys.modules[parent], child, module)  # as an import does
        return module

    access = _module("inspector.access")
    agents = _module("upkeep.agents")
    by_name = _module("upkeep.agent_files.by_name")
    catalog = _module("storage.catalog")
    chats = _module("upkeep.chats.load")
    contents = _module("upkeep.reading.contents")
    database = _module("sources.remote.database")
    embedder = _module("storage.embedders.embedder")
    engine = _module("engine.engine")
    events = _module("events")
    forget = _module("upkeep.forgetting.forget")
    functions = _module("engine.functions")
    guard = _module("inspector.guard")
    load = _module("sources.load")
    local = _module("local")
    mcp_server = _module("mcp.server")
    memory = _module("upkeep.reading.memory")
    migrate = _module("upkeep.migrate")
    offered = _module("mcp.memory")
    registry = _module("engine.registry")
    remove = _module("upkeep.remove")
    server = _module("inspector.server")
    settings = _module("settings")
    texts = _module("model.texts")

__all__ = [
    "access",
    "agents",
    "by_name",
    "catalog",
    "chats",
    "contents",
    "database",
    "embedder",
    "engine",
    "events",
    "forget",
    "functions",
    "guard",
    "load",
    "local",
    "mcp_server",
    "memory",
    "migrate",
    "offered",
    "registry",
    "remove",
    "server",
    "settings",
    "texts",
]
