"""Which agents and document sources there are at a location."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.address import is_server, without_credentials
from memgpt_autogen.storage.directory import Section, root_of
from memgpt_autogen.storage.journal.connection import connect
from memgpt_autogen.storage.journal.file import FILE
from memgpt_autogen.storage.shared_copy.names import server_names


def names_at(location: str, section: Section) -> list[str]:
    """The names of the agents or sources at a location, sorted; what cannot be read is none.

    Raises:
        StorageError: the Chroma server does not answer.
    """
    if is_server(location):
        return server_names(location, section)
    found: set[str] = set()
    for path in root_of(location).glob(f"{section}/*/{FILE}"):
        try:
            with closing(connect(path)) as connection:
                rows = connection.execute("SELECT value FROM meta WHERE key = 'name'").fetchall()
        except sqlite3.Error:
            continue
        found.update(str(name) for (name,) in rows)
    return sorted(found)


def must_be_there(location: str, agent: str) -> None:
    """See that there is an agent of that name.

    Raises:
        ConfigurationError: there is none; it names those there are.
        StorageError: the Chroma server does not answer.
    """
    names = names_at(location, "agents")
    if agent not in names:
        raise ConfigurationError(
            f"there is no agent {agent!r} at {without_credentials(location)}; the agents"
            f" there are: {', '.join(map(repr, names)) or 'none'}."
        )
