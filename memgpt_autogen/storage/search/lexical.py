"""What the lexical index says to a query: which records may answer it, by their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from memgpt_autogen.storage.journal.matching import Numbers, Posting
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.journal.words import asked_words
from memgpt_autogen.storage.search.parse import Query, phrase, term
from memgpt_autogen.storage.search.turns import by_words

CANDIDATES = 80  # by words of their own, and as many by those around them
FEW = 1000  # so many that fit a filter are told apart one by one
_RANKED = 300  # BM25 scores read, for candidates found by meaning only


@dataclass(frozen=True)
class Hits:
    """What the lexical index says to a query.

    Attributes:
        where: the filter, narrowed to a time where the query asks for that time alone.
        chosen: the candidates, best first.
        named: speakers whom the query names.
        postings: of a dialogue: which records hold which telling word.
        scores: of passages: BM25, of more than become candidates.
        most: of passages: the BM25 of one that holds every word.
        weight: of passages: how much all words tell together.
    """

    where: Where
    chosen: list[int] = field(default_factory=list)
    named: frozenset[str] = frozenset()
    postings: Sequence[Posting] = ()
    scores: dict[int, float] = field(default_factory=dict)
    most: float = 1.0
    weight: float = 0.0


def hits(table: RecordTable, query: Query, where: Where) -> Hits:
    """What the index says; it may be asked while the query is embedded."""
    named = frozenset(table.named(query.words))
    narrowed = _narrowed(table, query, where, named)
    found = (_turns if table.kind.dialogue else _passages)(table, query, narrowed or where, named)
    if narrowed is not None:
        listed = table.page(narrowed, limit=2 * CANDIDATES, newest_first=True)
        return replace(found, chosen=[record.number for record in listed])
    exact = table.matching.holding(list(map(phrase, query.exact)), where, CANDIDATES)
    return replace(found, chosen=list(dict.fromkeys([*exact, *found.chosen])))


def _turns(table: RecordTable, query: Query, where: Where, named: frozenset[str]) -> Hits:
    # Who is named is seldom named by themselves: their names are a feature of the speaker.
    names = {term(word) for name in named for word in asked_words(name)}
    telling = [one for one in query.terms if one not in names]
    postings = table.matching.postings(telling or query.terms, where, _RANKED)
    orders = by_words(postings, around=True), by_words(postings, around=False)
    chosen = [one for order in orders for one in _fitting(table, order, where, CANDIDATES)]
    for span in query.spans:
        inside = where.within(span.start, span.end)
        chosen += [one for order in orders for one in _fitting(table, order, inside, CANDIDATES)]
    if not telling:
        for name in named if where.speaker is None else ():
            spoken = replace(where, speaker=name)
            latest = table.page(spoken, limit=CANDIDATES, newest_first=True)
            chosen += [record.number for record in latest]
    return Hits(where, chosen, named, postings)


def _passages(table: RecordTable, query: Query, where: Where, named: frozenset[str]) -> Hits:
    scores = dict(table.matching.best(query.terms, where, _RANKED))
    chosen = [*scores][: 2 * CANDIDATES]
    for span in query.spans:
        inside = where.within(span.start, span.end)
        for number, score in table.matching.best(query.terms, inside, CANDIDATES):
            scores.setdefault(number, score)
            chosen.append(number)
    most, weight = table.matching.weights(query.terms)
    return Hits(where, chosen, named, scores=scores, most=most, weight=weight)


def _fitting(table: RecordTable, order: Numbers, where: Where, count: int) -> list[int]:
    """The first of these records that fit."""
    found: list[int]
    if where.everything:
        found = order[:count].tolist()
        return found
    allowed = table.numbers(where, FEW + 1)
    if len(allowed) <= FEW:
        found = order[np.isin(order, allowed)][:count].tolist()
        return found
    found = []
    for start in range(0, len(order), FEW):
        part: list[int] = order[start : start + FEW].tolist()
        fit = table.fitting(part, where)
        found += [number for number in part if number in fit]
        if len(found) >= count:
            break
    return found[:count]


def _narrowed(
    table: RecordTable, query: Query, where: Where, named: frozenset[str]
) -> Where | None:
    """The filter with the time asked for, where nothing else is and something is there."""
    if len(query.spans) != 1 or query.exact:
        return None
    span = query.spans[0]
    names = {word for name in named for word in asked_words(name)}
    if query.beside and not (span.relative and query.beside <= names):
        return None
    narrowed = where.within(span.start, span.end)
    return narrowed if table.numbers(narrowed, 1) else None
