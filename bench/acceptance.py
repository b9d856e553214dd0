"""The figures that the package is held to, each as a line with yes or no."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, dict[str, Any]]

MINE = "MemGPTAgent"
EDITING = "MemGPTAgent, editing"
FILLED = "MemGPTAgent, 10k stored"
FULL = "AssistantAgent, full history"
LARGE = 100_000
# How much a search may cost, in embeddings of the query plus raw queries of Chroma.
SEARCH_BOUNDS = {10_000: 2.0, LARGE: 3.0}
SEARCHABLE = ("Teachability", "agentchat + ChromaDBVectorMemory")


@dataclass(frozen=True)
class Line:
    """What must hold, what was found, and whether it does; None where it was not measured."""

    claim: str
    found: str
    holds: bool | None


def lines(results: Results) -> list[Line]:
    """All lines, in order."""
    turn = results.get("turn", {}).get("peers", {})
    return [
        *found(results.get("retrieval", {})),
        *searches(results.get("growth", {})),
        *times(turn),
        *prefixes(turn),
        *tokens(turn),
        *concurrency(results),
    ]


def found(retrieval: Mapping[str, Any]) -> Iterator[Line]:
    locomo, nested = retrieval.get("locomo", {}), retrieval.get("nested_kv")
    for way, recall, hit in (("hybrid", 76, 83), ("words alone", 71, 78)):
        claim = f"LoCoMo, {way}: recall@10 at least {recall}, hit@10 {hit}"
        if way in locomo:
            row = locomo[way]["all"]
            reached = row["recall@10"] >= recall and row["hit@10"] >= hit
            yield Line(claim, f"{row['recall@10']:.1f} and {row['hit@10']:.1f}", reached)
        else:
            yield Line(claim, "not measured", None)
    claim = "nested keys and values, levels 0 to 4: all chains followed, one search a hop"
    if nested:
        tried = sum(level["chains"] for level in nested.values())
        right = sum(level["chains"] * level["right"] / 100 for level in nested.values())
        yield Line(claim, f"{right:.0f} of {tried}", right == tried)
    else:
        yield Line(claim, "not measured", None)


def searches(growth: Mapping[str, Any]) -> Iterator[Line]:
    by_size = {int(one["messages"]): one for one in growth.get("sizes", ())}
    for size, bound in SEARCH_BOUNDS.items():
        claim = (
            f"a search at {size:,} messages costs at most {bound:.0f} times embedding the query"
            " and one raw Chroma query"
        )
        if size in by_size:
            ratio = by_size[size]["search / (embed + raw)"]
            yield Line(claim, f"{ratio:.2f}", ratio <= bound)
        else:
            yield Line(claim, "not measured", None)
    claim = "opening an agent with 100,000 messages takes less than a second"
    if LARGE in by_size:
        took = by_size[LARGE]["open"] + by_size[LARGE]["first search"]
        yield Line(claim, f"{took / 1000:.2f} s with the first search", took < 1000)
    else:
        yield Line(claim, "not measured", None)


def times(turn: Mapping[str, Any]) -> Iterator[Line]:
    claim = "a turn at 10,000 stored messages takes at most 40 ms (median)"
    if filled := turn.get(FILLED):
        answer, row = filled["last_hundred"]["ms"]["median"], filled.get("sustained")
        found = f"{answer:.1f} ms until the answer (median)"
        if row:
            found += f"; in a row with all writes {row['ms']:.1f} (mean), CPU {row['cpu_ms']:.1f}"
            yield Line(claim, found, max(answer, row["ms"]) <= 40)
        else:
            found += "; in a row with all writes: not measured"
            yield Line(claim, found, False if answer > 40 else None)
    else:
        yield Line(claim, "not measured", None)
    claim = "turn 1,000 takes at most 1.2 times turn 50 (medians of 50 turns)"
    spans = turn.get(MINE, {}).get("spans", {})
    if "951-1000" in spans:
        ratio = spans["951-1000"]["ms"]["median"] / spans["26-75"]["ms"]["median"]
        cpu = spans["951-1000"]["cpu_ms"] / spans["26-75"]["cpu_ms"]
        yield Line(claim, f"{ratio:.2f} (CPU: {cpu:.2f})", ratio <= 1.2)
    else:
        yield Line(claim, "not measured", None)
    claim = "from turn 150 on it takes less time than AssistantAgent with full history"
    pairs = list(_pairs(turn))
    if pairs:
        found = ", ".join(f"turn {at}: {mine:.0f} and {other:.0f} ms" for at, mine, other in pairs)
        yield Line(claim, found, all(mine < other for _, mine, other in pairs))
    else:
        yield Line(claim, "not measured", None)


def _pairs(turn: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    mine, other = turn.get(MINE), turn.get(FULL)
    if not mine or not other:
        return
    if "151-200" in mine["spans"] and "151-200" in other["spans"]:
        yield (
            "151–200",
            mine["spans"]["151-200"]["ms"]["median"],
            other["spans"]["151-200"]["ms"]["median"],
        )
    by_turn = dict(zip(mine["series"]["turn"], mine["series"]["ms"], strict=True))
    for end, span in other["samples"].items():
        if int(end) in by_turn:
            yield f"{int(end):,}", by_turn[int(end)], span["ms"]["median"]


def prefixes(turn: Mapping[str, Any]) -> Iterator[Line]:
    claim = "without edits and evictions a request shares at least 0.97 with the one before"
    calm = turn.get(MINE, {}).get("prefix", {}).get("undisturbed")
    if calm:
        yield Line(claim, f"mean {calm['mean']:.3f}, least {calm['min']:.3f}", calm["min"] >= 0.97)
    else:
        yield Line(claim, "not measured", None)
    claim = "with edits and evictions, over 500 turns, at least 0.85 on average"
    editing = turn.get(EDITING)
    if editing and editing["turns"] >= 500:
        share = editing["prefix"]["with_previous"]
        found = f"{share:.3f} ({editing['prefix']['best_of_eight']:.3f} of the last eight)"
        yield Line(claim, found, share >= 0.85)
    else:
        yield Line(claim, "not measured", None)


def tokens(turn: Mapping[str, Any]) -> Iterator[Line]:
    claim = "over 1,000 turns at most 1/12 of the prompt tokens of full history"
    mine = turn.get(MINE, {}).get("total_tokens", {})
    full = turn.get(FULL, {}).get("total_tokens", {})
    if "1000" in mine and "1000" in full:
        ratio = full["1000"] / mine["1000"]
        found = f"1/{ratio:.1f} ({mine['1000'] / 1e6:.2f} of {full['1000'] / 1e6:.1f} million)"
        yield Line(claim, found, ratio >= 12)
    else:
        yield Line(claim, "not measured", None)
    for name in SEARCHABLE:
        claim = f"over 200 turns fewer prompt tokens than {name}"
        other = turn.get(name, {}).get("total_tokens", {})
        if "200" in mine and "200" in other:
            found = f"{mine['200'] / 1e6:.2f} and {other['200'] / 1e6:.2f} million"
            yield Line(claim, found, mine["200"] < other["200"])
        else:
            yield Line(claim, "not measured", None)


def concurrency(results: Results) -> Iterator[Line]:
    found = results.get("concurrency")
    claims = (
        "32 async chats at once: each answered once, none mixed",
        "and the event loop never blocked for more than 50 ms",
    )
    if not found:
        yield from (Line(claim, "not measured", None) for claim in claims)
        return
    mine = found[MINE]
    yield Line(claims[0], f"{mine['right']} of {mine['of']}", mine["right"] == mine["of"])
    longest, other = mine["longest_ms"], found["AssistantAgent"]["longest_ms"]
    text = (
        f"{longest:.0f} ms ({mine['longest_with_core_ms']:.0f} while there was a core for it;"
        f" AssistantAgent: {other:.0f})"
    )
    yield Line(claims[1], text, longest <= found["bound_ms"])
