"""Removing a source; `upkeep/agents.py` deletes agents."""

from __future__ import annotations

import shutil
from pathlib import Path

from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError, StorageError
from memgpt_autogen.storage.address import is_server
from memgpt_autogen.storage.ownership import ownership_of
from memgpt_autogen.upkeep.reading.contents import directory_of

_OWNER_SECONDS = 3.0  # another process may be at work on the index for a moment


def delete_source(location: str, name: str) -> Path:
    """Delete a source with all its files; where they lay. Agents that search it are warned.

    Raises:
        ConfigurationError: there is none of that name; or it is on a Chroma server.
        DirectoryLockedError: another process loads it or writes to it.
        StorageError: a file cannot be deleted.
    """
    if is_server(location):
        raise ConfigurationError(f"{name!r} is on a Chroma server: delete its collections there.")
    directory = directory_of(location, "sources", name)
    ownership = ownership_of(directory)
    if not ownership.take(_OWNER_SECONDS):
        raise DirectoryLockedError(
            f"{name!r} is in use by {ownership.owner}: let that one end before it is deleted."
        )
    aside = directory.with_name(f".{directory.name}.deleted")
    try:
        directory.rename(aside)  # at once: what is half deleted is no source
        shutil.rmtree(aside)
    except OSError as problem:
        raise StorageError(
            f"{problem.filename} cannot be deleted: {problem.strerror}."
        ) from problem
    finally:
        ownership.release()
    return directory
