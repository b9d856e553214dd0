"""State: values by key and lists by name, of which only what changed is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from memgpt_autogen.storage.journal.journal import Journal

T = TypeVar("T")


class StateTable:
    """Texts by key."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        journal.ensure(
            "state",
            [
                "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
                """CREATE TABLE lists (list TEXT, position INTEGER, value TEXT NOT NULL,
                   PRIMARY KEY (list, position)) WITHOUT ROWID""",
            ],
        )
        self._known: dict[str, str] = {}

    def load(self) -> dict[str, str]:
        """All values."""
        self._known = dict(self._journal.rows("SELECT key, value FROM state"))
        return dict(self._known)

    def save(self, values: Mapping[str, str]) -> None:
        """Write the values that are other than the ones loaded or saved last."""
        known = self._known
        changed = [pair for pair in values.items() if known.get(pair[0]) != pair[1]]
        if changed:
            with self._journal.transaction() as connection:
                connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", changed)
                self._journal.unless_written(lambda: setattr(self, "_known", known))
            self._known = {**known, **dict(changed)}


class SavedList(Generic[T]):
    """A list in memory and its rows: what left it is deleted, what is new is inserted.

    Items are told apart as objects, so an unchanged item costs nothing. What is new stands
    behind what stays, as it does in queues; any other change writes the list anew.

    Args:
        name: of the list.
        write: an item as text.
    """

    def __init__(self, journal: Journal, name: str, write: Callable[[T], str]) -> None:
        self._journal = journal
        self._name = name
        self._write = write
        self._saved: list[tuple[int, T]] = []

    def load(self, read: Callable[[str], T]) -> list[T]:
        """The items as they were saved."""
        sql = "SELECT position, value FROM lists WHERE list = ? ORDER BY position"
        rows = self._journal.rows(sql, [self._name])
        self._saved = [(int(position), read(str(value))) for position, value in rows]
        return [item for _, item in self._saved]

    def save(self, items: Sequence[T]) -> None:
        """Make the rows agree with the items."""
        positions = {id(item): position for position, item in self._saved}
        last = max([0, *positions.values()])
        placed: list[tuple[int, T]] = []
        for item in items:
            position = positions.pop(id(item), None)
            if position is None or (placed and position < placed[-1][0]):
                position = last = last + 1
            placed.append((position, item))
        self._replace(placed)

    def _replace(self, placed: list[tuple[int, T]]) -> None:
        saved, before = self._saved, dict(self._saved)
        kept = {position for position, item in placed if before.get(position) is item}
        gone = [position for position in before if position not in kept]
        fresh = [(position, item) for position, item in placed if position not in kept]
        if gone or fresh:
            with self._journal.transaction() as connection:
                connection.executemany(
                    "DELETE FROM lists WHERE list = ? AND position = ?",
                    [(self._name, position) for position in gone],
                )
                connection.executemany(
                    "INSERT INTO lists VALUES (?, ?, ?)",
                    [(self._name, position, self._write(item)) for position, item in fresh],
                )
                self._journal.unless_written(lambda: setattr(self, "_saved", saved))
            self._saved = placed
