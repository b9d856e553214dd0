"""Turns: the features of a dialogue's records, with what was said beside them.

What answers a question often holds none of its words, but follows a turn that does. Turns
belong together where they follow each other in one chat with no half a day between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memgpt_autogen.storage.journal.matching import Numbers, Posting
from memgpt_autogen.storage.journal.record_table import Outline
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.search.features import Values
from memgpt_autogen.storage.search.parse import Query
from memgpt_autogen.storage.search.when import asks_when

REACH = 10  # turns on either side that are of one topic
# What a word counts that stands so many turns away, of the five; most are said again in them.
KERNEL = {-2: 0.35, -1: 0.7, 0: 1.0, 1: 0.5, 2: 0.25}
_ENOUGH = 0.6  # of that: half as good as any number of them
_APART = 12 * 3_600_000_000  # microseconds from one turn to the next

Flags = NDArray[np.bool_]


def by_words(postings: Sequence[Posting], *, around: bool) -> Numbers:
    """The numbers of the turns that have any of the words, best first; of equals the newest.

    `around`: words of the two turns on either side count too.
    """
    kernel = KERNEL if around else {0: 1.0}
    if not postings:
        return np.zeros(0, dtype=np.int64)
    every = [posting.numbers + away for away in kernel for posting in postings]
    weights = [
        np.full(len(posting.numbers), share * posting.weight)
        for share in kernel.values()
        for posting in postings
    ]
    numbers, places = np.unique(np.concatenate(every), return_inverse=True)
    sums = np.bincount(places, np.concatenate(weights), len(numbers))
    found: Numbers = numbers[np.lexsort((-numbers, -sums))]
    return found


@dataclass(frozen=True)
class Surroundings:
    """Which turns beside each record belong to its conversation, by their distance."""

    joined: Mapping[int, Flags]
    asks: Mapping[int, Flags]


def surroundings(outlines: Mapping[int, Outline], numbers: Numbers) -> Surroundings:
    """What stands beside these records, of which and of whose neighbours there are outlines."""
    known = np.array(sorted(outlines) or [-1], dtype=np.int64)  # all may just be deleted
    rows = [outlines[number] for number in known.tolist()] if outlines else [(-1, 0, "", False)]
    at = np.array([row[1] for row in rows], dtype=np.int64)
    chats: dict[str, int] = {}
    chat = np.array([chats.setdefault(row[2], len(chats)) for row in rows], dtype=np.int64)
    asking = np.array([row[3] for row in rows], dtype=bool)
    grid = numbers[:, None] + np.arange(-2, 3)
    places = np.minimum(np.searchsorted(known, grid), len(known) - 1)
    there = known[places] == grid
    # Whether each of the five and the one after it are one conversation.
    close = np.abs(np.diff(at[places])) <= _APART
    linked = there[:, :-1] & there[:, 1:] & close & (np.diff(chat[places]) == 0)
    before, after = linked[:, 1], linked[:, 2]
    joined = {
        -2: before & linked[:, 0],
        -1: before,
        0: np.ones(len(numbers), dtype=bool),
        1: after,
        2: after & linked[:, 3],
    }
    asks = {away: asking[places[:, 2 + away]] & joined[away] for away in (-1, 0)}
    return Surroundings(joined, asks)


def turn_values(
    query: Query,
    postings: Sequence[Posting],
    records: Sequence[Record],
    dated: Values,
    beside: Surroundings,
    named: frozenset[str],
) -> dict[str, Values]:
    """The features of these records that need no vectors; `dated`: 1 for those that tell a time."""
    numbers = np.array([record.number for record in records], dtype=np.int64)
    weights = np.array([posting.weight for posting in postings])
    total, squares = float(weights.sum()) or 1.0, float((weights**2).sum()) or 1.0
    held = _held(postings, numbers)  # by posting, record and place beside it
    parts = {away: held[:, :, REACH + away] & beside.joined[away] for away in KERNEL}
    counts = sum(share * parts[away] for away, share in KERNEL.items())
    reached = counts / (counts + _ENOUGH)
    matched = weights @ parts[0]
    ones = np.ones(len(records))
    return {
        "constant": ones,
        "asked": ones * np.log1p(len(postings)),
        "weight": ones * weights.sum(),
        "best": matched / max(matched.max(initial=0.0), 1e-9),
        "pair": weights @ (parts[0] | parts[-1]) / total,
        "five": weights @ reached,
        "rare": weights**2 @ reached / squares,
        "around": weights @ held.any(axis=2) / total,
        "named": np.array([record.speaker in named for record in records], dtype=float),
        "dated": dated,
        "when": dated * asks_when(query.text),
        "question": beside.asks[0].astype(float),
    }


def _held(postings: Sequence[Posting], numbers: Numbers) -> Flags:
    grid = numbers[:, None] + np.arange(-REACH, REACH + 1)
    found = np.zeros((len(postings), *grid.shape), dtype=bool)
    for posting, cells in zip(postings, found, strict=True):
        if len(posting.numbers):
            places = np.searchsorted(posting.numbers, grid)
            np.minimum(places, len(posting.numbers) - 1, out=places)
            cells[:] = posting.numbers[places] == grid
    return found


def cosine_values(numbers: Numbers, cosines: Values, beside: Surroundings) -> dict[str, Values]:
    """The features of these records by their vectors and those beside them.

    `cosines` has a row for each: of the turn before it, its own, of the turn after it.
    """
    before, own, after = (cosines[:, 1 + away] * beside.joined[away] for away in (-1, 0, 1))
    near = np.abs(numbers[:, None] - numbers) <= REACH
    return {
        "cosine": own,
        "beside": np.maximum(before, after),
        "reply": before * beside.asks[-1],
        "topic": np.where(near, own, -1.0).max(axis=1, initial=-1.0),
    }
