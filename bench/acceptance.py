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
LIMITED = "AssistantAgent, 20 messages"
ALONE = "embedding alone"
LARGE = 100_000
# How much a search may cost, in embeddings of the query plus raw queries of Chroma.
SEARCH_BOUNDS = {10_000: 1.4, LARGE: 2.0, 1_000_000: 3.0}
# Without and with the imports, as `growth.py` calls them.
OPENED = ("open, to the first search by words", "the same, with imports")
OPENING = 200.0  # milliseconds
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
        *answers(turn),
        *times(turn),
        *prefixes(turn),
        *tokens(turn),
        *prefetch(results.get("prefetch", {})),
        *concurrency(results),
        *crowd(results.get("crowd", {})),
        *together(results.get("together", {})),
    ]


def found(retrieval: Mapping[str, Any]) -> Iterator[Line]:
    locomo, nested = retrieval.get("locomo", {}), retrieval.get("nested_kv")
    apart = locomo.get("apart", {})
    for way, *bounds in (("hybrid", 71, 80, 87), ("words alone", 68, 75, 82)):
        name = f"{way}, cross-validated"
        claim = "LoCoMo, {}: recall@5 at least {}, recall@10 {}, hit@10 {}".format(name, *bounds)
        if name in locomo:
            row = [locomo[name]["all"][key] for key in ("recall@5", "recall@10", "hit@10")]
            reached = all(one >= bound for one, bound in zip(row, bounds, strict=True))
            yield Line(claim, "{:.1f}, {:.1f} and {:.1f}".format(*row), reached)
        else:
            yield Line(claim, "not measured", None)
    claim = "LoCoMo, recall@10: hybrid above words alone and above BM25 in each conversation"
    if apart:
        least = {name: min(cells[0] for cells in parts.values()) for name, parts in apart.items()}
        text = "; ".join(f"at least {one:+.1f} over {name}" for name, one in least.items())
        yield Line(claim, text, min(least.values()) > 0)
    else:
        yield Line(claim, "not measured", None)
    claim = "nested keys and values, levels 0 to 4: all chains followed, one search a hop"
    if nested:
        tried = sum(level["chains"] for level in nested.values())
        right = sum(level["chains"] * level["right"] / 100 for level in nested.values())
        yield Line(claim, f"{right:.0f} of {tried}", right == tried)
    else:
        yield Line(claim, "not measured", None)


def prefetch(document: Mapping[str, Any]) -> Iterator[Line]:
    evidence, ordinary = document.get("evidence"), document.get("ordinary")
    claim = "LoCoMo: evidence looked up ahead for at least 65% of the questions"
    share = evidence["all"]["hit"] if evidence else None
    yield Line(claim, f"{share:.1f}%" if share else "not measured", share and share >= 65)
    if ordinary is None:
        return
    mine, without = ordinary["with prefetch"], ordinary["without"]
    ratio = mine["tokens"] / without["tokens"]
    claim = "Ordinary turns with prefetch: at most 1.10 times the tokens, prefix at least 0.90"
    holds = ratio <= 1.1 and mine["prefix"] >= 0.9
    yield Line(claim, f"{ratio:.3f}; {mine['prefix']:.3f}", holds)


def searches(growth: Mapping[str, Any]) -> Iterator[Line]:
    by_size = {int(one["messages"]): one for one in growth.get("sizes", ())}
    for size, bound in SEARCH_BOUNDS.items():
        claim = (
            f"a search at {size:,} messages costs at most {bound:.1f} times embedding the query"
            " and one raw Chroma query"
        )
        if size in by_size:
            one = by_size[size]
            ratio = one["search / (embed + raw)"]
            found = (
                f"{ratio:.2f}; by meaning recall@10 of {one['recall@10']:.2f}"
                f" ({one['recall@10, raw Chroma']:.2f} raw)"
            )
            yield Line(claim, found, ratio <= bound)
        else:
            yield Line(claim, "not measured", None)
    claim = "opening 100,000 messages, to the end of the first search by words: under 0.2 s"
    if LARGE in by_size:
        warm, cold = (by_size[LARGE][name] for name in OPENED)
        found = f"{warm / 1000:.2f} s ({cold / 1000:.2f} with the imports)"
        yield Line(claim, found, warm < OPENING)
    else:
        yield Line(claim, "not measured", None)


def answers(turn: Mapping[str, Any]) -> Iterator[Line]:
    """What a turn costs with 10,000 messages stored, until the answer and in all."""
    filled, limited, alone = (turn.get(name, {}) for name in (FILLED, LIMITED, ALONE))
    claim = (
        "until the answer, with 10,000 messages stored: at most 1.5 times AssistantAgent with its"
        " last 20 messages"
    )
    spans = [one.get("spans", {}).get("51-150") for one in (filled, limited)]
    if all(spans):
        mine, other = (span["ms"]["median"] for span in spans)
        own = spans[0]["own_ms"] / spans[1]["own_ms"]
        found = f"{mine / other:.2f} ({mine:.1f} and {other:.1f} ms; CPU of the thread: {own:.2f})"
        yield Line(claim, found, mine <= 1.5 * other)
    else:
        yield Line(claim, "not measured", None)
    claim = "CPU of a turn, everything written: at most 15 ms above embedding its texts alone"
    mine, other = filled.get("sustained"), alone.get("sustained")
    if mine and other:
        above = mine["cpu_ms"] - other["cpu_ms"]
        found = f"{above:.1f} ms ({mine['cpu_ms']:.1f} and {other['cpu_ms']:.1f})"
        yield Line(claim, found, above <= 15)
    else:
        yield Line(claim, "not measured", None)


def times(turn: Mapping[str, Any]) -> Iterator[Line]:
    claim = "turn 1,000 takes at most 1.1 times turn 50 (medians of 50 turns)"
    if ratios := late_to_early(turn.get(MINE, {})):
        found = f"{ratios[0]:.2f} (CPU of the thread: {ratios[1]:.2f})"
        if others := late_to_early(turn.get(LIMITED, {})):
            found += f"; AssistantAgent with 20 messages: {others[0]:.2f} ({others[1]:.2f})"
        yield Line(claim, found, ratios[0] <= 1.1)
    else:
        yield Line(claim, "not measured", None)
    claim = "from turn 150 on it takes less time than AssistantAgent with full history"
    pairs = list(_pairs(turn))
    if pairs:
        found = ", ".join(f"turn {at}: {mine:.0f} and {other:.0f} ms" for at, mine, other in pairs)
        yield Line(claim, found, all(mine < other for _, mine, other in pairs))
    else:
        yield Line(claim, "not measured", None)


def late_to_early(peer: Mapping[str, Any]) -> tuple[float, float] | None:
    """Turns 951 to 1,000 divided by turns 26 to 75: time, and CPU of the thread."""
    late, early = (peer.get("spans", {}).get(span) for span in ("951-1000", "26-75"))
    if not late or not early:
        return None
    return late["ms"]["median"] / early["ms"]["median"], late["own_ms"] / early["own_ms"]


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
        "and the event loop blocked for at most 50 ms (median of ten rounds' longest)",
    )
    if not found:
        yield from (Line(claim, "not measured", None) for claim in claims)
        return
    mine, other = found[MINE], found["AssistantAgent"]
    yield Line(claims[0], f"{mine['right']} of {mine['of']}", mine["right"] == mine["of"])
    text = (
        f"{mine['median_ms']:.0f} ms ({mine['median_with_core_ms']:.0f} while there was a core"
        f" for it; AssistantAgent: {other['median_ms']:.0f})"
    )
    yield Line(claims[1], text, mine["median_ms"] <= found["bound_ms"])


def crowd(found: Mapping[str, Any]) -> Iterator[Line]:
    claim = "200 agents in one process that may hold 1,024 descriptors"
    mine = found.get(MINE)
    if not mine or found["wanted"] < 200:
        yield Line(claim, "not measured", None)
    elif "each" in mine:
        one = mine["each"]
        text = (
            f"each {one['descriptors']:.2f} descriptors, {one['threads']:.2f} threads,"
            f" {one['megabytes']:.2f} MB"
        )
        yield Line(claim, text, bool(mine["again"]))
    else:
        yield Line(claim, f"broke after {mine['agents']}", False)


def together(found: Mapping[str, Any]) -> Iterator[Line]:
    claim = (
        "another process reads, searches and edits in mid-turn: the next model call has the edit"
        " and neither waits over 0.1 s"
    )
    if not found:
        yield Line(claim, "not measured", None)
    elif found["refused"]:
        yield Line(claim, f"refused: {found['refused'].partition(':')[0]}", False)
    else:
        waits = {deed: one["max"] for deed, one in found["visitor"].items() if deed != "open"}
        steps = found["owner"]
        owner = max(steps["visited"]["max"] - steps["alone"]["median"], 0.0)
        longest = max(waits, key=lambda deed: waits[deed])
        text = (
            f"{found['seen']} of {found['rounds']} edits seen; longest wait of the visitor"
            f" {waits[longest]:.0f} ms ({longest}), of the owner {owner:.0f} ms"
        )
        seen = found["seen"] == found["rounds"]
        yield Line(claim, text, seen and max(waits[longest], owner) <= 100)
