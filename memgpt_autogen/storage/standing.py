"""Standing: what the index knows of the state of Chroma's collection, to be checked at opening."""

from __future__ import annotations

from memgpt_autogen.storage.index_file import IndexFile
from memgpt_autogen.storage.record import Kind


class Standing:
    """The deletions that are known, and the seal of an index that was closed in good order."""

    def __init__(self, index: IndexFile, kind: Kind) -> None:
        self._index = index
        self._name = kind.name
        with index.transaction() as connection:
            for statement in (
                "CREATE TABLE IF NOT EXISTS deletions (kind TEXT PRIMARY KEY, deletions INTEGER)",
                "CREATE TABLE IF NOT EXISTS seals (kind TEXT PRIMARY KEY, state TEXT)",
            ):
                connection.execute(statement)

    @property
    def deletions(self) -> int:
        """How many of the deletions in Chroma are known here."""
        sql = "SELECT deletions FROM deletions WHERE kind = ?"
        rows = self._index.rows(sql, [self._name])
        return int(str(rows[0][0])) if rows else 0

    @deletions.setter
    def deletions(self, count: int) -> None:
        with self._index.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO deletions VALUES (?, ?)", [self._name, count]
            )

    def seal(self, state: str) -> None:
        """Note that the index is complete, as of a state of Chroma's collection."""
        with self._index.transaction(lasting=True) as connection:
            connection.execute("INSERT OR REPLACE INTO seals VALUES (?, ?)", [self._name, state])

    def unseal(self) -> str | None:
        """Take the note away, before anything is written; what it said."""
        rows = self._index.rows("SELECT state FROM seals WHERE kind = ?", [self._name])
        if not rows:
            return None
        with self._index.transaction(lasting=True) as connection:
            connection.execute("DELETE FROM seals WHERE kind = ?", [self._name])
        return str(rows[0][0])
