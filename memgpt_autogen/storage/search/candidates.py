"""Candidates: the records that may answer a query, found by words and by meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.features import PASSAGES, TURNS, Values, table
from memgpt_autogen.storage.search.lexical import FEW, Hits
from memgpt_autogen.storage.search.parse import Query
from memgpt_autogen.storage.search.rank import Candidates, closeness
from memgpt_autogen.storage.search.turns import cosine_values, surroundings, turn_values

CANDIDATES = 50  # by meaning
LEAST_SPAN = 0.05  # of cosines; when all are alike, they tell nothing apart
_SOME = 5000  # so many that fit a filter are compared one by one, where they are rare
_RARE = 20  # one in so many fits: the nearest of all would hold too few of them
_MANY = 1000  # of the nearest of all, read to find those that fit a filter


def candidates(
    stores: Sequence[Records], found: Sequence[Hits], query: Query, vector: Vectors | None
) -> Candidates:
    """The candidates of all stores with their features; without a vector by words alone."""
    records: list[Record] = []
    origins: list[object] = []
    parts: list[dict[str, Values]] = []
    for store, hits in zip(stores, found, strict=True):
        nearest = {} if vector is None else _nearest(store, vector, hits.where)
        there = list(store.table.get([*dict.fromkeys([*hits.chosen, *nearest])]).values())
        cosines = _Cosines(store, vector, nearest)
        if there and store.kind.dialogue:
            parts.append(_turns(store, query, hits, there, cosines))
        elif there:
            parts.append(_passages(query, hits, there, cosines))
        records += there
        origins += [store] * len(there)
    features = TURNS if stores[0].kind.dialogue else PASSAGES
    if not records:
        return Candidates([], [], features, np.zeros((0, len(features))), np.zeros(0))
    values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if not stores[0].kind.dialogue:
        values["words"] = values["words"] / max(values["words"].max(), 1e-9)
        lowest = values["cosine"].min()
        span = max(values["cosine"].max() - lowest, LEAST_SPAN)
        values["nearness"] = (values["cosine"] - lowest) / span
    words = values["best" if "best" in values else "words"]
    return Candidates(records, origins, features, table(values, features), words)


class _Cosines:
    """The cosines of a store's records to a query; 0 without a vector."""

    def __init__(
        self, store: Records, vector: Vectors | None, nearest: Mapping[int, float]
    ) -> None:
        self._store, self._vector = store, vector
        self._nearest = nearest
        # What has no vector yet is found by its words alone, as far as the nearest ends.
        self._lowest = min(nearest.values(), default=0.0)

    def of(self, numbers: Sequence[int]) -> dict[int, float]:
        """Of each of these records."""
        known = dict.fromkeys(numbers, self._lowest)
        if self._vector is not None:
            missing = [number for number in known if number not in self._nearest]
            known.update(self._store.table.vectors.cosines(self._vector, missing))
            known.update((one, self._nearest[one]) for one in numbers if one in self._nearest)
        return known


def _turns(
    store: Records, query: Query, hits: Hits, records: Sequence[Record], cosines: _Cosines
) -> dict[str, Values]:
    numbers = np.array([record.number for record in records], dtype=np.int64)
    beside = surroundings(store.table, numbers)
    near = np.unique(np.concatenate([numbers - 1, numbers, numbers + 1])).tolist()
    return {
        **turn_values(query, hits.postings, records, beside, hits.named),
        **cosine_values(numbers, cosines.of(near), beside),
        "then": np.array([closeness(query.spans, record) for record in records]),
    }


def _passages(
    query: Query, hits: Hits, records: Sequence[Record], cosines: _Cosines
) -> dict[str, Values]:
    numbers = [record.number for record in records]
    words = np.array([hits.scores.get(number, 0.0) for number in numbers])
    known = cosines.of(numbers)
    ones = np.ones(len(records))
    return {
        "constant": ones,
        "weight": ones * hits.weight,
        "words": words,
        "covers": words / max(hits.most, 1e-9),
        "cosine": np.array([known[number] for number in numbers]),
        "then": np.array([closeness(query.spans, record) for record in records]),
    }


def _nearest(records: Records, vector: Vectors, where: Where) -> dict[int, float]:
    table = records.table
    records.check(vector)
    if where.everything:
        return records.nearest(vector, CANDIDATES)
    total = len(table)
    few = min(max(FEW, total // _RARE), _SOME)
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
