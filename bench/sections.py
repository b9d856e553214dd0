"""The report's tables: those of the turn and concurrency benchmarks, and any others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

MINE = "MemGPTAgent"
SPANS = ("1-50", "51-150", "151-200", "351-400", "951-1000")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    head = f"| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}"
    return "\n".join([head, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def turn_tables(document: Mapping[str, Any]) -> Iterator[str]:
    peers = document["peers"]
    yield "**Ratios: each peer's figure divided by MemGPTAgent's.** Above 1, MemGPTAgent is better."
    yield ratio_table(peers)
    yield "**Growth: the last turns of each divided by its turns 1–50** (medians; CPU: means)."
    yield growth_table(peers)
    yield "**Milliseconds a turn, median / p95, without the model's time.**"
    yield time_table(peers)
    yield from row_lines(peers)
    yield "**CPU milliseconds a turn, all threads, mean.**"
    yield cpu_table(peers)
    yield "**Prompt tokens, model calls and prefix.**"
    yield token_table(peers)


def at(peer: Mapping[str, Any], span: str) -> Mapping[str, Any] | None:
    """The figures of a span, or of the sample at its end."""
    found: Mapping[str, Any] | None = peer["spans"].get(span)
    return found or peer["samples"].get(span.partition("-")[2])


def ratio_table(peers: Mapping[str, Any]) -> str:
    mine = peers.get(MINE)
    if mine is None:
        return "MemGPTAgent was not measured."
    keys = [span for span in ("1-50", "151-200", "951-1000") if at(mine, span)]
    cpu = "151-200" if "151-200" in keys else "1-50"
    rows = []
    for name, peer in peers.items():
        if name.startswith(MINE):
            continue
        cells = [ratio(at(peer, key), at(mine, key), "ms") for key in keys]
        cells.append(ratio(at(peer, cpu), at(mine, cpu), "cpu_ms"))
        for total in ("200", "1000"):
            ours, theirs = mine["total_tokens"].get(total), peer["total_tokens"].get(total)
            cells.append(f"{theirs / ours:.2f}" if ours and theirs else "")
        rows.append([name, *cells])
    columns = ["", *(f"time, turns {dashed(key)}" for key in keys)]
    columns.append(f"CPU, turns {dashed(cpu)}")
    return table([*columns, "tokens, 200 turns", "tokens, 1,000 turns"], rows)


def ratio(theirs: Any, ours: Any, key: str) -> str:
    if not theirs or not ours:
        return ""
    if key == "ms":
        return f"{theirs['ms']['median'] / ours['ms']['median']:.2f}"
    return f"{theirs[key] / ours[key]:.2f}"


def growth_table(peers: Mapping[str, Any]) -> str:
    rows = []
    for name, peer in peers.items():
        early = peer["spans"].get("1-50")
        late = at(peer, "951-1000") or peer["last_hundred"]
        if not early or late["last_turn"] <= 100:
            continue
        rows.append(
            [
                name,
                f"{late['first_turn']:,}–{late['last_turn']:,}",
                ratio(late, early, "ms"),
                ratio(late, early, "cpu_ms"),
                ratio(late, early, "tokens") if early["tokens"] else "",
            ]
        )
    return table(["", "last turns", "time", "CPU", "prompt tokens"], rows)


def time_table(peers: Mapping[str, Any]) -> str:
    rows = []
    for name, peer in peers.items():
        found = [at(peer, span) for span in SPANS]
        cells = [
            f"{one['ms']['median']:.1f} / {one['ms']['p95']:.1f}" if one else "" for one in found
        ]
        rows.append([name, *cells])
    return table(["", *(f"turns {dashed(span)}" for span in SPANS)], rows)


def row_lines(peers: Mapping[str, Any]) -> Iterator[str]:
    lines = [
        f"- {name}: {one['ms']:.1f} ms, CPU {one['cpu_ms']:.1f} ms"
        for name, peer in peers.items()
        if (one := peer.get("sustained"))
    ]
    if lines:
        yield "**Turns in a row, until everything is written, mean of 64:**"
        yield "\n".join(lines)


def cpu_table(peers: Mapping[str, Any]) -> str:
    rows = []
    for name, peer in peers.items():
        found = [at(peer, span) for span in SPANS]
        rows.append([name, *(f"{one['cpu_ms']:.1f}" if one else "" for one in found)])
    return table(["", *(f"turns {dashed(span)}" for span in SPANS)], rows)


def token_table(peers: Mapping[str, Any]) -> str:
    rows = []
    for name, peer in peers.items():
        if not peer["prefix"]:
            continue
        late = [at(peer, span) for span in ("151-200", "951-1000")]
        rows.append(
            [
                name,
                *(f"{one['tokens']:,.0f}" if one else "" for one in late),
                *(
                    f"{peer['total_tokens'][end] / 1e6:.2f} M"
                    if end in peer["total_tokens"]
                    else ""
                    for end in ("200", "1000")
                ),
                f"{peer['all']['calls']:.2f}",
                f"{peer['prefix']['with_previous']:.3f}",
                f"{peer['prefix']['best_of_eight']:.3f}",
            ]
        )
    columns = ["", "a turn, 151–200", "a turn, 951–1,000", "200 turns", "1,000 turns"]
    return table([*columns, "calls a turn", "prefix: last request", "best of 8"], rows)


def dashed(span: str) -> str:
    first, _, last = span.partition("-")
    return f"{int(first):,}–{int(last):,}"


def concurrency_tables(document: Mapping[str, Any]) -> Iterator[str]:
    rows, worst_rows = [], []
    for name in (MINE, "AssistantAgent"):
        one = document[name]
        figures = ("median_ms", "median_with_core_ms", "longest_ms", "cold_ms")
        rows.append(
            [name, f"{one['right']} of {one['of']}", *(f"{one[key]:.1f}" for key in figures)]
        )
        worst = max(one["rounds"], key=lambda each: each["longest_ms"])["longest"]
        callback = worst["longest_callback"]
        parts = ("ms", "work_ms", "no_core_ms", "waiting_ms")
        worst_rows.append(
            [
                name,
                *(f"{worst[part]:.1f}" for part in parts),
                f"`{callback['name']}`, {callback['ms']:.0f} ms" if callback else "–",
            ]
        )
    rounds = len(document[MINE]["rounds"])
    yield f"**The longest time the loop was blocked in each of {rounds} rounds, in ms.**"
    columns = ["", "answered", "median", "while there was a core", "longest", "cold round"]
    yield table(columns, rows)
    yield "**The longest of them all, and its parts.**"
    columns = ["", "blocked", "its own work", "no core", "waiting", "longest callback in it"]
    yield table(columns, worst_rows)
    yield f"A loop with nothing to do on the same machine: {document['idle_longest_ms']:.1f} ms."
    yield (
        "**What one operation alone keeps another Python thread waiting, in ms.** Plain Python"
        " gives the interpreter's lock away every 5 ms; an extension that keeps it shows its"
        " whole duration."
    )
    held = document["held"]
    yield table(
        ["", "its median", "its longest", "wait, p99", "wait, longest"],
        ([name, *(f"{value:.1f}" for value in one.values())] for name, one in held.items()),
    )


def other_tables(document: Mapping[str, Any]) -> Iterator[str]:
    """The tables that a benchmark gives in its results."""
    for given in document["tables"]:
        yield f"**{given['title']}**"
        yield table(given["columns"], given["rows"])
