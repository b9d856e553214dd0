"""Candidates: the records that may answer a query, found by words and by meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.features import PASSAGES, TURNS, Values, table
from memgpt_autogen.storage.search.lexical import FEW, Hits
from memgpt_autogen.storage.search.parse import Query
from memgpt_autogen.storage.search.rank import Candidates, closeness
from memgpt_autogen.storage.search.reader import BESIDE, Reader
from memgpt_autogen.storage.search.turns import cosine_values, surroundings, turn_values

CANDIDATES = 50  # by meaning
LEAST_SPAN = 0.05  # of cosines; when all are alike, they tell nothing apart
_SOME = 5000  # so many that fit a filter are compared one by one, where they are rare
_RARE = 20  # one in so many fits: the nearest of all would hold too few of them
_MANY = 1000  # of the nearest of all, read to find those that fit a filter


def candidates(
    readers: Sequence[Reader],
    found: Sequence[Hits],
    query: Query,
    vector: Vectors | None,
    pool: Executor,
) -> Candidates:
    """The candidates of all stores with their features; without a vector by words alone."""
    records: list[Record] = []
    origins: list[object] = []
    said: list[tuple[str, ...]] = []
    parts: list[dict[str, Values]] = []
    dialogue = readers[0].store.kind.dialogue
    for reader, hits in zip(readers, found, strict=True):
        nearest: dict[int, float] = {}
        if vector is not None:
            reader.store.check(vector)
            # The index works outside Python's lock, and so does SQLite.
            asked = pool.submit(_nearest, reader.store, vector, hits.where)
            reader.compare(vector, hits.chosen)
            nearest = asked.result()
            reader.compare(vector, nearest)
        there = reader.read([*hits.chosen, *nearest])
        if there:
            make = partial(_turns, query) if dialogue else _passages
            parts.append(make(reader, hits, there, nearest))
        records += there
        said += [reader.said[record.number] for record in there]
        origins += [reader.store] * len(there)
    features = TURNS if dialogue else PASSAGES
    if not records:
        return Candidates([], [], features, np.zeros((0, len(features))), np.zeros(0), [])
    values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    values["then"] = closeness(query.spans, records)
    if not dialogue:
        values["words"] = values["words"] / max(values["words"].max(), 1e-9)
        lowest = values["cosine"].min()
        span = max(values["cosine"].max() - lowest, LEAST_SPAN)
        values["nearness"] = (values["cosine"] - lowest) / span
    words = values["best" if dialogue else "words"]
    return Candidates(records, origins, features, table(values, features), words, said)


def _turns(
    query: Query,
    reader: Reader,
    hits: Hits,
    records: Sequence[Record],
    nearest: Mapping[int, float],
) -> dict[str, Values]:
    numbers = np.array([record.number for record in records], dtype=np.int64)
    dated = np.array([reader.dated[record.number] for record in records], dtype=float)
    beside = surroundings(reader.outlines, numbers)
    cosines = reader.cosines(numbers[:, None] + np.array(BESIDE), nearest)
    return {
        **turn_values(query, hits.postings, records, dated, beside, hits.named),
        **cosine_values(numbers, cosines, beside),
    }


def _passages(
    reader: Reader, hits: Hits, records: Sequence[Record], nearest: Mapping[int, float]
) -> dict[str, Values]:
    numbers = np.array([record.number for record in records], dtype=np.int64)
    words = np.array([hits.scores.get(record.number, 0.0) for record in records])
    ones = np.ones(len(records))
    return {
        "constant": ones,
        "weight": ones * hits.weight,
        "words": words,
        "covers": words / max(hits.most, 1e-9),
        "cosine": reader.cosines(numbers, nearest),
    }


def _nearest(records: Records, vector: Vectors, where: Where) -> dict[int, float]:
    table = records.table
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
