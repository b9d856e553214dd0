"""Entries: what full text holds for each record, kept true as records come and go.

The words of a record are indexed in five columns, weighted in the ranking: its text,
its speaker, the text before and after it in the conversation, and its date. An entry
is made from rows of the records' table alone, by `_columns`: the FTS5 table stores no
text of its own, and an entry is taken out by giving the very columns it was made of.
"""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from memgpt_autogen.storage.journal.words import indexed
from memgpt_autogen.storage.record import Kind, readable

# With any change of these, of the tables, of `_columns` or of what `words` makes of a
# text, raise journal.LAYOUT.
TOKENIZER = "porter ascii"  # texts come cut into words; what is not ASCII stays as it is
COLUMNS = "text, speaker, previous, next, date"
WEIGHTS = "1.0, 1.0, 0.7, 0.3, 0.5"
NEIGHBOUR_CHARACTERS = 600  # of the neighbours' texts; more would drown the record's own


class Entries:
    """The full-text entries of one kind's records."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._records = kind.name
        self.name = f"{kind.name}_words"

    @property
    def statement(self) -> str:
        """Makes the table."""
        return (
            f"CREATE VIRTUAL TABLE {self.name} USING fts5({COLUMNS}, content='',"
            f" tokenize='{TOKENIZER}')"
        )

    def before(
        self, connection: sqlite3.Connection, numbers: set[int]
    ) -> dict[int, tuple[str, ...] | None]:
        """What the entries of these records, and of those beside them, are made of now.

        Where a conversation only goes on, that is its last record and the new ones.
        """
        found = set(numbers)
        for number in numbers if self._kind.dialogue else ():
            for sql in (
                f"SELECT max(number) FROM {self._records} WHERE number < ?",
                f"SELECT min(number) FROM {self._records} WHERE number > ?",
            ):
                (neighbour,) = connection.execute(sql, [number]).fetchone()
                if neighbour is not None:
                    found.add(neighbour)
        return {number: self._columns(connection, number) for number in sorted(found)}

    def renew(
        self, connection: sqlite3.Connection, before: dict[int, tuple[str, ...] | None]
    ) -> None:
        """Make the entries true again, which were made of `before`."""
        for number, old in before.items():
            new = self._columns(connection, number)
            if old is not None and old != new:
                connection.execute(
                    f"INSERT INTO {self.name} ({self.name}, rowid, {COLUMNS})"
                    " VALUES ('delete', ?, ?, ?, ?, ?, ?)",
                    [number, *map(indexed, old)],
                )
            if new is not None and old != new:
                connection.execute(
                    f"INSERT INTO {self.name} (rowid, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                    [number, *map(indexed, new)],
                )

    def _columns(self, connection: sqlite3.Connection, number: int) -> tuple[str, ...] | None:
        """Text, speaker, previous, next, date; None if there is no such record."""
        sql = f"SELECT text, speaker, timestamp, tags FROM {self._records} WHERE number = ?"
        row = connection.execute(sql, [number]).fetchone()
        if row is None:
            return None
        text, speaker, timestamp, tags = row
        date = readable(datetime.fromisoformat(timestamp))
        if not self._kind.dialogue:
            return text, " ".join(json.loads(tags)) if tags else "", "", "", date
        around = []
        for comparison, order in (("<", "DESC"), (">", "ASC")):
            sql = (
                f"SELECT substr(text, 1, {NEIGHBOUR_CHARACTERS}) FROM {self._records}"
                f" WHERE number {comparison} ? ORDER BY number {order} LIMIT 1"
            )
            neighbour = connection.execute(sql, [number]).fetchone()
            around.append(neighbour[0] if neighbour else "")
        return text, speaker, around[0], around[1], date
