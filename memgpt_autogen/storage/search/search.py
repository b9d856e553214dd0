"""Search: a query put to one store or several, as one ranked result.

The records that may answer it are found by words and by meaning; of each all features are
known, whichever way it was found.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import Embedder, embed_query
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.candidates import candidates
from memgpt_autogen.storage.search.deduplication import Distinct, distinct
from memgpt_autogen.storage.search.features import Values, coefficients
from memgpt_autogen.storage.search.lexical import Hits, hits
from memgpt_autogen.storage.search.parse import Query
from memgpt_autogen.storage.search.rank import Candidates, ranked
from memgpt_autogen.storage.search.reader import Reader

logger = logging.getLogger(__name__)

By = Literal["both", "words", "meaning"]

_SPELLING = 2.0  # the coefficient of cosines that know no meaning: they help misspelt words
_REMEMBERED = 16  # results kept for their further pages


def search(
    stores: Sequence[Records], query: Query, where: Where, by: By = "both"
) -> list[Distinct]:
    """What answers a query best, from all stores; the origin of each is its store.

    By words alone nothing is embedded; by meaning alone no word, speaker or time counts.
    """
    found, coefficients = looked_up(stores, query, where, by)
    return distinct(ranked(query, found, coefficients))


def looked_up(
    stores: Sequence[Records], query: Query, where: Where, by: By
) -> tuple[Candidates, Values]:
    """The candidates of a query, and what each of their features counts."""
    embedder = stores[0].embedder
    readers = [Reader(store) for store in stores]
    vector: Vectors | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="memgpt-search") as pool:
        if by == "meaning":
            query = Query(query.text, (), (), frozenset())
            vector = embed_query(embedder, query.text)
            found = [Hits(where) for _ in readers]
        elif by == "words":
            found = _by_words(readers, query, where)
        else:
            # SQLite works outside Python's lock, and so do models and networks.
            asked = pool.submit(_by_words, readers, query, where)
            vector = _vector(embedder, query)
            found = asked.result()
        given = candidates(readers, found, query, vector, pool)
    semantic = getattr(embedder, "semantic", True)
    way = "words" if vector is None or (by == "both" and not semantic) else by
    counted = coefficients(given.features, way)
    if way == "words" and vector is not None:
        counted += [_SPELLING * (one.name == "cosine") for one in given.features]
    return given, counted


def _by_words(readers: Sequence[Reader], query: Query, where: Where) -> list[Hits]:
    """What the lexical indexes say, with the records read that they name."""
    found = [hits(reader.store.table, query, where) for reader in readers]
    for reader, said in zip(readers, found, strict=True):
        reader.read(said.chosen)
    return found


def _vector(embedder: Embedder, query: Query) -> Vectors | None:
    """The query's vector; None where the embedder fails: then words must do."""
    try:
        return embed_query(embedder, query.text)
    except Exception as problem:  # noqa: BLE001 - whatever a user's embedder raises
        logger.warning(
            "searched by words alone: the embedder failed: %s: %s", type(problem).__name__, problem
        )
        return None


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
