"""Changes: what of the records the vector index has yet to be told, in order.

A change is a put or a delete of one record. Telling the index twice does no harm, so a
change is dropped only after the index has answered.
"""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.where import AMONG
from memgpt_autogen.storage.record import Kind


@dataclass(frozen=True)
class Change:
    """That a record was put or deleted; `sequence` rises with every change."""

    sequence: int
    number: int
    deleted: bool


class ChangeLog:
    """The changes of one kind's records that no index has yet."""

    def __init__(self, journal: Journal, kind: Kind) -> None:
        self._journal = journal
        self._kind = kind
        journal.ensure(
            "changes",
            [
                """CREATE TABLE changes (sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT,
                   number INTEGER, deleted INTEGER)""",
                "CREATE INDEX changes_by_kind ON changes (kind, sequence)",
            ],
        )

    def first(self, count: int) -> list[Change]:
        """The oldest changes."""
        sql = (
            "SELECT sequence, number, deleted FROM changes WHERE kind = ? ORDER BY sequence LIMIT ?"
        )
        rows = self._journal.rows(sql, [self._kind.name, count])
        return [Change(sequence, number, bool(deleted)) for sequence, number, deleted in rows]

    def told(self) -> tuple[int, set[int]]:
        """`applied`, and the numbers of deleted records that the index may still hold."""
        sql = (
            "SELECT coalesce((SELECT value FROM meta WHERE key = ?), 0)"
            " UNION ALL SELECT number FROM changes WHERE kind = ? AND deleted"
        )
        name = self._kind.name
        (applied,), *gone = self._journal.rows(sql, [f"applied.{name}", name])
        return applied, {number for (number,) in gone}

    def __len__(self) -> int:
        sql = "SELECT count(*) FROM changes WHERE kind = ?"
        return int(self._journal.rows(sql, [self._kind.name])[0][0])

    @property
    def last(self) -> int:
        """The sequence of the latest change there ever was in this journal; 0 before any."""
        rows = self._journal.rows("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")
        return int(rows[0][0]) if rows else 0

    @property
    def applied(self) -> int:
        """The sequence up to which the index was told."""
        return int(self._journal.get(f"applied.{self._kind.name}") or 0)

    def drop(self, sequence: int) -> None:
        """Drop what the index was told, up to a change."""
        with self._journal.transaction() as connection:
            connection.execute(
                "DELETE FROM changes WHERE kind = ? AND sequence <= ?", [self._kind.name, sequence]
            )
            self._journal.put(f"applied.{self._kind.name}", sequence)

    def go_on_after(self, sequence: int) -> None:
        """Drop all changes, and let further ones come after one that was made elsewhere."""
        after = max(self.last, sequence) + 1
        with self._journal.transaction() as connection:
            connection.execute("INSERT INTO changes VALUES (?, ?, 0, 0)", [after, self._kind.name])
            connection.execute("DELETE FROM changes WHERE kind = ?", [self._kind.name])

    def go_on_with(self, sequence: int, waiting: Sequence[int]) -> None:
        """Let an index that has all up to a change be told of the rest, and of these records."""
        with self._journal.transaction() as connection:
            self.drop(sequence)
            connection.execute(
                "INSERT INTO changes (kind, number, deleted)"
                f" SELECT ?, number, 0 FROM {self._kind.name} WHERE {AMONG} ORDER BY number",
                [self._kind.name, json.dumps(list(waiting))],
            )

    def begin_anew(self) -> None:
        """Let an empty index be told of all records."""
        with self._journal.transaction() as connection:
            connection.execute("DELETE FROM changes WHERE kind = ?", [self._kind.name])
            connection.execute(
                "INSERT INTO changes (kind, number, deleted)"
                f" SELECT ?, number, 0 FROM {self._kind.name} ORDER BY number",
                [self._kind.name],
            )
            self._journal.put(f"applied.{self._kind.name}", 0)
