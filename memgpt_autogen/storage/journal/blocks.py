"""Core memory blocks in a journal: texts with versions, and what they were before.

A text is replaced only at the version that was read, so of two edits at once one is
refused, and none is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.text import clean
from memgpt_autogen.values import Brief


@dataclass(frozen=True)
class StoredBlock:
    """A block's text at one version; `limit` is in characters."""

    name: str
    value: str
    version: int
    limit: int
    read_only: bool = False


@dataclass(frozen=True, repr=False)
class BlockChange(Brief):
    """One change of a block.

    Attributes:
        version: the version that the change made.
        time: when it was made.
        author: who made it: `model`, `program`, the same `of` another agent where the block is
            shared, or `MCP client` with its name.
        before: the text before it.
        after: the text it made.
    """

    version: int
    time: datetime
    author: str
    before: str
    after: str


class BlockStore(Protocol):
    """Where blocks are kept. Every method may be called from any thread."""

    def create(self, block: StoredBlock, author: str, time: datetime) -> None:
        """Make a block unless there is one of that name."""
        ...

    def read(self, name: str) -> StoredBlock | None:
        """The latest version; None if there is no such block."""
        ...

    def swap(self, name: str, version: int, value: str, author: str, time: datetime) -> bool:
        """Replace the text if it is still of `version`; False if somebody was faster."""
        ...

    def history(self, name: str) -> list[BlockChange]:
        """The changes of a block, the oldest first."""
        ...

    def purge(self) -> None:
        """Drop all history, and take earlier texts out of the files."""
        ...

    def close(self) -> None:
        """Let go of the storage; nothing was held that keeps others out."""
        ...


class BlockTable:
    """The blocks in one journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        journal.ensure(
            "blocks",
            [
                """CREATE TABLE blocks (position INTEGER PRIMARY KEY, name TEXT UNIQUE,
                   value TEXT NOT NULL, version INTEGER NOT NULL, size INTEGER NOT NULL,
                   read_only INTEGER NOT NULL)""",
                """CREATE TABLE block_history (change INTEGER PRIMARY KEY, name TEXT,
                   version INTEGER, time TEXT, author TEXT, before TEXT, after TEXT)""",
                "CREATE INDEX block_history_by_name ON block_history (name, change)",
            ],
        )

    def transaction(self) -> AbstractContextManager[object]:
        """The journal's: what is done in it is written as one."""
        return self.journal.transaction()

    def load(self) -> list[StoredBlock]:
        """All blocks in their order."""
        return self._select("1 ORDER BY position", [])

    def versions(self) -> dict[str, int]:
        """The version of each block: a quick look whether anything changed."""
        return dict(self.journal.rows("SELECT name, version FROM blocks"))

    def create(self, block: StoredBlock, author: str, time: datetime) -> None:
        with self.journal.transaction():
            if self.restore(block) and block.value:
                self._note(block.name, block.version, author, time, ("", block.value))

    def restore(self, block: StoredBlock) -> bool:
        """Make a block, with no history; False if there is one of that name."""
        row = [clean(block.name), clean(block.value), block.version, block.limit, block.read_only]
        with self.journal.transaction() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO blocks (name, value, version, size, read_only)"
                " VALUES (?, ?, ?, ?, ?)",
                row,
            )
        return bool(done.rowcount)

    def read(self, name: str) -> StoredBlock | None:
        found = self._select("name = ?", [clean(name)])
        return found[0] if found else None

    def swap(self, name: str, version: int, value: str, author: str, time: datetime) -> bool:
        with self.journal.transaction() as connection:
            before = self.read(name)
            if before is None or before.version != version:
                return False
            connection.execute(
                "UPDATE blocks SET value = ?, version = version + 1 WHERE name = ?",
                [clean(value), clean(name)],
            )
            self._note(name, version + 1, author, time, (before.value, value))
        return True

    def changed(self) -> list[str]:
        """The names of the blocks that have a history, also of those that are gone; sorted."""
        rows = self.journal.rows("SELECT DISTINCT name FROM block_history ORDER BY name")
        return [name for (name,) in rows]

    def clear(self) -> None:
        """Take out all blocks, with their history."""
        with self.journal.transaction() as connection:
            connection.execute("DELETE FROM blocks")
            connection.execute("DELETE FROM block_history")

    def limit(self, name: str, limit: int) -> None:
        """Let a block hold so many characters."""
        with self.journal.transaction() as connection:
            connection.execute("UPDATE blocks SET size = ? WHERE name = ?", [limit, clean(name)])

    def remove(self, name: str) -> None:
        """Take a block out; its history stays."""
        with self.journal.transaction() as connection:
            connection.execute("DELETE FROM blocks WHERE name = ?", [clean(name)])

    def history(self, name: str) -> list[BlockChange]:
        sql = (
            "SELECT version, time, author, before, after FROM block_history WHERE name = ?"
            " ORDER BY change"
        )
        return [
            BlockChange(version, datetime.fromisoformat(time), author, before, after)
            for version, time, author, before, after in self.journal.rows(sql, [clean(name)])
        ]

    def restore_history(self, name: str, changes: list[BlockChange]) -> None:
        """Put changes in the place of a block's history."""
        with self.journal.transaction() as connection:
            connection.execute("DELETE FROM block_history WHERE name = ?", [clean(name)])
            for one in changes:
                self._note(name, one.version, one.author, one.time, (one.before, one.after))

    def hand_over(self, name: str, other: str) -> None:
        """Let a block have the history of another one, and later versions than that has."""
        with self.journal.transaction() as connection:
            connection.execute(
                "UPDATE blocks SET version = version + (SELECT version FROM blocks WHERE name = ?)"
                " WHERE name = ?",
                [clean(name), clean(other)],
            )
            connection.execute(
                "UPDATE block_history SET name = ? WHERE name = ?", [clean(other), clean(name)]
            )

    def forget(self, touches: Callable[[str], bool], names: Collection[str] = ()) -> None:
        """Drop changes: of texts that are to be forgotten, as `touches` says; of these blocks."""
        sql = "SELECT change, name, before || char(10) || after FROM block_history"
        gone = [
            (change,)
            for change, name, text in self.journal.rows(sql)
            if name in names or touches(text)
        ]
        with self.journal.transaction() as connection:
            connection.executemany("DELETE FROM block_history WHERE change = ?", gone)

    def purge(self) -> None:
        with self.journal.transaction() as connection:
            connection.execute("DELETE FROM block_history")
        self.journal.purge()
        self.journal.put("purge", None)

    def close(self) -> None:
        self.journal.close()

    def _note(
        self, name: str, version: int, author: str, time: datetime, texts: tuple[str, str]
    ) -> None:
        with self.journal.transaction() as connection:
            connection.execute(
                "INSERT INTO block_history (name, version, time, author, before, after)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [clean(name), version, time.isoformat(), author, *map(clean, texts)],
            )

    def _select(self, rest: str, parameters: list[str]) -> list[StoredBlock]:
        sql = f"SELECT name, value, version, size, read_only FROM blocks WHERE {rest}"  # noqa: S608
        return [
            StoredBlock(name, value, version, limit, bool(read_only))
            for name, value, version, limit, read_only in self.journal.rows(sql, parameters)
        ]
