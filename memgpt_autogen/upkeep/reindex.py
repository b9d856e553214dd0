"""Embedding a memory anew, with another embedder."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.catalog import must_be_there
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.store import MEMORY, open_store, settled

_OWNER_SECONDS = 3.0  # another process may be at work on the index for a moment


@checked
def reindex(
    agent: str,
    *,
    memory: str | Path | Settings | None = None,
    embedder: Any = None,
    progress: Progress = lambda done, total: None,
) -> int:
    """Embed an agent's memory anew with another embedder; how many records there are.

    The way out of an EmbedderMismatchError. The agent must be closed meanwhile. Killed
    midway, the memory is one of the new embedder, and whoever opens it goes on.

    Args:
        agent: its name.
        memory: where its memory is; default `./.memgpt`.
        embedder: any Chroma embedding function; default the best at hand.
        progress: is told the number of records done and their total.

    Raises:
        ConfigurationError: there is no such agent.
        DirectoryLockedError: another process runs the agent's turns.
        StorageError: the storage cannot be used.
    """
    settings, found = settled(memory), resolve_embedder(embedder)
    if settings.location == MEMORY:
        raise ConfigurationError(f"memory={MEMORY!r} ends with its agent: there is nothing there.")
    must_be_there(settings.location, agent)
    with closing(
        open_store(settings.location, "agents", agent, found, settings=settings, anew=True)
    ) as store:
        if not store.own(_OWNER_SECONDS):
            assert store.ownership is not None
            raise DirectoryLockedError(
                f"the memory of {agent!r} is open in {store.ownership.owner}: close it there."
            )
        return store.embed_anew(progress)
