"""The lexical index: SQLite beside Chroma, with every record and its words (FTS5).

It serves full text, dates, speakers and tags. It holds nothing that Chroma does not:
a missing, damaged or outdated index is made anew from there.
"""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from memgpt_autogen.storage.entries import Entries
from memgpt_autogen.storage.index_file import IndexFile
from memgpt_autogen.storage.matching import Matching
from memgpt_autogen.storage.record import Kind, Record, micros
from memgpt_autogen.storage.standing import Standing
from memgpt_autogen.storage.terms import STOP_WORDS
from memgpt_autogen.storage.vector_table import Row, VectorTable
from memgpt_autogen.storage.where import Where, among
from memgpt_autogen.storage.words import asked_words

__all__ = ["LexicalTable", "Where"]


class LexicalTable:
    """The records of one kind, by number, time, speaker, tag and words."""

    def __init__(self, index: IndexFile, kind: Kind) -> None:
        self._index = index
        self._name = kind.name
        self._entries = Entries(kind)
        self._matching = Matching(index, kind)
        self.vectors = VectorTable(index, kind)
        self.standing = Standing(index, kind)
        self._create()
        self._speakers: Counter[str] = Counter(
            {
                str(speaker): int(str(count))
                for speaker, count in index.rows(f"SELECT * FROM {self._name}_speakers")
            }
        )
        ((highest,),) = index.rows(f"SELECT max(number) FROM {self._name}")
        self.highest = int(str(highest or 0))
        self._count = self._speakers.total()
        self._named: defaultdict[str, set[str]] = defaultdict(set)
        for name in self._speakers:
            self._name_in(name)

    def __len__(self) -> int:
        return self._count

    def add(self, records: Iterable[Record], vectors: Mapping[int, Row] | None = None) -> None:
        """Index records, with their vectors; those that are there already stay as they are."""
        fresh = {record.number: record for record in records}
        with self._index.transaction() as connection:
            known = self.get(list(fresh))
            new = [record for record in fresh.values() if record.number not in known]
            self._change(connection, insert=new, delete=())
            self.vectors.put(connection, vectors or {})
        self._count_in(new, 1)
        self.highest = max([self.highest, *fresh])

    def delete(self, numbers: Iterable[int]) -> int:
        """Take records out, and their words out of their neighbours' entries."""
        with self._index.transaction() as connection:
            known = self.get(list(numbers))
            self._change(connection, insert=(), delete=list(known.values()))
            self.vectors.remove(connection, known)
        self._count_in(known.values(), -1)
        return len(known)

    def get(self, numbers: Sequence[int]) -> dict[int, Record]:
        """The records with these numbers that there are."""
        found: dict[int, Record] = {}
        for condition, part in among(numbers):
            for row in self._select(condition, part):
                found[row.number] = row
        return found

    def page(
        self, where: Where, *, limit: int, offset: int = 0, newest_first: bool
    ) -> list[Record]:
        """Records in the order of their times; of one time, in that of their numbers."""
        clauses = where.clauses(self._name)
        order = "DESC" if newest_first else "ASC"
        return self._select(
            f"{clauses.sql} ORDER BY at {order}, number {order} LIMIT ? OFFSET ?",
            [*clauses.parameters, limit, offset],
        )

    def newest(self, count: int) -> list[Record]:
        """The records written last, in the order of writing."""
        return self._select("1 ORDER BY number DESC LIMIT ?", [count])[::-1]

    def around(self, number: int, count: int) -> list[Record]:
        """So many records before this number, and as many after it, in their order."""
        before = self._select("number < ? ORDER BY number DESC LIMIT ?", [number, count])
        after = self._select("number > ? ORDER BY number LIMIT ?", [number, count])
        return [*before[::-1], *after]

    def count(self, where: Where) -> int:
        """How many records fit."""
        if where.everything:
            return self._count
        clauses = where.clauses(self._name)
        sql = f"SELECT count(*) FROM {self._name} WHERE {clauses.sql}"
        return int(str(self._index.rows(sql, clauses.parameters)[0][0]))

    def numbers(self, where: Where, limit: int = -1) -> list[int]:
        """The numbers of the records that fit, rising; all, or the first so many."""
        clauses = where.clauses(self._name)
        sql = f"SELECT number FROM {self._name} WHERE {clauses.sql} ORDER BY number LIMIT ?"
        rows = self._index.rows(sql, [*clauses.parameters, limit])
        return [int(str(number)) for (number,) in rows]

    def fitting(self, numbers: Sequence[int], where: Where) -> set[int]:
        """Those of these numbers whose records fit."""
        clauses = where.clauses(self._name)
        found: set[int] = set()
        for condition, part in among(numbers):
            sql = f"SELECT number FROM {self._name} WHERE {condition} AND {clauses.sql}"
            rows = self._index.rows(sql, [*part, *clauses.parameters])
            found.update(int(str(number)) for (number,) in rows)
        return found

    def speakers(self) -> dict[str, int]:
        """How many records each speaker has, by name."""
        return dict(sorted(self._speakers.items()))

    def named(self, asked: Iterable[str]) -> set[str]:
        """The speakers that a query's words name: by any word of their names."""
        found = {name for word in asked for name in self._named.get(word, ())}
        return found & self._speakers.keys()

    def matches(self, terms: Sequence[str], where: Where, limit: int) -> list[tuple[int, float]]:
        """The records that fit any of these terms best: number and score (BM25, > 0)."""
        return self._matching.best(terms, where, limit, total=self._count, highest=self.highest)

    def holding(self, phrases: Sequence[str], where: Where, limit: int) -> list[int]:
        """The latest records whose own text holds any of these phrases."""
        return self._matching.holding(phrases, where, limit)

    def _create(self) -> None:
        name = self._name
        with self._index.transaction() as connection:
            for statement in (
                f"""CREATE TABLE IF NOT EXISTS {name} (number INTEGER PRIMARY KEY, at INTEGER,
                    timestamp TEXT, speaker TEXT, tags TEXT, text TEXT)""",
                f"CREATE INDEX IF NOT EXISTS {name}_by_time ON {name} (at, number)",
                f"CREATE INDEX IF NOT EXISTS {name}_by_speaker ON {name} (speaker, at, number)",
                # Counting the rows of a table is linear; these counts are not.
                f"""CREATE TABLE IF NOT EXISTS {name}_speakers (speaker TEXT PRIMARY KEY,
                    records INTEGER) WITHOUT ROWID""",
                f"""CREATE TABLE IF NOT EXISTS {name}_tags (tag TEXT, number INTEGER,
                    PRIMARY KEY (tag, number)) WITHOUT ROWID""",
            ):
                connection.execute(statement)
            self._entries.create(connection)

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
        self, connection: sqlite3.Connection, *, insert: Sequence[Record], delete: Sequence[Record]
    ) -> None:
        """Add and take out rows, and renew every entry whose columns change by it."""
        numbers = {record.number for record in (*insert, *delete)}
        before = self._entries.columns(connection, self._entries.touched(connection, numbers))
        connection.executemany(
            f"INSERT INTO {self._name} VALUES (?, ?, ?, ?, ?, ?)", map(_row, insert)
        )
        connection.executemany(
            f"INSERT OR IGNORE INTO {self._name}_tags VALUES (?, ?)",
            [(tag, record.number) for record in insert for tag in record.tags],
        )
        gone = [(record.number,) for record in delete]
        for table in (self._name, f"{self._name}_tags"):
            connection.executemany(f"DELETE FROM {table} WHERE number = ?", gone)
        for records, step in ((insert, 1), (delete, -1)):
            connection.executemany(
                f"INSERT INTO {self._name}_speakers VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET records = records + excluded.records",
                [(record.speaker, step) for record in records],
            )
        connection.execute(f"DELETE FROM {self._name}_speakers WHERE records < 1")
        self._entries.renew(connection, before)

    def _count_in(self, records: Iterable[Record], step: int) -> None:
        """Follow a change that is written; what is not written must not be counted."""
        for record in records:
            name = record.speaker
            self._count += step
            self._speakers[name] += step
            if self._speakers[name] == step == 1:
                self._name_in(name)
            elif not self._speakers[name]:
                del self._speakers[name]

    def _name_in(self, name: str) -> None:
        for word in asked_words(name):
            if word not in STOP_WORDS:
                self._named[word].add(name)


def _row(record: Record) -> tuple[int, int, str, str, str, str]:
    tags = json.dumps(record.tags, ensure_ascii=False) if record.tags else ""
    stamp = record.timestamp.isoformat()
    return record.number, micros(record.timestamp), stamp, record.speaker, tags, record.text
