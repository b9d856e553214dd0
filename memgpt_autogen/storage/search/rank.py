"""Ranking: candidates in one order, each with the chance that it answers the query.

What the query quotes or identifies exactly goes before all else: among records that hold
it words decide, and how early it stands in them, since what a text is about comes first
in it; meaning says little of a UUID.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memgpt_autogen.storage.record import Record, micros
from memgpt_autogen.storage.search.features import Feature, Values
from memgpt_autogen.storage.search.parse import Query, flat
from memgpt_autogen.storage.search.when import Span

EXACT = 20.0  # in units of the sum, for each exact phrase: more than all else together
_DAY = 86_400_000_000  # microseconds
_LONG = 31 * _DAY  # of a longer time so much is stored that being of it tells less
_BEFORE, _AFTER = 7 * _DAY, 14 * _DAY  # things are told of some days before they are, and after


@dataclass(frozen=True)
class Candidates:
    """Records that may answer a query.

    Attributes:
        records: what was found.
        origins: the store that each comes from.
        features: what is known of them, with coefficients.
        values: a row for each record, a column for each feature.
        words: a share of the best for each record, by words alone.
        said: of each record the words that carry what it says.
    """

    records: Sequence[Record]
    origins: Sequence[object]
    features: Sequence[Feature]
    values: Values
    words: Values
    said: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Scored:
    """A record with the chance that it answers.

    `said`: the words that carry what it says. `origin` tells which store it comes from.
    """

    record: Record
    score: float
    said: tuple[str, ...]
    origin: object = None


def ranked(query: Query, found: Candidates, coefficients: Values) -> list[Scored]:
    """Candidates, best first; of equals, the newest first."""
    if not found.records:
        return []
    sums: list[float] = (found.values @ coefficients).tolist()
    for place, record in enumerate(found.records if query.exact else ()):
        count, early = exactness(query.exact, record)
        if count:
            sums[place] = EXACT * count + early + float(found.words[place])
    scores: list[float] = (1 / (1 + np.exp(-np.clip(sums, -700, 700)))).tolist()
    order = sorted(range(len(sums)), key=lambda place: (-sums[place], -found.records[place].number))
    return [
        Scored(found.records[at], scores[at], found.said[at], found.origins[at]) for at in order
    ]


def closeness(spans: Sequence[Span], records: Sequence[Record]) -> Values:
    """How near records are to a time in the query; dates fade, as things are told around them."""
    if not spans:
        return np.zeros(len(records))
    times = [micros(record.timestamp) for record in records]
    return np.array([max(_closeness(span, at) for span in spans) for at in times])


def _closeness(span: Span, at: int) -> float:
    narrow = min(1.0, math.sqrt(_LONG / max(span.end - span.start, 1)))
    if span.start <= at <= span.end:
        return narrow
    if span.relative:
        return 0.0
    away = (span.start - at) / _BEFORE if at < span.start else (at - span.end) / _AFTER
    return narrow * max(0.0, 1.0 - away)


def exactness(phrases: Sequence[str], record: Record) -> tuple[int, float]:
    """How many of the phrases a record holds, and from 0 to 1 how early the first stands."""
    if not phrases:
        return 0, 0.0
    text = flat(record.text)
    places = [at for at in (text.find(f" {phrase} ") for phrase in phrases) if at >= 0]
    return len(places), 1.0 - min(places) / len(text) if places else 0.0
