"""Agents by their names: exported without being run, and imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.memory.sharing import home_of_blocks
from memgpt_autogen.memory.state import SavedState
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.address import is_server
from memgpt_autogen.storage.catalog import must_be_there, names_at
from memgpt_autogen.storage.directory import Section, local_directory
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.store import MEMORY, open_store, settled
from memgpt_autogen.storage.tables import Tables
from memgpt_autogen.upkeep.agent_files.already import OfShared
from memgpt_autogen.upkeep.agent_files.export import Memory, write_agent_file
from memgpt_autogen.upkeep.agent_files.reader import read_agent_file
from memgpt_autogen.upkeep.agent_files.restore import restore


@checked
def export_agent(
    agent: str,
    path: str | Path,
    *,
    memory: str | Path | Settings | None = None,
    embedder: Any = None,
    include_sources: bool = False,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write all that an agent remembers to a file, as `agent.checkpoint`; nothing is run.

    Another program may have the agent open meanwhile: the file holds what that has written.

    Args:
        agent: its name.
        path: of the file; one that is there is replaced.
        memory: where the agent's memory is; default `./.memgpt`.
        embedder: the agent's, with a Chroma server; a directory needs none.
        include_sources: documents that were loaded go into the file, not only their names.
        progress: is told the number of texts written and their total.

    Raises:
        ConfigurationError: there is no such agent, or there is a directory of that name.
        StorageError: the memory cannot be read, or the file not be written.
    """
    location = settled(memory).location
    if location == MEMORY:
        raise ConfigurationError(
            f"memory={MEMORY!r} ends with its agent: call agent.checkpoint(path) on it."
        )
    must_be_there(location, agent)
    with _memory(location, agent, embedder) as found:
        write_agent_file(path, found, include_sources=include_sources, progress=progress)


@checked
def import_agent(
    path: str | Path,
    *,
    memory: str | Path | Settings | None = None,
    embedder: Any = None,
    partial_restore_shared: OfShared = "keep",
    progress: Progress = lambda done, total: None,
    clock: Clock = local_now,
) -> str:
    """Store an agent file's memory; the agent's name, under which it is opened then.

    Vectors are computed anew, so the embedder may be another one than the agent had.
    Killed midway, calling it again finishes it.

    Args:
        path: of a file that `agent.checkpoint` or `export_agent` wrote; it stays as it is.
        memory: where it is to be; default `./.memgpt`.
        embedder: any Chroma embedding function; default the best at hand.
        partial_restore_shared: what becomes of a shared block, archive or source that is there
            already and differs from the file's: with "keep" it stays as it is, with a warning;
            with "replace" the file's takes its place (a block by an edit that its history
            shows, an archive whole); with "refuse" nothing is restored. What is not there is
            made. Of documents that the file only names, nothing is made.
        progress: is told the number of texts stored and their total.
        clock: dates edits of shared blocks.

    Raises:
        ConfigurationError: there is no such file; an agent of that name remembers something at
            `memory`, or is open in this program; something shared differs, with "refuse".
        DirectoryLockedError: another process has an agent of that name open there.
        StateFormatError: the file is no agent file, damaged, or of a newer version.
        StorageError: the storage cannot be used.
    """
    file = read_agent_file(path)
    settings, found = settled(memory), resolve_embedder(embedder)
    about: dict[str, Any] = {"clock": clock, "progress": progress}
    restore(file, settings, found, shared=partial_restore_shared, **about)
    return file.agent


@contextmanager
def _memory(location: str, agent: str, embedder: Any) -> Iterator[Memory]:
    with ExitStack() as opened:

        def tables_of(section: Section, name: str) -> Tables:
            if is_server(location):
                store = open_store(location, section, name, resolve_embedder(embedder))
                return opened.enter_context(closing(store)).tables
            journal = Journal(local_directory(location, section, name), name)
            opened.callback(journal.close)
            return Tables(journal, name)

        tables = tables_of("agents", agent)
        attached = SavedState(tables).values.sources
        there = names_at(location, "sources")
        sources = {name: tables_of("sources", name) for name in attached if name in there}
        shared = opened.enter_context(closing(home_of_blocks(location)))
        yield Memory(tables, shared, sources)
