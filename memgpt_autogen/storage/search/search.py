"""Search: a query put to one store or several, as one ranked result.

The records that may answer it are found by words and by meaning; each gets both scores,
whichever way it was found.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import Embedder, embed_query
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.journal.words import asked_words
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.deduplication import Distinct, distinct
from memgpt_autogen.storage.search.parse import Query, phrase
from memgpt_autogen.storage.search.rank import Candidate, Hits, ranked

logger = logging.getLogger(__name__)

By = Literal["both", "words", "meaning"]

CANDIDATES = 50  # by words, and as many by meaning
_RANKED = 300  # BM25 scores read, for candidates found by meaning only
_FEW, _SOME = 1000, 5000  # so many that fit a filter are compared one by one; where rare, more
_RARE = 20  # one in so many fits: the nearest of all would hold too few of them
_MANY = 1000  # of the nearest of all, read to find those that fit a filter
_SPELLING = 0.2  # what cosines count that know no meaning: they help where words are misspelt
_REMEMBERED = 16  # results kept for their further pages


def search(
    stores: Sequence[Records], query: Query, where: Where, by: By = "both"
) -> list[Distinct]:
    """What answers a query best, from all stores; the origin of each is its store.

    By words alone nothing is embedded; by meaning alone no word, speaker or time counts.
    """
    embedder = stores[0].embedder
    if by == "meaning":
        nothing = Hits(where, {}, [], frozenset())
        query = Query(query.text, (), (), frozenset())
        hits = [nothing for _ in stores]
        vector = embed_query(embedder, query.text)
    elif by == "words":
        hits = [_by_words(store.table, query, where) for store in stores]
        vector = None
    else:
        # SQLite works outside Python's lock, and so do models and networks.
        with ThreadPoolExecutor(1, thread_name_prefix="memgpt-words") as pool:
            asked = pool.submit(lambda: [_by_words(store.table, query, where) for store in stores])
            vector = _vector(embedder, query)
            hits = asked.result()
    found = [
        (candidate, store)
        for store, hit in zip(stores, hits, strict=True)
        for candidate in _candidates(store, hit, vector)
    ]
    named = {name for hit in hits for name in hit.named}
    return distinct(ranked(query, found, named, _weight(embedder)))


def _by_words(table: RecordTable, query: Query, where: Where) -> Hits:
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


def _candidates(records: Records, hits: Hits, vector: Vectors | None) -> list[Candidate]:
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


def _vector(embedder: Embedder, query: Query) -> Vectors | None:
    """The query's vector; None where the embedder fails: then words must do."""
    try:
        return embed_query(embedder, query.text)
    except Exception as problem:  # noqa: BLE001 - whatever a user's embedder raises
        logger.warning(
            "searched by words alone: the embedder failed: %s: %s", type(problem).__name__, problem
        )
        return None


def _weight(embedder: Embedder) -> float:
    return 1.0 if getattr(embedder, "semantic", True) else _SPELLING


class Results:
    """The latest results, so that a further page continues the one before it.

    What is stored between two pages would move records from one to the other. The
    first page is always searched anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, list[Distinct]] = OrderedDict()

    def get(self, key: Hashable, page: int, find: Callable[[], list[Distinct]]) -> list[Distinct]:
        """The result of `find`, or for a further page the one that was found with `key`."""
        with self._lock:
            known = self._kept.get(key) if page else None
        if known is not None:
            return known
        found = find()
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forget all: to be called when records are deleted."""
        with self._lock:
            self._kept.clear()
