"""What appending, searching, opening and keeping cost as the memory grows.

One agent's recall storage is filled to 1,000, 10,000 and 100,000 messages (with
--million to 1,000,000). At each size, in one run: appending a message, a search, a
search with filters, and a page by dates; beside them the two parts that no such search
can do without, embedding the query and one raw query of Chroma for ten records. Medians
of 40 each, in alternation, so that whatever else the machine does hits all alike.
"Recall@10" is how many of the ten vectors that are truly nearest a search by meaning
alone finds.

Opening is taken in fresh processes (`opening.py`), from the constructor to the end of
the first search by words, median of five: once with all modules loaded before, once with
the imports. Bytes are those of the closed memory (`sizes.py`).

`drawn.py` tells what the messages and their vectors are. Messages and queries that are
measured are embedded for real.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Annotated, Any

import typer
from acceptance import OPENED
from drawn import BEGIN, DrawnEmbedder, nearest, said
from harness import HERE, grid, machine, write_results
from inside import fill, raw, settle
from opening import NAME
from rich.console import Console
from rich.progress import Progress, track
from sizes import parts

from memgpt_autogen import MemGPTAgent

SIZES = (1_000, 10_000, 100_000)
MILLION = 1_000_000
TIMES = 40
OPENINGS = 5

NEEDED = ("embed query", "raw Chroma")

Figures = dict[str, Any]


def filled(folder: Path, sizes: Sequence[int], embedder: DrawnEmbedder) -> None:
    """Fill one memory to each of the sizes, and leave a copy of each in the folder.

    Where it was cut before, it goes on: a million take hours, nearly all of them Chroma's.
    """
    growing, copied = folder / "growing", folder / "copied"
    shutil.rmtree(copied, ignore_errors=True)
    embedder.drawing = True
    with Progress(transient=True) as progress:
        for size in sizes:
            if (folder / str(size)).exists():
                continue
            with MemGPTAgent(NAME, llm_config=False, memory=growing, embedder=embedder) as agent:
                before = len(agent.recall)
                task = progress.add_task(f"Filling to {size:,}", total=size, completed=before)
                begin = time.perf_counter()
                told = partial(progress.update, task)
                fill(agent, said(before, size), lambda done: told(completed=before + done))  # noqa: B023
            seconds = time.perf_counter() - begin
            (growing / "filled.json").write_text(
                json.dumps({"seconds": seconds, "messages": size - before})
            )
            shutil.copytree(growing, copied)
            copied.rename(folder / str(size))
    shutil.rmtree(growing, ignore_errors=True)
    embedder.drawing = False


def asked(size: int) -> list[str]:
    """Queries, each of words of one message, so that there is something to find."""
    dice = random.Random(size)  # noqa: S311 - a choice to measure with, no secret
    block = [one.text.split() for one in said(0, min(size, SIZES[0]))]
    return [
        "what about " + " ".join(dice.sample(words, min(6, len(words))))
        for words in dice.sample(block, TIMES)
    ]


def measured(agent: MemGPTAgent, place: Path, size: int, embedder: DrawnEmbedder) -> Figures:
    """Medians in milliseconds, and the share of what is nearest that was found."""
    queries, recall = asked(size), agent.recall
    dice = random.Random(size)  # noqa: S311 - the same
    vectors = embedder.embed_query(queries)
    days = [BEGIN + timedelta(minutes=dice.randrange(size)) for _ in queries]
    recall.search("the first search reads what later ones have")
    with raw(place) as collection:
        tasks: dict[str, Callable[[int], Any]] = {
            "embed query": lambda n: embedder.embed_query([queries[n]]),
            "raw Chroma": lambda n: collection.query(
                query_embeddings=vectors[n : n + 1], n_results=10
            ),
            "search": lambda n: recall.search(queries[n]),
            "search, words": lambda n: recall.search(queries[n], by="words"),
            "search, speaker": lambda n: recall.search(queries[n], speaker="Bob"),
            "search, one day": lambda n: recall.search(
                queries[n], start=days[n], end=days[n] + timedelta(days=1)
            ),
            "page by dates": lambda n: recall.between(days[n], days[n] + timedelta(days=1)),
        }
        figures: Figures = alternated(tasks, f"Measuring {size:,}")
        figures["search / (embed + raw)"] = figures["search"] / sum(figures[one] for one in NEEDED)
        true = nearest(embedder, size, vectors)
        ways: dict[str, Callable[[int], set[str]]] = {
            "recall@10": lambda n: {
                one.text for one in recall.search(queries[n], by="meaning").items
            },
            "recall@10, raw Chroma": lambda n: set(
                collection.query(query_embeddings=vectors[n : n + 1], n_results=10)["documents"][0]
            ),
        }
        for name, way in ways.items():
            figures[name] = mean(len(way(n) & true[n]) / len(true[n]) for n in range(TIMES))
    kept = asked(size + 1)
    figures |= alternated({"append": lambda n: recall.append(kept[n], "Ann")}, "Appending")
    settle(agent)
    return figures


def alternated(tasks: dict[str, Callable[[int], Any]], what: str) -> Figures:
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in track(range(TIMES), description=what, transient=True):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task(number)
            times[name].append(1000 * (time.perf_counter() - begin))
    return {name: median(one) for name, one in times.items()}


def opened(place: Path) -> Figures:
    """Medians of fresh processes, in milliseconds, with all imports done before and not."""
    figures: Figures = {}
    for way, name in zip(("warm", "cold"), OPENED, strict=True):
        command = [sys.executable, str(HERE / "opening.py"), str(place), way]
        found = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(OPENINGS)
        ]
        counted = ("open", "first search by words", *(() if way == "warm" else ("import",)))
        figures[name] = median(sum(one[part] for part in counted) for one in found)
    return figures


def run(folder: Path, embedder: DrawnEmbedder) -> list[Figures]:
    """Measure the memories in the folder, the smallest first."""
    found = []
    for size in sorted(int(one.name) for one in folder.iterdir()):
        place = folder / str(size)
        filling = json.loads((place / "filled.json").read_text())
        figures: Figures = {
            "messages": size,
            "filling": 1000 * filling["seconds"] / filling["messages"],
            **opened(place),
        }
        bytes_each = {part: total / size for part, total in parts(place).items()}
        with MemGPTAgent(NAME, llm_config=False, memory=place, embedder=embedder) as agent:
            figures |= measured(agent, place, size, embedder)
        found.append({**figures, "bytes": bytes_each})
    return found


def cells(found: Sequence[Figures]) -> list[list[str]]:
    """A row for each thing measured, a column for each size."""
    rows = []
    for name in [key for key in found[0] if key not in ("messages", "bytes")]:
        form = "{:.2f}×" if "/" in name else "{:.3f}" if "@" in name else "{:.1f}"
        rows.append([name, *(form.format(one[name]) for one in found)])
    return rows


def byte_cells(found: Sequence[Figures]) -> list[list[str]]:
    """The same for bytes a record; what is less than a byte in the largest is left out."""
    names = [name for name, size in found[-1]["bytes"].items() if size >= 1]
    rows = [[name, *(f"{one['bytes'].get(name, 0):,.0f}" for one in found)] for name in names]
    return [*rows, ["all", *(f"{sum(one['bytes'].values()):,.0f}" for one in found)]]


def document(found: Sequence[Figures], embedder: DrawnEmbedder) -> dict[str, Any]:
    """The figures, and how the report shows them."""
    sizes = ["", *(f"{one['messages']:,.0f}" for one in found)]
    spread = embedder.spread()
    names = list(spread["real"])
    shown = [
        ("Milliseconds by messages stored, medians", sizes, cells(found)),
        ("Bytes a record", sizes, byte_cells(found)),
        (
            "Cosines of 1,500 vectors",
            ["", *(name.replace("_", " ") for name in names)],
            [[kind, *(f"{one[name]:.3f}" for name in names)] for kind, one in spread.items()],
        ),
    ]
    lines = {
        name: {"x": [one["messages"] for one in found], "y": [one[name] for one in found]}
        for name in (*NEEDED, "search", "append", OPENED[0])
    }
    plot = {"title": "What a growing store costs", "x_label": "messages", "y_label": "ms"}
    return {
        "sizes": list(found),
        "spread": spread,
        "tables": [
            {"title": title, "columns": columns, "rows": rows} for title, columns, rows in shown
        ],
        "plots": [{**plot, "log_x": True, "log_y": True, "lines": lines}],
    }


def main(
    million: Annotated[bool, typer.Option("--million", help="A million messages too.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="To 10,000 messages only.")] = False,
    fill_only: Annotated[
        Path | None, typer.Option("--fill", help="Only fill memories, in this folder; go on there.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--filled", help="Measure those that --fill has filled.")
    ] = None,
) -> None:
    """What appending, searching, opening and keeping cost as the memory grows."""
    sizes = [*SIZES[: 2 if quick else None], *([MILLION] if million else [])]
    embedder = DrawnEmbedder()
    if fill_only is not None:
        filled(fill_only, sizes, embedder)
        return
    with tempfile.TemporaryDirectory() as own:
        if folder is None:
            filled(Path(own), sizes, embedder)
        started = machine()
        figures = document(run(folder or Path(own), embedder), embedder)
    console = Console(width=min(Console().width, 80))
    for one in figures["tables"]:
        console.print(grid(one))
    path = write_results("growth", started, {"quick": quick, **figures})
    console.print(f"Written to {path.parent.name}/{path.name}.")


if __name__ == "__main__":
    typer.run(main)
