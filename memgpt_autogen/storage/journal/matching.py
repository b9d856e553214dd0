"""Matching: the records that full text finds best, without reading more than it must.

BM25 costs a microsecond for each record that it scores, and words that are in every
tenth record tell little. So where there are many records, rare words are looked for
first, up to a number of records that does not grow. Words too frequent for that count
together: in the latest records that hold all of them themselves.
"""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memgpt_autogen.storage.journal.journal import Journal, Value
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.journal.words import WEIGHTS, Entries
from memgpt_autogen.storage.record import Kind

SCORED = 4000  # records that one search may score
SATURATED = 2.2  # what BM25 gives for a word at most, in units of its idf
_LEAST = 1e-6  # FTS5's idf of a word in half of all records or more
_RECENT = 200_000  # records among which frequent words are looked for together

Numbers = NDArray[np.int64]
OWN, TEXT = "{text speaker date}", "{text}"  # columns, as FTS5 reads them


@dataclass(frozen=True)
class _Plan:
    """Which terms are looked for one by one, and which only together.

    `weight`: what a record gets for all of `frequent`, in units of BM25.
    """

    rare: list[str]
    frequent: list[str]
    weight: float


@dataclass(frozen=True)
class Posting:
    """The records whose text holds a term.

    Attributes:
        weight: how much the term tells, from 0 to 1, the more the fewer hold it.
        numbers: of these records, rising.
    """

    weight: float
    numbers: Numbers


class Matching:
    """Full-text search in the records of one kind."""

    def __init__(self, journal: Journal, kind: Kind) -> None:
        self._journal = journal
        self._records = kind.name
        self._words = Entries(kind).name

    def best(self, terms: Sequence[str], where: Where, limit: int) -> list[tuple[int, float]]:
        """The records that fit `terms` best, best first: number and score (like BM25, > 0).

        Args:
            terms: as FTS5 reads them; any of them counts.
            where: which records count.
            limit: how many.
        """
        if not terms:
            return []
        total, highest = self._size()
        plan = self._plan(terms, total)
        found: dict[int, float] = {}
        if plan.rare:
            found.update(self._scored(" OR ".join(plan.rare), where, limit))
        if plan.frequent:
            floor = max(highest - _RECENT, 0)
            own = f"{OWN} : ({' AND '.join(plan.frequent)})"
            for number in self._latest(own, where, limit, floor):
                found[number] = found.get(number, 0.0) + plan.weight
        return sorted(found.items(), key=lambda pair: (-pair[1], -pair[0]))[:limit]

    def postings(self, terms: Sequence[str], where: Where, limit: int) -> list[Posting]:
        """Which records hold each term in their text; those too frequent are one posting.

        Args:
            terms: as FTS5 reads them.
            where: which records count for the frequent ones; rare ones are found in all.
            limit: how many of the latest that hold all frequent ones.
        """
        if not terms:
            return []
        total, highest = self._size()
        plan = self._plan([f"{TEXT} : {term}" for term in terms], total)
        sql = f"SELECT group_concat(rowid) FROM {self._words} WHERE {self._words} MATCH ?"
        held = [_numbers(self._journal.rows(sql, [term])[0][0]) for term in plan.rare]
        found = [Posting(telling(total, len(numbers)), numbers) for numbers in held]
        if plan.frequent:
            floor = max(highest - _RECENT, 0)
            latest = self._latest(" AND ".join(plan.frequent), where, limit, floor)
            weight = len(plan.frequent) * telling(total, 2 * SCORED)
            found.append(Posting(weight, np.array(latest[::-1], dtype=np.int64)))
        return found

    def weights(self, terms: Sequence[str]) -> tuple[float, float]:
        """What BM25 gives at most for all terms together, and how much they tell."""
        total, _ = self._size()
        counts = [count for count, _ in self._counts(terms)] if terms else []
        most = sum(math.log((total - one + 0.5) / (one + 0.5)) for one in counts if 2 * one < total)
        return SATURATED * max(most, len(terms) * _LEAST), sum(
            telling(total, one) for one in counts
        )

    def holding(self, phrases: Sequence[str], where: Where, limit: int) -> list[int]:
        """The latest records whose own text holds any of these phrases."""
        if not phrases:
            return []
        return self._latest(f"text : ({' OR '.join(phrases)})", where, limit, 0)

    def _plan(self, terms: Sequence[str], total: int) -> _Plan:
        if total <= SCORED:
            return _Plan(list(terms), [], 0.0)
        counted = sorted(self._counts(terms))
        room, rare = SCORED, []
        for count, term in counted:
            room -= count
            if room < 0:
                break
            rare.append(term)
        frequent = [term for _, term in counted[len(rare) :]]
        # At least as rare as this is each of them; how frequent in truth is not worth counting.
        weight = len(frequent) * math.log(1 + total / (2 * SCORED))
        return _Plan(rare, frequent, weight)

    def _size(self) -> tuple[int, int]:
        """How many records there are, and their highest number."""
        sql = f"""SELECT (SELECT coalesce(sum(records), 0) FROM {self._records}_speakers),
                  (SELECT coalesce(max(number), 0) FROM {self._records})"""
        ((total, highest),) = self._journal.rows(sql)
        return total, highest

    def _counts(self, terms: Sequence[str]) -> list[tuple[int, str]]:
        """How many records hold each term, counted up to what one search may score."""
        one = (
            f"(SELECT count(*) FROM (SELECT 1 FROM {self._words}"
            f" WHERE {self._words} MATCH ? LIMIT {SCORED + 1}))"
        )
        (row,) = self._journal.rows(f"SELECT {', '.join([one] * len(terms))}", terms)
        return list(zip(row, terms, strict=True))

    def _scored(self, expression: str, where: Where, limit: int) -> list[tuple[int, float]]:
        rank = f"bm25({self._words}, {WEIGHTS})"
        sql, parameters = self._from(expression, where)
        rows = self._journal.rows(
            f"SELECT {self._words}.rowid, {rank} AS score {sql} ORDER BY score LIMIT ?",
            [*parameters, limit],
        )
        return [(number, -score) for number, score in rows]

    def _latest(self, expression: str, where: Where, limit: int, floor: int) -> list[int]:
        """The latest of the records that match, looked for among so many as may be scored."""
        words = self._words
        sql = (
            f"SELECT rowid FROM {words} WHERE {words} MATCH ? AND rowid > ?"
            " ORDER BY rowid DESC LIMIT ?"
        )
        parameters: list[Value] = [expression, floor]
        if where.everything:
            parameters.append(limit)
        else:
            clauses = where.clauses(self._records)
            sql = (
                f"SELECT number FROM ({sql}) AS latest CROSS JOIN {self._records}"
                f" ON number = latest.rowid WHERE {clauses.sql} LIMIT ?"
            )
            parameters += [SCORED, *clauses.parameters, limit]
        return [number for (number,) in self._journal.rows(sql, parameters)]

    def _from(self, expression: str, where: Where) -> tuple[str, list[Value]]:
        words = self._words
        if where.everything:
            return f"FROM {words} WHERE {words} MATCH ?", [expression]
        clauses = where.clauses(self._records)
        # CROSS: full text goes first; per row it would be asked anew for every record.
        sql = (
            f"FROM {words} CROSS JOIN {self._records} ON number = {words}.rowid"
            f" WHERE {words} MATCH ? AND {clauses.sql}"
        )
        return sql, [expression, *clauses.parameters]


def _numbers(listed: str | None) -> Numbers:
    return np.array(listed.split(",") if listed else [], dtype=np.int64)


def telling(total: int, holding: int) -> float:
    """How much a term tells that so many of all records hold: from 0, in all, to 1, in none.

    It is an idf as if a hundred more records were there, one of which has the term: so it is
    alike in memories of any size.
    """
    return math.log((max(total, holding) + 100) / (holding + 1)) / math.log(total + 100)
