"""Search: a query put to one store or several, as one ranked result."""

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
from memgpt_autogen.storage.search.candidates import by_words, candidates
from memgpt_autogen.storage.search.deduplication import Distinct, distinct
from memgpt_autogen.storage.search.parse import Query
from memgpt_autogen.storage.search.rank import Hits, ranked

logger = logging.getLogger(__name__)

By = Literal["both", "words", "meaning"]

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
        hits = [by_words(store.table, query, where) for store in stores]
        vector = None
    else:
        # SQLite works outside Python's lock, and so do models and networks.
        with ThreadPoolExecutor(1, thread_name_prefix="memgpt-words") as pool:
            asked = pool.submit(lambda: [by_words(store.table, query, where) for store in stores])
            vector = _vector(embedder, query)
            hits = asked.result()
    found = [
        (candidate, store)
        for store, hit in zip(stores, hits, strict=True)
        for candidate in candidates(store, hit, vector)
    ]
    named = {name for hit in hits for name in hit.named}
    return distinct(ranked(query, found, named, _weight(embedder)))


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
