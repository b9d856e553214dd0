"""Which document sources there are at a location, and who shares an open one.

A source has one writer, but several agents of a process may search it: they share
one open database.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from memgpt_autogen.storage.address import Server, is_server
from memgpt_autogen.storage.chroma import Database, open_source, server_records
from memgpt_autogen.storage.directory import folder_name


@dataclass
class _Shared:
    database: Database
    users: int = 0


_open: dict[tuple[str, str], _Shared] = {}
_guard = threading.Lock()


def source_names(location: str) -> list[str]:
    """The names of the sources at a location, sorted.

    Raises:
        StorageError: the Chroma server does not answer.
    """
    if is_server(location):
        records = server_records(location, "sources")
    else:
        records = list(_local_records(_root(location)))
    names = (_name_in(record) for record in records)
    return sorted({name for name in names if name is not None})


def acquire_source(location: str, name: str) -> Database:
    """Open, or make, a source, or share it where this process has it open already.

    To be given back with `release_source`.

    Raises:
        DirectoryLockedError: another process has it open.
        StorageError: it cannot be read or written.
    """
    key = _key(location, name)
    with _guard:
        if key not in _open:
            _open[key] = _Shared(open_source(location, name))
        shared = _open[key]
        shared.users += 1
        return shared.database


def release_source(database: Database) -> None:
    """Give back what `acquire_source` gave; the last one closes it."""
    key = _key(database.location, database.name)
    with _guard:
        shared = _open.get(key)
        if shared is None or shared.database is not database:
            return
        shared.users -= 1
        if shared.users == 0:
            del _open[key]
            database.close()


@contextmanager
def shared_source(location: str, name: str) -> Iterator[Database]:
    """A source, open inside the `with` block."""
    database = acquire_source(location, name)
    try:
        yield database
    finally:
        release_source(database)


def _key(location: str, name: str) -> tuple[str, str]:
    place = Server.at(location).url if is_server(location) else str(_root(location))
    return place, folder_name(name)


def _root(location: str) -> Path:
    return Path(location).expanduser().resolve()


def _local_records(root: Path) -> Iterator[str]:
    """The state records below `sources/`; what cannot be read is no source."""
    for path in sorted(root.glob("sources/*/state.sqlite3")):
        try:
            with closing(sqlite3.connect(path, timeout=5.0)) as connection:
                row = connection.execute("SELECT record FROM state").fetchone()
        except sqlite3.Error:
            continue
        if row is not None:
            yield str(row[0])


def _name_in(record: str) -> str | None:
    try:
        found = json.loads(record)
    except ValueError:
        return None
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None
