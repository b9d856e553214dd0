"""The lexical index: SQLite beside Chroma, with every record and its words (FTS5).

It serves full text, dates, speakers and tags. It holds nothing that Chroma does not:
a missing, damaged or outdated index is made anew from there.

The words of a record are indexed in five columns, weighted in the ranking: its text,
its speaker, the text before and after it in the conversation, and its date. A row of
`words` is made from rows of `records` alone, by `_columns`: the FTS5 table stores no
text of its own, and an entry is taken out by giving the very columns it was made of.
"""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from memgpt_autogen.storage.index_file import IndexFile
from memgpt_autogen.storage.record import Kind, Record, micros, readable
from memgpt_autogen.storage.terms import match_expression

# With any change of these, of the tables or of `_columns`, raise index_file.SCHEMA_VERSION.
TOKENIZER = "porter unicode61 remove_diacritics 2"
WEIGHTS = "1.0, 1.0, 0.7, 0.3, 0.5"  # text, speaker, previous, next, date
NEIGHBOUR_CHARACTERS = 600  # of the neighbours' texts; more would drown the record's own
_CHUNK = 500  # parameters in one statement


@dataclass(frozen=True)
class Where:
    """Which records count. Bounds are microseconds since 1970, inclusive."""

    start: int | None = None
    end: int | None = None
    speaker: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        return self == Where()


@dataclass
class _Clauses:
    """Conditions of a WHERE in SQL, and their parameters."""

    conditions: list[str] = field(default_factory=lambda: ["1"])
    parameters: list[int | str] = field(default_factory=list)

    def add(self, condition: str, *parameters: int | str) -> None:
        self.conditions.append(condition)
        self.parameters.extend(parameters)

    @property
    def sql(self) -> str:
        return " AND ".join(self.conditions)


class LexicalTable:
    """The records of one kind, by number, time, speaker, tag and words."""

    def __init__(self, index: IndexFile, kind: Kind) -> None:
        self._index = index
        self._kind = kind
        self._name = kind.name
        self._create()
        ((count, highest),) = index.rows(f"SELECT count(*), max(number) FROM {self._name}")
        self._count = int(str(count))
        self.highest = int(str(highest or 0))

    def __len__(self) -> int:
        return self._count

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

    def add(self, records: Iterable[Record]) -> None:
        """Index records; those whose numbers are there already are left as they are."""
        with self._index.transaction() as connection:
            fresh = {record.number: record for record in records}
            known = self.get(list(fresh))
            new = [record for record in fresh.values() if record.number not in known]
            self._change(connection, insert=new, delete=())
            for record in new:
                connection.executemany(
                    f"INSERT OR IGNORE INTO {self._name}_tags VALUES (?, ?)",
                    [(tag, record.number) for tag in record.tags],
                )
        self._count += len(new)
        self.highest = max([self.highest, *fresh])

    def delete(self, numbers: Iterable[int]) -> int:
        """Take records out, and their words out of their neighbours' entries."""
        with self._index.transaction() as connection:
            known = list(self.get(list(numbers)))
            self._change(connection, insert=(), delete=known)
            for table in (self._name, f"{self._name}_tags"):
                connection.executemany(
                    f"DELETE FROM {table} WHERE number = ?",
                    [(number,) for number in known],
                )
        self._count -= len(known)
        return len(known)

    def get(self, numbers: Sequence[int]) -> dict[int, Record]:
        """The records with these numbers that there are."""
        found: dict[int, Record] = {}
        for start in range(0, len(numbers), _CHUNK):
            chunk = list(numbers[start : start + _CHUNK])
            marks = ",".join("?" * len(chunk))
            for row in self._select(f"number IN ({marks})", chunk):
                found[row.number] = row
        return found

    def page(
        self, where: Where, *, limit: int, offset: int = 0, newest_first: bool
    ) -> list[Record]:
        """Records in the order of their times; of one time, in that of their numbers."""
        clauses = _clauses(where, self._name)
        order = "DESC" if newest_first else "ASC"
        return self._select(
            f"{clauses.sql} ORDER BY at {order}, number {order} LIMIT ? OFFSET ?",
            [*clauses.parameters, limit, offset],
        )

    def newest(self, count: int) -> list[Record]:
        """The records written last, in the order of writing."""
        return self._select("1 ORDER BY number DESC LIMIT ?", [count])[::-1]

    def count(self, where: Where) -> int:
        """How many records fit."""
        if where.everything:
            return self._count
        clauses = _clauses(where, self._name)
        sql = f"SELECT count(*) FROM {self._name} WHERE {clauses.sql}"
        return int(str(self._index.rows(sql, clauses.parameters)[0][0]))

    def numbers(self, where: Where) -> list[int]:
        """The numbers of all records that fit, rising."""
        clauses = _clauses(where, self._name)
        sql = f"SELECT number FROM {self._name} WHERE {clauses.sql} ORDER BY number"
        return [int(str(number)) for (number,) in self._index.rows(sql, clauses.parameters)]

    def speakers(self) -> dict[str, int]:
        """How many records each speaker has, by name."""
        sql = f"SELECT speaker, count(*) FROM {self._name} GROUP BY speaker ORDER BY speaker"
        return {str(speaker): int(str(count)) for speaker, count in self._index.rows(sql)}

    def matches(self, query: str, where: Where, limit: int) -> list[tuple[int, float]]:
        """The best matches of the query's words, best first: number and score (BM25, > 0)."""
        expression = match_expression(query)
        if expression is None:
            return []
        words = f"{self._name}_words"
        if where.everything:
            sql = f"SELECT rowid, rank FROM {words} WHERE {words} MATCH ?"
            parameters: list[int | str] = [expression]
        else:
            clauses = _clauses(where, self._name)
            sql = (
                f"SELECT {words}.rowid, rank FROM {words} JOIN {self._name}"
                f" ON number = {words}.rowid WHERE {words} MATCH ? AND {clauses.sql}"
            )
            parameters = [expression, *clauses.parameters]
        found = self._index.rows(f"{sql} ORDER BY rank LIMIT ?", [*parameters, limit])
        return [(int(str(number)), -float(str(rank))) for number, rank in found]

    def _create(self) -> None:
        name, words = self._name, f"{self._name}_words"
        with self._index.transaction() as connection:
            for statement in (
                "CREATE TABLE IF NOT EXISTS deletions (kind TEXT PRIMARY KEY, deletions INTEGER)",
                f"""CREATE TABLE IF NOT EXISTS {name} (number INTEGER PRIMARY KEY, at INTEGER,
                    timestamp TEXT, speaker TEXT, tags TEXT, text TEXT)""",
                f"CREATE INDEX IF NOT EXISTS {name}_by_time ON {name} (at, number)",
                f"CREATE INDEX IF NOT EXISTS {name}_by_speaker ON {name} (speaker, at, number)",
                f"""CREATE TABLE IF NOT EXISTS {name}_tags (tag TEXT, number INTEGER,
                    PRIMARY KEY (tag, number)) WITHOUT ROWID""",
            ):
                connection.execute(statement)
            sql = "SELECT 1 FROM sqlite_master WHERE name = ?"
            if connection.execute(sql, [words]).fetchone() is None:
                connection.execute(
                    f"CREATE VIRTUAL TABLE {words} USING fts5(text, speaker, previous, next,"
                    f" date, content='', tokenize='{TOKENIZER}')"
                )
                connection.execute(
                    f"INSERT INTO {words} ({words}, rank) VALUES ('rank', 'bm25({WEIGHTS})')"
                )

    def _select(self, rest: str, parameters: Sequence[int | str]) -> list[Record]:
        sql = f"SELECT number, timestamp, speaker, tags, text FROM {self._name} WHERE {rest}"
        return [
            Record(
                number=int(str(number)),
                text=str(text),
                timestamp=datetime.fromisoformat(str(timestamp)),
                speaker=str(speaker),
                tags=tuple(json.loads(str(tags))) if tags else (),
            )
            for number, timestamp, speaker, tags, text in self._index.rows(sql, parameters)
        ]

    def _change(
        self, connection: sqlite3.Connection, *, insert: Sequence[Record], delete: Sequence[int]
    ) -> None:
        """Add and take out rows, and renew every entry whose columns change by it."""
        numbers = {record.number for record in insert} | set(delete)
        touched = sorted(numbers | self._neighbours(connection, numbers))
        before = {number: self._columns(connection, number) for number in touched}
        connection.executemany(
            f"INSERT INTO {self._name} VALUES (?, ?, ?, ?, ?, ?)",
            [_row(record) for record in insert],
        )
        connection.executemany(
            f"DELETE FROM {self._name} WHERE number = ?",
            [(number,) for number in delete],
        )
        words = f"{self._name}_words"
        for number in touched:
            old, new = before[number], self._columns(connection, number)
            if old is not None and old != new:
                connection.execute(
                    f"INSERT INTO {words} ({words}, rowid, text, speaker, previous, next, date)"
                    " VALUES ('delete', ?, ?, ?, ?, ?, ?)",
                    [number, *old],
                )
            if new is not None and old != new:
                connection.execute(
                    f"INSERT INTO {words} (rowid, text, speaker, previous, next, date)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    [number, *new],
                )

    def _neighbours(self, connection: sqlite3.Connection, numbers: Iterable[int]) -> set[int]:
        """The rows just before and after these, which hold words of them."""
        if not self._kind.dialogue:
            return set()
        found: set[int] = set()
        for number in numbers:
            for sql in (
                f"SELECT max(number) FROM {self._name} WHERE number < ?",
                f"SELECT min(number) FROM {self._name} WHERE number > ?",
            ):
                (neighbour,) = connection.execute(sql, [number]).fetchone()
                if neighbour is not None:
                    found.add(neighbour)
        return found

    def _columns(self, connection: sqlite3.Connection, number: int) -> tuple[str, ...] | None:
        """What is indexed for a row: text, speaker, previous, next, date; None if there is none."""
        sql = f"SELECT text, speaker, timestamp, tags FROM {self._name} WHERE number = ?"
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
                f"SELECT substr(text, 1, {NEIGHBOUR_CHARACTERS}) FROM {self._name}"
                f" WHERE number {comparison} ? ORDER BY number {order} LIMIT 1"
            )
            neighbour = connection.execute(sql, [number]).fetchone()
            around.append(neighbour[0] if neighbour else "")
        return text, speaker, around[0], around[1], date


def _row(record: Record) -> tuple[int, int, str, str, str, str]:
    tags = json.dumps(record.tags, ensure_ascii=False) if record.tags else ""
    stamp = record.timestamp.isoformat()
    return record.number, micros(record.timestamp), stamp, record.speaker, tags, record.text


def _clauses(where: Where, table: str) -> _Clauses:
    clauses = _Clauses()
    if where.start is not None:
        clauses.add("at >= ?", where.start)
    if where.end is not None:
        clauses.add("at <= ?", where.end)
    if where.speaker is not None:
        clauses.add(f"{table}.speaker = ?", where.speaker)
    for tag in where.tags:
        clauses.add(f"number IN (SELECT number FROM {table}_tags WHERE tag = ?)", tag)
    return clauses
