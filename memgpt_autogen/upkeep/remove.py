"""Removing: all files of an agent or of a source."""

from __future__ import annotations

import shutil
from pathlib import Path

from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError, StorageError
from memgpt_autogen.storage.address import is_server
from memgpt_autogen.storage.directory import Section
from memgpt_autogen.storage.ownership import ownership_of
from memgpt_autogen.upkeep.contents import directory_of

_OWNER_SECONDS = 3.0  # another process may be at work on the index for a moment


def remove(location: str, section: Section, name: str) -> Path:
    """Delete an agent or a source with all its files; where they lay.

    Shared blocks and archives stay. Nothing is overwritten: `forget` does that.

    Raises:
        ConfigurationError: there is none of that name; or it is on a Chroma server, whose
            collections are deleted there.
        DirectoryLockedError: another process runs the agent's turns, or loads the source.
        StorageError: a file cannot be deleted.
    """
    if is_server(location):
        raise ConfigurationError(
            f"{name!r} is on a Chroma server: delete its collections there, and nothing is lost"
            " by mistake of one machine."
        )
    directory = directory_of(location, section, name)
    ownership = ownership_of(directory)
    if not ownership.take(_OWNER_SECONDS):
        raise DirectoryLockedError(
            f"{name!r} is in use by {ownership.owner}: let that one end or close its agent first."
        )
    aside = directory.with_name(f".{directory.name}.deleted")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        directory.rename(aside)  # at once: what is half deleted is no memory
        shutil.rmtree(aside)
    except OSError as problem:
        raise StorageError(f"{directory} cannot be deleted: {problem}.") from problem
    finally:
        ownership.release()
    return directory
