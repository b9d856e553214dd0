"""The agents at a location: which there are, how much each remembers, and how one is deleted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from memgpt_autogen.engine.registry import opened
from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError, StorageError
from memgpt_autogen.storage.address import is_server, without_credentials
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.directory import agent_directory
from memgpt_autogen.storage.journal.file import FILE
from memgpt_autogen.storage.ownership import ownership_of
from memgpt_autogen.storage.shared_copy.server import delete_copy
from memgpt_autogen.storage.store import MEMORY
from memgpt_autogen.upkeep.reading.contents import contents
from memgpt_autogen.values import Brief

_OWNER_SECONDS = 1.0  # another process may be at work on the index for a moment


@dataclass(frozen=True, repr=False)
class AgentSummary(Brief):
    """An agent at a location, as far as it is told without opening it.

    Attributes:
        name: the agent's.
        directory: where its files lie on this machine.
        messages: in recall storage.
        passages: of its own in archival storage.
        last: when the latest message was said; None where none was.
    """

    name: str
    directory: Path
    messages: int = 0
    passages: int = 0
    last: datetime | None = None


@dataclass(frozen=True, repr=False)
class Deleted(Brief):
    """What `delete_agent` deleted: a folder with its files, and what the agent remembered."""

    name: str
    directory: Path
    messages: int
    passages: int
    files: int
    bytes: int


def list_agents(location: str) -> list[AgentSummary]:
    """The agents at a location, by name; of those only on a server the name alone.

    Raises:
        StorageError: a journal cannot be read, or the server does not answer.
    """
    if location == MEMORY:
        return []
    return [_summary(location, name) for name in names_at(location, "agents")]


def agent_at(location: str, name: str) -> AgentSummary:
    """The agent of a name.

    Raises:
        ConfigurationError: there is none.
        StorageError: its journal cannot be read.
    """
    names = names_at(location, "agents")
    if name not in names:
        raise ConfigurationError(
            f"there is no agent {name!r} at {without_credentials(location)}; the agents there are:"
            f" {', '.join(map(repr, names)) or 'none'}."
        )
    return _summary(location, name)


def delete_agent(location: str, name: str) -> Deleted:
    """Delete all that an agent remembers: its whole folder, and its collections on a server.

    Sources, shared blocks and shared archives stay. An agent that is open in this process is
    closed first. What was deleted is not overwritten; `forget` does that.

    Raises:
        ConfigurationError: there is no such agent.
        DirectoryLockedError: another process runs its turns.
        StorageError: a file cannot be deleted; call it again.
    """
    about = agent_at(location, name)
    engine = opened(location, name)
    if engine is not None:
        with engine.lock.held():
            engine.close()
    ownership = ownership_of(about.directory)
    if about.directory.exists() and not ownership.take(_OWNER_SECONDS):
        raise DirectoryLockedError(
            f"{name}'s turns are run by {ownership.owner}: let that one end or close its agent"
            " before it is deleted."
        )
    files = [path for path in about.directory.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    try:
        if is_server(location):
            delete_copy(location, "agents", name)
        (about.directory / FILE).unlink(missing_ok=True)  # without it there is no agent
        ownership.release()
        if about.directory.exists():
            shutil.rmtree(about.directory)
    except OSError as problem:
        raise StorageError(
            f"{problem.filename} cannot be deleted ({problem.strerror}): what is left of {name!r}"
            f" lies in {about.directory}."
        ) from problem
    finally:
        ownership.release()
    return Deleted(name, about.directory, about.messages, about.passages, len(files), size)


def _summary(location: str, name: str) -> AgentSummary:
    directory = agent_directory(location, name)
    if not (directory / FILE).exists():  # on a server, and never opened here
        return AgentSummary(name, directory)
    found = contents(location, "agents", name)
    return AgentSummary(name, directory, found.messages, found.passages, found.last_seen)
