"""State: values by key and one list, of which only what changed is written; and what is put by."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memgpt_autogen.storage.journal.journal import Journal


class StateTable:
    """Texts by key, and the rows of a list in memory.

    The list's items are told apart as objects, so an unchanged item costs nothing. What is
    new stands behind what stays, as it does in queues; any other change writes the list anew
    from there on.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        journal.ensure(
            "state",
            [
                "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
                "CREATE TABLE queue (position INTEGER PRIMARY KEY, value TEXT NOT NULL)",
            ],
        )
        journal.ensure(
            "aside",
            ["CREATE TABLE aside (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"],
        )
        self._values: dict[str, str] = {}
        self._items: list[tuple[int, Any]] = []
        self._is_unsure = False  # whether the rows are those of the items

    def values(self) -> dict[str, str]:
        """All values."""
        self._values = dict(self._journal.rows("SELECT key, value FROM state"))
        return dict(self._values)

    @property
    def has_values(self) -> bool:
        """Whether there is any value."""
        return bool(self._journal.rows("SELECT 1 FROM state LIMIT 1"))

    def items(self, read: Callable[[str], Any]) -> list[Any]:
        """The items of the list."""
        rows = self._journal.rows("SELECT position, value FROM queue ORDER BY position")
        self._items, self._is_unsure = [(place, read(value)) for place, value in rows], False
        return [item for _, item in self._items]

    def put(self, values: Mapping[str, str]) -> None:
        """Write values."""
        with self._journal.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", values.items())

    def remove(self, key: str) -> None:
        """Take a value away."""
        self._values.pop(key, None)
        with self._journal.transaction() as connection:
            connection.execute("DELETE FROM state WHERE key = ?", [key])

    def clear(self) -> None:
        """Take away all values, the list, and what was put aside."""
        with self._journal.transaction() as connection:
            for table in ("state", "queue", "aside"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - of these names
        self.undo()

    def aside(self) -> list[str]:
        """The names of the texts that were put aside."""
        return [name for (name,) in self._journal.rows("SELECT name FROM aside ORDER BY name")]

    def all_aside(self) -> dict[str, str]:
        """The texts that were put aside, by their names."""
        return dict(self._journal.rows("SELECT name, value FROM aside"))

    def take_up(self, name: str) -> str | None:
        """A text that was put aside; it stays there."""
        rows = self._journal.rows("SELECT value FROM aside WHERE name = ?", [name])
        return rows[0][0] if rows else None

    def put_aside(self, name: str, value: str | None) -> None:
        """Put a text aside, to be read when it is asked for; None takes it away."""
        with self._journal.transaction() as connection:
            if value is None:
                connection.execute("DELETE FROM aside WHERE name = ?", [name])
            else:
                connection.execute("INSERT OR REPLACE INTO aside VALUES (?, ?)", [name, value])

    def save(
        self,
        connection: sqlite3.Connection,
        values: Mapping[str, str],
        items: Sequence[Any],
        write: Callable[[Any], str],
    ) -> None:
        """Write what is other than when it was loaded or saved last.

        To be called within a transaction; and `undo`, if that is not written.

        Args:
            connection: of the transaction.
            values: to be put; keys that are not among them stay.
            items: the whole list.
            write: an item as text.
        """
        if self._is_unsure:
            connection.execute("DELETE FROM queue")
        changed = [pair for pair in values.items() if self._values.get(pair[0]) != pair[1]]
        connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", changed)
        positions = {id(item): position for position, item in self._items}
        last = max([0, *positions.values()])
        placed: list[tuple[int, Any]] = []
        fresh: list[tuple[int, str]] = []
        for item in items:
            position = positions.get(id(item))
            if position is None or (placed and position <= placed[-1][0]):
                position = last = last + 1
                fresh.append((position, write(item)))
            else:
                del positions[id(item)]
            placed.append((position, item))
        kept = {position for position, _ in placed}
        gone = [(position,) for position, _ in self._items if position not in kept]
        connection.executemany("DELETE FROM queue WHERE position = ?", gone)
        connection.executemany("INSERT INTO queue VALUES (?, ?)", fresh)
        self._values.update(changed)
        self._items, self._is_unsure = placed, False

    def undo(self) -> None:
        """Something was not written, saved or not: the next save writes everything anew."""
        self._values, self._items, self._is_unsure = {}, [], True
