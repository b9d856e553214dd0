"""What commands open to change it: an agent's engine without a model, or its memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import load_config
from memgpt_autogen.cli.options import embedder
from memgpt_autogen.storage.address import is_server

_PATIENCE = 1.0  # seconds: another process may be at work on the index for a moment


@contextmanager
def open_engine(agent: str, place: str) -> Iterator[late.engine.Engine]:
    """The engine of an agent that there is; no other process runs it meanwhile.

    Raises:
        ConfigurationError: there is no such agent.
        DirectoryLockedError: another process runs it.
    """
    config, found = load_config(), late.contents.contents(place, "agents", agent)
    engine = late.registry.open_engine(
        late.engine.Identity(agent, config.model, config.context_window or None),
        late.settings.Settings(location=place),
        embedder=embedder(config.embedder, found.embedder),
        clock=late.events.local_now,
    )
    try:
        with engine.lock.held():
            engine.own(_PATIENCE)
            yield engine
    finally:
        engine.close()


@contextmanager
def open_to_edit(
    agent: str, place: str, by: late.embedder.Embedder | None = None
) -> Iterator[late.memory.AgentMemory | late.functions.Workspace]:
    """An agent's memory, to be edited also while another process runs the agent.

    On a Chroma server an agent that does not run here is taken over, so that the server gets
    the edit. `by`: embeds what is written; None: whoever runs the agent does.

    Raises:
        ConfigurationError: there is no such agent.
    """
    if is_server(place) and late.contents.contents(place, "agents", agent).owner is None:
        with open_engine(agent, place) as engine:
            yield engine.workspace
            engine.store.written()
    else:
        with late.memory.open_memory(place, agent, by) as opened:
            yield opened
