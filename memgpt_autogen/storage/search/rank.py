"""Ranking: candidates by words, meaning, exactness, time and speaker, in one order.

The score of a record is its BM25 relative to the best one, plus its cosine to the
query scaled to the range of the candidates. A speaker whom the query names, and a time
that it names, add a share of that. What the query quotes or identifies exactly goes
before all of it: among records that hold it words decide, and how early it stands in
them, since what a text is about comes first in it; meaning says little of a UUID.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import Record, micros
from memgpt_autogen.storage.search.parse import Query, flat
from memgpt_autogen.storage.search.when import Span

LEAST_SPAN = 0.05  # of cosines; when all are alike, they tell nothing apart
NAMED = 0.3  # for a speaker or a date in the query; a date may be that of what is told
SPOKEN_THEN = 0.6  # for "yesterday" and its like: said as seen from now, so meant exactly
EXACT = 4.0  # for each exact phrase: more than all else together
_DAY = 86_400_000_000  # microseconds
_BEFORE, _AFTER = 7 * _DAY, 14 * _DAY  # things are told of some days before they are, and after


@dataclass(frozen=True)
class Hits:
    """What the lexical index says to a query.

    Attributes:
        where: the filter, narrowed to a time where the query asks for that time alone.
        scores: by words, best first, of more records than become candidates.
        first: candidates whatever their scores.
        named: speakers whom the query names.
    """

    where: Where
    scores: dict[int, float]
    first: list[int]
    named: frozenset[str]


@dataclass(frozen=True)
class Candidate:
    """A record that may answer a query, with its score by words and by meaning."""

    record: Record
    words: float
    cosine: float


@dataclass(frozen=True)
class Scored:
    """A candidate with its score; `origin` tells which store it comes from."""

    record: Record
    score: float
    origin: object = None


def ranked(
    query: Query,
    candidates: Sequence[tuple[Candidate, object]],
    named: Collection[str] = (),
    meaning: float = 1.0,
) -> list[Scored]:
    """Candidates, each with its origin, best first; of equals, the newest first.

    Args:
        query: what was asked.
        candidates: of all stores that are searched.
        named: speakers whom the query names.
        meaning: how much the cosines count, beside the words' 1.
    """
    if not candidates:
        return []
    best = max(one.words for one, _ in candidates) or 1.0
    lowest = min(one.cosine for one, _ in candidates)
    span = max(max(one.cosine for one, _ in candidates) - lowest, LEAST_SPAN)
    found = []
    for one, origin in candidates:
        score = one.words / best + _boost(query.spans, one.record, named)
        exactness, earliness = _exactness(query.exact, one.record)
        if exactness:
            score += EXACT * exactness + earliness
        else:
            score += meaning * (one.cosine - lowest) / span
        found.append(Scored(one.record, score, origin))
    return sorted(found, key=lambda one: (-one.score, -one.record.number))


def _boost(spans: Sequence[Span], record: Record, named: Collection[str]) -> float:
    boost = NAMED if record.speaker in named else 0.0
    if spans:
        at = micros(record.timestamp)
        boost += max(_closeness(span, at) for span in spans)
    return boost


def _closeness(span: Span, at: int) -> float:
    """What a time in the query adds; dates fade, as things are told around their dates."""
    if span.start <= at <= span.end:
        return SPOKEN_THEN if span.relative else NAMED
    if span.relative:
        return 0.0
    away = (span.start - at) / _BEFORE if at < span.start else (at - span.end) / _AFTER
    return NAMED * max(0.0, 1.0 - away)


def _exactness(phrases: Sequence[str], record: Record) -> tuple[int, float]:
    """How many of the phrases a record holds, and from 0 to 1 how early the first stands."""
    if not phrases:
        return 0, 0.0
    text = flat(record.text)
    places = [at for at in (text.find(f" {phrase} ") for phrase in phrases) if at >= 0]
    return len(places), 1.0 - min(places) / len(text) if places else 0.0
