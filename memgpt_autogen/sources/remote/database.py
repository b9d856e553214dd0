"""Databases: the rows that a query gives, as documents of a source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.installation import extra
from memgpt_autogen.settings import Settings
from memgpt_autogen.sources.files import printable
from memgpt_autogen.sources.labels import Origin
from memgpt_autogen.sources.load import LoadedSource, Readings, load_documents
from memgpt_autogen.sources.passages import Text
from memgpt_autogen.sources.reading import Reading, digest
from memgpt_autogen.storage.indexer import Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

_FETCHED = 500  # rows at once
_MOST_KEY = 120  # characters of a row's name
# What keeps a query from writing, beside that nothing is committed.
_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET TRANSACTION READ ONLY",
    "mariadb": "SET TRANSACTION READ ONLY",
}
_TABLE = re.compile(r"\bfrom\s+[\"'`\[]?([\w.]+)", re.IGNORECASE)


@checked
def load_database(
    name: str,
    url: str,
    query: str,
    *,
    keys: str | Sequence[str] = (),
    label: str | None = None,
    memory: str | Path | Settings | None = None,
    embedder: Any = None,
    progress: Progress | None = None,
    clock: Clock = local_now,
) -> LoadedSource:
    """Load the rows of a query into a source, for `agent.attach(name)`.

    Needs the extra `documents`, and SQLAlchemy's driver for the database. A row is a document:
    a passage with a line `column: value` for each value there is (a long one is divided). Its
    first tag is the label with the row's keys, such as `shop.db/parts: id=7`.

    Loading again replaces the rows that have changed, takes in new ones, and removes those that
    the query gives no longer. Nothing is written to the database. Of the URL neither the
    password nor the parameters are stored or told.

    Args:
        name: of the source; any text.
        url: of the database, as SQLAlchemy takes it: `sqlite:///shop.db`,
            `postgresql+psycopg://user:password@host/shop`.
        query: a select.
        keys: the columns that tell rows apart; without them, rows go by their position, so
            that one more at the top changes them all.
        label: what the rows are called; default: the database and the first table. Another
            query under a label that is given replaces the rows of the one before.
        memory: where the agents' memory is; default `./.memgpt`.
        embedder: must be the one of the agents that it will be attached to.
        progress: is told the number of passages done and their total, as far as it is known;
            default: a bar on standard error, where that is a terminal.
        clock: dates the passages.

    Raises:
        ConfigurationError: the database cannot be reached or queried so, a package is missing,
            or another query's rows have the label.
        DirectoryLockedError: another process loads the source.
        EmbedderMismatchError: the source was made with another embedder.
        StorageError: the storage cannot be used.
    """
    rows = _Rows(url, query, [keys] if isinstance(keys, str) else list(keys), label)
    return load_documents(name, rows, memory, embedder, progress, clock)


def with_password(url: str, password: str) -> str:
    """The URL of a database with a password put in.

    Raises:
        ConfigurationError: it is none.
    """
    return _checked_url(url).set(password=password).render_as_string(hide_password=False)


class _Rows:
    """The rows of a query."""

    def __init__(self, url: str, query: str, keys: Sequence[str], label: str | None) -> None:
        self._url = _checked_url(url)
        self._query, self._keys, self._is_named = query, keys, label is not None
        place = Path(self._url.database or "").name or self._url.get_backend_name()
        table = _TABLE.search(query)
        self._label = label or (f"{place}/{table[1]}" if table else place)
        shown = self._url.set(password=None, query={}).render_as_string()
        about = hashlib.sha256(query.encode("utf-8", "replace")).hexdigest()[:16]
        self._origin = Origin(path=f"{shown}#{self._label}", version=about)
        self.where, self.count = self._label, 0

    def read(self, known: Mapping[str, str], origins: Mapping[str, Origin]) -> Readings:
        if not self._is_named and any(
            origin.version != self._origin.version for origin in self._mine(origins).values()
        ):
            raise ConfigurationError(
                f"the source has rows of another query as {self._label!r}: give label="
                " (--label), that one to replace them, or another to have both."
            )
        seen: set[str] = set()
        for position, row in enumerate(self._rows(), 1):
            label, text = self._named(position, row), _text(row)
            found = digest(text.encode("utf-8", "replace"))
            if label in seen:
                yield Reading(label, self._origin, reason="another row has the same keys")
            elif not text:
                yield Reading(label, self._origin, reason="it holds no text", is_gone=True)
            elif known.get(label) == found:
                yield Reading(label, self._origin, found)
            else:
                yield Reading.of(label, self._origin, found, Text((text,)))
            seen.add(label)

    def gone(self, origins: Mapping[str, Origin], seen: Collection[str]) -> Sequence[str]:
        return [label for label in self._mine(origins) if label not in seen]

    def _mine(self, origins: Mapping[str, Origin]) -> dict[str, Origin]:
        """What the source has of rows under this label."""
        end = f"#{self._label}"
        return {
            label: origin
            for label, origin in origins.items()
            if origin.version and origin.path.endswith(end) and label.startswith(f"{self._label}: ")
        }

    def _named(self, position: int, row: Mapping[str, Any]) -> str:
        if not self._keys:
            return f"{self._label}: row {position}"
        missing = [key for key in self._keys if key not in row]
        if missing:
            there = ", ".join(row)
            raise ConfigurationError(f"the query gives no column {missing[0]!r}, but {there}.")
        keys = ", ".join(f"{key}={row[key]}" for key in self._keys)
        if len(keys) > _MOST_KEY:
            keys = f"{keys[:_MOST_KEY]}… {hashlib.sha256(keys.encode()).hexdigest()[:8]}"
        return printable(f"{self._label}: {keys}")

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        options = {"stream_results": True, "max_row_buffer": _FETCHED}
        with _connected(self._url) as connection:
            result = connection.execution_options(  # a % or : in the query means itself
                no_parameters=True, **options
            ).exec_driver_sql(self._query)
            if not result.returns_rows:
                raise ConfigurationError("the query gives no rows: it must be a select.")
            columns = _told_apart(list(result.keys()))
            for part in result.partitions(_FETCHED):
                yield from (dict(zip(columns, row, strict=True)) for row in part)


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    """A connection that writes nothing.

    Raises:
        ConfigurationError: it cannot be had, or what is asked for cannot be.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
        with engine.connect() as connection:
            if read_only := _READ_ONLY.get(engine.dialect.name):
                connection.exec_driver_sql(read_only)
            try:
                yield connection
            finally:
                connection.rollback()
    except ImportError as problem:
        raise ConfigurationError(
            f"{url.drivername} needs its driver: pip install {problem.name or url.drivername}."
        ) from None
    except (SQLAlchemyError, OSError) as problem:
        # A driver's own words may hold what it was given.
        raise ConfigurationError(_without_password(problem, url)) from None


def _checked_url(url: str) -> URL:
    try:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    except ImportError as problem:
        raise ConfigurationError(f"to load databases: {extra('documents')}") from problem
    try:
        made = make_url(url)
        made.get_dialect()
    except NoSuchModuleError:
        raise ConfigurationError(
            f"SQLAlchemy knows no database {made.drivername!r}, or its dialect is not installed."
        ) from None
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "the URL of a database is dialect://user:password@host/name, such as sqlite:///shop.db."
        ) from None
    except ImportError as problem:
        raise ConfigurationError(
            f"{made.drivername} needs its driver: pip install {problem.name}."
        ) from None
    is_file = made.get_backend_name() == "sqlite" and made.database not in (None, "", ":memory:")
    if is_file and "uri" not in made.query and not Path(str(made.database)).is_file():
        raise ConfigurationError(f"there is no database {made.database!r}.")  # it would be made
    return made


def _without_password(problem: Exception, url: URL) -> str:
    said = str(getattr(problem, "orig", None) or problem).strip().splitlines() or [""]
    text = f"the database cannot be queried ({type(problem).__name__}: {said[0][:300]})."
    values = (one for value in url.query.values() for one in _many(value))
    for secret in filter(None, (str(url.password or ""), *values)):
        text = text.replace(secret, "…")
    return text


def _many(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _told_apart(columns: Sequence[str]) -> list[str]:
    """Names of columns; the second of a name is called so."""
    return [
        f"{one} {columns[:at].count(one) + 1}" if one in columns[:at] else one
        for at, one in enumerate(columns)
    ]


def _text(row: Mapping[str, Any]) -> str:
    """`column: value`, a line each; what is null, empty or no text is left out."""
    lines = ((column, _value(value)) for column, value in row.items())
    return "\n".join(f"{column}: {value}" for column, value in lines if value)


def _value(value: Any) -> str:
    if value is None or isinstance(value, bytes | bytearray | memoryview):
        return ""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value).strip()
