"""Contents: what there is of an agent or a source, at a glance and beside whoever uses it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.storage.address import Server, is_server, without_credentials
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.directory import Section, local_directory, server_directory
from memgpt_autogen.storage.journal.file import FILE
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.where import EVERYTHING
from memgpt_autogen.storage.ownership import ownership_of
from memgpt_autogen.storage.tables import Tables


@dataclass(frozen=True)
class Contents:
    """What there is of an agent or a source.

    Attributes:
        messages, passages: how many.
        last_seen: when the latest message was said, by its time.
        files: labels of the files that a source was loaded from.
        embedder: the id of the one that made the vectors; None before there are any.
        owner: the process that runs or loads it now, for people; None where none does.
    """

    name: str
    messages: int
    passages: int
    last_seen: datetime | None
    files: tuple[str, ...]
    embedder: str | None
    owner: str | None


def contents(location: str, section: Section, name: str) -> Contents:
    """What there is of an agent or a source; nothing is changed, nobody is kept waiting.

    Raises:
        ConfigurationError: there is none of that name.
        StateFormatError: it has a layout that this version cannot read.
        StorageError: it cannot be read, or the server does not answer.
    """
    directory = directory_of(location, section, name)
    with closing(Journal(directory, name)) as journal:
        tables = Tables(journal, name)
        latest = tables.recall.page(EVERYTHING, limit=1, newest_first=True)
        return Contents(
            name,
            len(tables.recall),
            len(tables.archival),
            latest[0].timestamp if latest else None,
            tuple(sorted(tables.state.values())) if section == "sources" else (),
            journal.get("embedder"),
            ownership_of(directory).holder(),
        )


def directory_of(location: str, section: Section, name: str) -> Path:
    """Where the files of an agent or a source lie on this machine.

    Raises:
        ConfigurationError: there is none of that name.
        StorageError: it is on a server, and nothing of it here; or the server does not answer.
    """
    if is_server(location):
        directory = server_directory(Server.at(location), section, name)
    else:
        directory = local_directory(location, section, name)
    if (directory / FILE).exists():
        return directory
    one = section.removesuffix("s")
    place, names = without_credentials(location), names_at(location, section)
    if name in names:
        raise StorageError(
            f"{name!r} is on {place}, and this machine has no working copy of it yet: use the"
            f" {one} here once, and nowhere else at that time."
        )
    there = ", ".join(map(repr, names)) or "none"
    raise ConfigurationError(f"there is no {one} {name!r} at {place}; there are: {there}.")
