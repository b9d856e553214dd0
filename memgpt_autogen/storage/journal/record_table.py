"""The records of one kind, in the journal: by number, time, speaker, tag and words (FTS5)."""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.journal.changes import ChangeLog
from memgpt_autogen.storage.journal.journal import Journal, Parameters
from memgpt_autogen.storage.journal.matching import Matching
from memgpt_autogen.storage.journal.vectors import VectorTable
from memgpt_autogen.storage.journal.where import AMONG, EVERYTHING, Where
from memgpt_autogen.storage.journal.words import STOP_WORDS, Entries, asked_words
from memgpt_autogen.storage.record import EPOCH, MICROSECOND, Kind, Record, record_of

_PART = 500  # records read at once when all are read

Outline = Sequence[Any]
"""Number, time in microseconds, origin, and whether a record asks."""


class RecordTable:
    """The records of one kind.

    Nothing is kept in memory, so what other processes write is seen at once.

    Attributes:
        matching: what full text finds among them.
        changes: what the vector index has yet to be told of them.
        vectors: those that were computed.
    """

    def __init__(self, journal: Journal, kind: Kind) -> None:
        self.journal = journal
        self.kind = kind
        self._name = name = kind.name
        self._entries = Entries(kind)
        self.matching = Matching(journal, kind)
        self.changes = ChangeLog(journal, kind)
        self.vectors = VectorTable(journal, kind)
        journal.ensure(
            name,
            [
                f"""CREATE TABLE {name} (number INTEGER PRIMARY KEY, at INTEGER, timestamp TEXT,
                    speaker TEXT, tags TEXT, origin TEXT, checksum INTEGER, text TEXT)""",
                f"CREATE INDEX {name}_by_time ON {name} (at, number)",
                f"CREATE INDEX {name}_by_speaker ON {name} (speaker, at, number)",
                # Counting the rows of a table is linear; these counts are not.
                f"""CREATE TABLE {name}_speakers (speaker TEXT PRIMARY KEY,
                    records INTEGER) WITHOUT ROWID""",
                f"""CREATE TABLE {name}_tags (tag TEXT, number INTEGER,
                    PRIMARY KEY (tag, number)) WITHOUT ROWID""",
                self._entries.statement,
            ],
        )

    def __len__(self) -> int:
        rows = self.journal.rows(f"SELECT coalesce(sum(records), 0) FROM {self._name}_speakers")
        return int(rows[0][0])

    @property
    def next(self) -> int:
        """The number of the record that is stored next."""
        sql = f"""SELECT max(coalesce((SELECT value FROM meta WHERE key = 'next.{self._name}'), 1),
                  coalesce((SELECT max(number) + 1 FROM {self._name}), 1))"""
        return int(self.journal.rows(sql)[0][0])

    def skip_to(self, number: int) -> None:
        """Give records no lower number than this from now on."""
        self.journal.put(f"next.{self._name}", max(self.next, number))

    def insert(self, records: Sequence[Record]) -> list[int]:
        """Store records that have no number yet, under the next ones; these.

        Numbers are never given again.
        """
        if not records:
            return []
        inside = self.journal.inside
        if inside is None or inside[0] != threading.get_ident():
            with self.journal.transaction():
                return self.insert(records)
        first = self.next
        numbers = list(range(first, first + len(records)))
        placed = [replace(one, number=n) for one, n in zip(records, numbers, strict=True)]
        self._insert(inside[1], placed)
        return numbers

    def add(self, records: Iterable[Record]) -> None:
        """Store records that have numbers; one that is stored already is left as it is.

        Raises:
            StorageError: another record has the number of one of these.
        """
        with self.journal.transaction() as connection:
            fresh = self._unknown(list(records))
            if fresh:
                self._insert(connection, fresh)

    def delete(self, numbers: Iterable[int]) -> int:
        """Delete records, their vectors, and their words in neighbours' entries; how many."""
        with self.journal.transaction() as connection:
            known = self.get(list(numbers))
            if known:
                self.skip_to(0)
                self._change(connection, insert=(), delete=list(known.values()))
                self.vectors.remove(known)
                self._log(connection, known, deleted=True)
        return len(known)

    def get(self, numbers: Sequence[int]) -> dict[int, Record]:
        """The records with these numbers that there are."""
        found = self._select(AMONG, [json.dumps(list(numbers))]) if numbers else []
        return {record.number: record for record in found}

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

    def around(self, number: int, count: int, where: Where = EVERYTHING) -> list[Record]:
        """So many records before this number, and as many after it, in their order."""
        clauses = where.clauses(self._name)
        beside = [
            f"SELECT number FROM {self._name} WHERE {clauses.sql} AND number {side} LIMIT ?"
            for side in ("< ? ORDER BY number DESC", "> ? ORDER BY number")
        ]
        union = " UNION ".join(f"SELECT * FROM ({sql})" for sql in beside)
        parameters = [*clauses.parameters, number, count]
        return self._select(f"number IN ({union}) ORDER BY number", [*parameters, *parameters])

    def count(self, where: Where) -> int:
        """How many records fit."""
        if where.everything:
            return len(self)
        clauses = where.clauses(self._name)
        sql = f"SELECT count(*) FROM {self._name} WHERE {clauses.sql}"
        return int(self.journal.rows(sql, clauses.parameters)[0][0])

    def numbers(self, where: Where, limit: int = -1) -> list[int]:
        """The numbers of the records that fit, rising; all, or the first so many."""
        clauses = where.clauses(self._name)
        sql = f"SELECT number FROM {self._name} WHERE {clauses.sql} ORDER BY number LIMIT ?"
        rows = self.journal.rows(sql, [*clauses.parameters, limit])
        return [number for (number,) in rows]

    def fitting(self, numbers: Sequence[int], where: Where) -> set[int]:
        """Those of these numbers whose records fit."""
        clauses = where.clauses(self._name)
        sql = f"SELECT number FROM {self._name} WHERE {AMONG} AND {clauses.sql}"
        rows = self.journal.rows(sql, [json.dumps(list(numbers)), *clauses.parameters])
        return {number for (number,) in rows}

    def everything(self) -> Iterator[Record]:
        """All records by number, read in parts: those written meanwhile may be missing."""
        number = 0
        while part := self._select("number > ? ORDER BY number LIMIT ?", [number, _PART]):
            yield from part
            number = part[-1].number

    def speakers(self, where: Where = EVERYTHING) -> dict[str, int]:
        """How many of the records that fit each speaker has, by name."""
        clauses = where.clauses(self._name)
        sql = f"SELECT speaker, records FROM {self._name}_speakers ORDER BY speaker"
        if not where.everything:
            sql = (
                f"SELECT speaker, count(*) FROM {self._name} WHERE {clauses.sql}"
                " GROUP BY speaker ORDER BY speaker"
            )
        return dict(self.journal.rows(sql, clauses.parameters))

    def index_origins(self) -> None:
        """Make finding the records of one origin quick."""
        index = f"{self._name}_by_origin"
        self.journal.ensure(index, [f"CREATE INDEX {index} ON {self._name} (origin, speaker)"])

    def rename_origin(self, old: str, new: str) -> None:
        """Let records say that they came from elsewhere; the vector index is not told."""
        with self.journal.transaction() as connection:
            sql = f"UPDATE {self._name} SET origin = ? WHERE origin = ?"
            connection.execute(sql, [new, old])

    def named(self, asked: Collection[str]) -> set[str]:
        """The speakers that a query's words name: by any word of their names."""
        return {name for name in self.speakers() if not _name_words(name).isdisjoint(asked)}

    def outlines(self, numbers: Sequence[int]) -> dict[int, Outline]:
        """Of each of these records that there is, what tells where it stands in a conversation."""
        # As one row: before each further one, SQLite gives other threads Python's lock.
        sql = f"""SELECT json_group_array(json_array(number, at, origin,
                  text LIKE '%?%' OR text LIKE '%\uff1f%')) FROM {self._name} WHERE {AMONG}"""
        ((found,),) = self.journal.rows(sql, [json.dumps(list(numbers))])
        return {row[0]: row for row in json.loads(found)}

    def _select(self, rest: str, parameters: Parameters) -> list[Record]:
        sql = f"""SELECT number, text, timestamp, speaker, tags, origin, checksum
                  FROM {self._name} WHERE {rest}"""
        found = []
        for *row, checksum in self.journal.rows(sql, parameters):
            record = record_of(*row)
            if checksum != _checksum(record.text):
                raise StorageError(
                    f"{self.kind.id_of(record.number)} is damaged in {self.journal.path}: its text"
                    " is not the one that was stored. Nothing was changed: restore a backup or a"
                    " checkpoint."
                )
            found.append(record)
        return found

    def _unknown(self, records: Sequence[Record]) -> list[Record]:
        known = self.get([record.number for record in records])
        fresh: dict[int, Record] = {}
        for record in records:
            other = known.get(record.number) or fresh.get(record.number)
            if other is None:
                fresh[record.number] = record
            elif other != record:
                raise StorageError(
                    f"{self.kind.id_of(record.number)} is stored already with another text: a"
                    " stored text is never changed; store the new one under an id of its own."
                )
        return sorted(fresh.values(), key=lambda record: record.number)

    def _log(
        self, connection: sqlite3.Connection, numbers: Iterable[int], *, deleted: bool
    ) -> None:
        """Note changes that the vector index has yet to be told of."""
        connection.executemany(
            "INSERT INTO changes (kind, number, deleted) VALUES (?, ?, ?)",
            [(self._name, number, deleted) for number in numbers],
        )

    def _insert(self, connection: sqlite3.Connection, records: Sequence[Record]) -> None:
        self._change(connection, insert=records, delete=())
        self.skip_to(records[-1].number + 1)
        self._log(connection, [record.number for record in records], deleted=False)

    def _change(
        self, connection: sqlite3.Connection, *, insert: Sequence[Record], delete: Sequence[Record]
    ) -> None:
        """Add and take out rows, and renew every entry whose columns change by it."""
        numbers = {record.number for record in (*insert, *delete)}
        before = self._entries.before(connection, numbers)
        connection.executemany(
            f"INSERT INTO {self._name} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_row, insert)
        )
        connection.executemany(
            f"INSERT OR IGNORE INTO {self._name}_tags VALUES (?, ?)",
            [(tag, record.number) for record in insert for tag in record.tags],
        )
        gone = [(record.number,) for record in delete]
        for table in (self._name, f"{self._name}_tags") if gone else ():
            connection.executemany(f"DELETE FROM {table} WHERE number = ?", gone)
        for records, step in ((insert, 1), (delete, -1)):
            connection.executemany(
                f"INSERT INTO {self._name}_speakers VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET records = records + excluded.records",
                [(record.speaker, step) for record in records],
            )
        if delete:
            connection.execute(f"DELETE FROM {self._name}_speakers WHERE records < 1")
        self._entries.renew(connection, before)


def _row(record: Record) -> tuple[int, int, str, str, str, str, int, str]:
    tags = json.dumps(record.tags, ensure_ascii=False) if record.tags else ""
    stamp = record.timestamp.isoformat()
    moment = (record.timestamp - EPOCH) // MICROSECOND
    return (
        *(record.number, moment, stamp, record.speaker),
        *(tags, record.origin, _checksum(record.text), record.text),
    )


def _checksum(text: str) -> int:
    return zlib.crc32(text.encode())


@lru_cache(maxsize=4096)
def _name_words(name: str) -> frozenset[str]:
    return frozenset(asked_words(name)) - STOP_WORDS
