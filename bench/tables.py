"""The figures of the turn benchmark on a terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

MINE = "MemGPTAgent"


def tables(figures: dict[str, Any]) -> list[Table]:
    peers = figures["peers"]
    return [time_table(peers), token_table(peers)]


def time_table(peers: dict[str, Any]) -> Table:
    table = Table(title="A turn without the model's time, ms: median / p95", title_justify="left")
    spans = ("1-50", "151-200", "951-1000")
    for heading in ("", *(f"turns {one}" for one in spans), "CPU ms"):
        table.add_column(heading, justify="right" if table.columns else "left")
    for title, one in peers.items():
        found = {
            **one["spans"],
            "951-1000": one["spans"].get("951-1000", one["samples"].get("1000")),
        }
        cells = [
            f"{found[key]['ms']['median']:.1f} / {found[key]['ms']['p95']:.1f}"
            if found.get(key)
            else ""
            for key in spans
        ]
        table.add_row(title, *cells, f"{one['all']['cpu_ms']:.1f}")
    return table


def token_table(peers: dict[str, Any]) -> Table:
    table = Table(title="Prompt tokens", title_justify="left")
    for heading in ("", "turn 200", "200 turns", "1,000 turns", "calls a turn", "prefix", "best"):
        table.add_column(heading, justify="right" if table.columns else "left")
    for title, one in peers.items():
        if not one["prefix"]:
            continue
        late = one["spans"].get("151-200")
        table.add_row(
            title,
            f"{late['tokens']:,.0f}" if late else "",
            *(
                f"{one['total_tokens'][end]:,}" if end in one["total_tokens"] else ""
                for end in ("200", "1000")
            ),
            f"{one['all']['calls']:.2f}",
            f"{one['prefix']['with_previous']:.3f}",
            f"{one['prefix']['best_of_eight']:.3f}",
        )
    return table
