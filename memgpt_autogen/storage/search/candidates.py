"""Candidates: the records of one kind that may answer a query, by words and by meaning.

Each gets both scores, whichever way it was found.
"""

from __future__ import annotations

import itertools

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.journal.records import RecordTable
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.journal.words import asked_words
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.parse import Query, phrase
from memgpt_autogen.storage.search.rank import Candidate, Hits

CANDIDATES = 50  # by words, and as many by meaning
_RANKED = 300  # BM25 scores read, for candidates found by meaning only
_FEW, _SOME = 1000, 5000  # so many that fit a filter are compared one by one; where rare, more
_RARE = 20  # one in so many fits: the nearest of all would hold too few of them
_MANY = 1000  # of the nearest of all, read to find those that fit a filter


def by_words(table: RecordTable, query: Query, where: Where) -> Hits:
    """What the lexical index says; it may be asked while the query is embedded."""
    named = frozenset(table.named(query.words))
    narrowed = _narrowed(table, query, where, named)
    scores = dict(table.matches(query.terms, narrowed or where, _RANKED))
    if narrowed is not None:
        listed = table.page(narrowed, limit=2 * CANDIDATES, newest_first=True)
        return Hits(narrowed, scores, [record.number for record in listed], named)
    first = table.holding(list(map(phrase, query.exact)), where, CANDIDATES)
    for span in query.spans:
        inside = where.within(span.start, span.end)
        for number, score in table.matches(query.terms, inside, CANDIDATES):
            scores.setdefault(number, score)
            first.append(number)
    return Hits(where, scores, first, named)


def candidates(records: Records, hits: Hits, vector: Vectors | None) -> list[Candidate]:
    """The records that may answer a query, in no order; by words alone without a vector."""
    table = records.table
    wanted = 2 * CANDIDATES if vector is None else CANDIDATES
    chosen = list(dict.fromkeys([*hits.first, *itertools.islice(hits.scores, wanted)]))
    cosines = dict.fromkeys(chosen, 0.0)
    if vector is not None:
        records.check(vector)
        nearest = _nearest(records, vector, hits.where)
        missing = [one for one in chosen if one not in nearest]
        # What has no vector yet is found by its words alone, as far as the nearest ends.
        cosines = dict.fromkeys(missing, min(nearest.values(), default=0.0))
        cosines.update(nearest)
        cosines.update(table.vectors.cosines(vector, missing))
    found = table.get([*cosines])
    return [
        Candidate(found[number], hits.scores.get(number, 0.0), cosine)
        for number, cosine in cosines.items()
        if number in found
    ]


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


def _nearest(records: Records, vector: Vectors, where: Where) -> dict[int, float]:
    table = records.table
    if where.everything:
        return records.nearest(vector, CANDIDATES)
    total = len(table)
    few = min(max(_FEW, total // _RARE), _SOME)
    fitting = table.numbers(where, few + 1)
    if len(fitting) <= few:
        found = table.vectors.cosines(vector, fitting)
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], -pair[0]))[:CANDIDATES])
    # Many fit: the nearest of all hold enough that fit, if enough of all are read.
    wanted = CANDIDATES
    while True:
        wanted = min(total, 4 * wanted)
        nearest = records.nearest(vector, wanted)
        fit = table.fitting(list(nearest), where)
        near = [number for number in nearest if number in fit][:CANDIDATES]
        if len(near) == CANDIDATES or wanted == total or wanted >= _MANY:
            return {number: nearest[number] for number in near}
