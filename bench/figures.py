"""The costs of turns, and the figures the report quotes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean, median
from typing import Any

from harness import spread

# First and last turn of the spans that are quoted.
SPANS = ((1, 50), (26, 75), (51, 150), (151, 200), (351, 400), (951, 1000))
TOTALS = (50, 200, 500, 1000)
STEP = 10  # turns that one point of a plot stands for


@dataclass(frozen=True)
class TurnCost:
    """One turn: milliseconds without the model's, CPU, prompt tokens, and the requests.

    `own_ms` is CPU time of the thread that waits for the answer.
    """

    turn: int
    ms: float
    cpu_ms: float
    own_ms: float
    tokens: int
    requests: list[dict[str, Any]]


@dataclass
class Peer:
    """Who is measured, and how.

    Attributes:
        kind: what `peers.py` calls it.
        script: what its model answers (`scripts.py`); None for no model.
        samples: turns at which it is measured with a history given to it.
        row: turns that are taken in rows at the end, without pauses.
        sustained: ms and CPU ms of one of those, with all writes.
    """

    title: str
    kind: str
    script: str | None
    turns: int
    window: int | None = None
    fill: int = 0
    samples: tuple[int, ...] = ()
    row: int = 0
    sustained: dict[str, float] = field(default_factory=dict)
    costs: list[TurnCost] = field(default_factory=list)
    sampled: list[TurnCost] = field(default_factory=list)


def document(peers: Sequence[Peer]) -> dict[str, Any]:
    """The results file."""
    return {"peers": {peer.title: figures(peer) for peer in peers}}


def figures(peer: Peer) -> dict[str, Any]:
    costs = peer.costs
    spans = {
        f"{first}-{last}": span(costs[first - 1 : last])
        for first, last in SPANS
        if len(costs) >= last
    }
    samples = [
        span([cost for cost in peer.sampled if end - STEP <= cost.turn <= end])
        for end in peer.samples
        if any(cost.turn == end for cost in peer.sampled)
    ]
    return {
        "kind": peer.kind,
        "turns": len(costs),
        "filled_with": peer.fill,
        "spans": spans,
        "samples": {str(one["last_turn"]): one for one in samples},
        "all": span(costs),
        "last_hundred": span(costs[-100:]),
        "sustained": peer.sustained,
        "total_tokens": totals(peer),
        "summaries": sum(request["bare"] for cost in costs for request in cost.requests),
        "prefix": prefix(costs),
        "series": series(peer),
    }


def span(costs: Sequence[TurnCost]) -> dict[str, Any]:
    """The figures of some turns in a row."""
    wall = spread([cost.ms for cost in costs])
    return {
        "first_turn": costs[0].turn,
        "last_turn": costs[-1].turn,
        "ms": wall,
        "cpu_ms": mean(cost.cpu_ms for cost in costs),
        "own_ms": median(cost.own_ms for cost in costs),
        "tokens": mean(cost.tokens for cost in costs),
        "calls": mean(len(cost.requests) for cost in costs),
    }


def totals(peer: Peer) -> dict[str, int]:
    """Prompt tokens of all turns up to some; between samples the growth is taken as even."""
    known = [(cost.turn, cost.tokens) for cost in [*peer.costs, *peer.sampled]]
    each: dict[int, float] = dict(known)
    for (first, low), (last, high) in pairwise(sorted(each.items())):
        for turn in range(first + 1, last):
            each[turn] = low + (high - low) * (turn - first) / (last - first)
    return {
        str(end): round(sum(each[turn] for turn in range(1, end + 1)))
        for end in TOTALS
        if end in each
    }


def prefix(costs: Sequence[TurnCost]) -> dict[str, Any]:
    """Shares of prefix; "undisturbed" are requests with no summary, so no eviction, between."""
    requests = [request for cost in costs for request in cost.requests]
    shared = [one["prefix"] for one in requests if one["prefix"][0] is not None]
    calm = [
        after["prefix"][0]
        for before, after in pairwise(requests)
        if not before["bare"] and not after["bare"]
    ]
    if not shared:
        return {}
    return {
        "with_previous": mean(one[0] for one in shared),
        "best_of_eight": mean(one[1] for one in shared),
        "undisturbed": {"mean": mean(calm), "min": min(calm)} if calm else None,
    }


def series(peer: Peer) -> dict[str, list[float | int | None]]:
    """What is plotted: a point for every ten turns."""
    groups = [peer.costs[first : first + STEP] for first in range(0, len(peer.costs), STEP)]
    groups += [
        group
        for end in peer.samples
        if (group := [one for one in peer.sampled if end - STEP <= one.turn <= end])
    ]
    shares = [
        [request["prefix"][0] for cost in group for request in cost.requests] for group in groups
    ]
    known = [[share for share in group if share is not None] for group in shares]
    return {
        "turn": [group[-1].turn for group in groups],
        "ms": [round(median(cost.ms for cost in group), 2) for group in groups],
        "tokens": [round(mean(cost.tokens for cost in group)) for group in groups],
        "prefix": [round(mean(group), 4) if group else None for group in known],
    }
