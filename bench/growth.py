"""What appending, searching and opening cost as the memory grows, beside Chroma alone.

One agent's recall storage is filled to 1,000, 10,000 and 100,000 messages (with
--million to 1,000,000). At each size, in one run: opening the memory, appending a
message, a search, a search with filters, and a page by dates; beside them the two
parts that no such search can do without, embedding the query and one raw query of
Chroma for ten records. Medians of 40 each, in alternation, so that whatever else the
machine does hits all alike.

Messages are 8 to 40 words, drawn from the words of the packaged vocabulary as often as
Zipf's law has it, so that some words are in every other message and most are rare.
Filling embeds nothing: its vectors are random. Messages and queries that are measured
are embedded for real.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib import resources
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from harness import machine, write_results
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from memgpt_autogen.memory.recall import Message, RecallStorage
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.store import Database, open_database

SIZES = (1_000, 10_000, 100_000)
MILLION = 1_000_000
TIMES = 40
BEGIN = datetime(2020, 1, 1, tzinfo=timezone.utc)


class Filling:
    """The packaged embedder, or random vectors while a memory is filled."""

    def __init__(self) -> None:
        self.real = resolve_embedder()
        self.model_id, self.dimension = self.real.model_id, self.real.dimension
        self.filling = False
        self._dice = np.random.default_rng(1)

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not self.filling:
            return self.real.embed(texts)
        rows = self._dice.standard_normal((len(texts), self.dimension), dtype=np.float32)
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


@cache
def vocabulary() -> tuple[list[str], list[float]]:
    """Words, the most frequent first, and their running sums of weights."""
    path = resources.files("memgpt_autogen") / "data" / "bert_uncased_vocab.txt"
    lines = path.read_text(encoding="utf-8").split()
    words = [word for word in lines if len(word) > 1 and word.isascii() and word.isalpha()]
    return words, list(accumulate(1 / rank for rank in range(1, len(words) + 1)))


def text_of(dice: random.Random, count: int) -> str:
    words, weights = vocabulary()
    return " ".join(dice.choices(words, cum_weights=weights, k=count))


def messages(recall: RecallStorage, first: int, last: int) -> list[Message]:
    dice = random.Random(first)  # noqa: S311 - texts to measure with, no secret
    return [
        recall.draft(
            text_of(dice, dice.randint(8, 40)),
            dice.choice(["Ann", "Bob", "Cy"]),
            BEGIN + timedelta(minutes=number),
        )
        for number in range(first, last)
    ]


def fill(recall: RecallStorage, embedder: Filling, size: int, progress: Progress) -> None:
    task = progress.add_task(f"Filling to {size:,}", total=size, completed=len(recall))
    embedder.filling = True
    while len(recall) < size:
        recall.write(messages(recall, len(recall), min(size, len(recall) + 5_000)))
        progress.update(task, completed=len(recall))
    embedder.filling = False


def queries(recall: RecallStorage, dice: random.Random) -> list[str]:
    """Each of words of one message, so that there is something to find."""
    found = []
    for number in dice.sample(range(1, len(recall)), TIMES):
        (message,) = recall.get([f"m{number:08d}"])
        words = message.text.split()
        found.append("what about " + " ".join(dice.sample(words, min(6, len(words)))))
    return found


def measured(recall: RecallStorage, embedder: Filling, size: int) -> dict[str, float]:
    """Medians in milliseconds."""
    dice = random.Random(size)  # noqa: S311 - the same
    asked, kept = queries(recall, dice), queries(recall, dice)
    vectors = [embedder.embed([query]) for query in asked]
    collection = recall._store._collection._collection  # noqa: SLF001 - the raw one is compared
    assert collection is not None
    days = [BEGIN + timedelta(minutes=dice.randrange(size)) for _ in asked]
    tasks: dict[str, Callable[[int], Any]] = {
        "embed query": lambda n: embedder.embed([asked[n]]),
        "raw Chroma": lambda n: collection.query(query_embeddings=vectors[n], n_results=10),
        "search": lambda n: recall.search(asked[n]),
        "search, words": lambda n: recall.search(asked[n], by="words"),
        "search, speaker": lambda n: recall.search(asked[n], speaker="Bob"),
        "search, one day": lambda n: recall.search(
            asked[n], start=days[n], end=days[n] + timedelta(days=1)
        ),
        "page by dates": lambda n: recall.between(days[n], days[n] + timedelta(days=1)),
        "append": lambda n: recall.append(kept[n], "Ann"),
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in track(range(TIMES), description=f"Measuring {size:,}", transient=True):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task(number)
            times[name].append(1000 * (time.perf_counter() - begin))
    return {name: median(one) for name, one in times.items()}


def opened(folder: Path, embedder: Filling) -> tuple[Database, RecallStorage]:
    database = open_database(folder, "agent")
    return database, RecallStorage(database, embedder, clock=lambda: BEGIN)


def filled(folder: Path, sizes: Sequence[int], embedder: Filling) -> None:
    """Fill one memory to each of the sizes; a copy of each is left in the folder."""
    growing = folder / "growing"
    with Progress(transient=True) as progress:
        for size in sizes:
            database, recall = opened(growing, embedder)
            fill(recall, embedder, size, progress)
            database.close()
            shutil.copytree(growing, folder / str(size))
    shutil.rmtree(growing)


def run(folder: Path, embedder: Filling) -> list[dict[str, float]]:
    """Measure the memories in the folder, the smallest first."""
    embedder.embed(["the model is read at its first use"])
    found = []
    for size in sorted(int(one.name) for one in folder.iterdir()):
        place = folder / str(size)
        begin = time.perf_counter()
        database, recall = opened(place, embedder)
        times = {"open": 1000 * (time.perf_counter() - begin)}
        begin = time.perf_counter()
        recall.search("the first search reads Chroma's index")
        times["first search"] = 1000 * (time.perf_counter() - begin)
        figures = {**measured(recall, embedder, size), **times}
        database.close()
        needed = figures["embed query"] + figures["raw Chroma"]
        figures["search / (embed + raw)"] = figures["search"] / needed
        found.append({"messages": size, **figures})
    return found


def cells(found: Sequence[dict[str, float]]) -> list[list[str]]:
    """A row for each thing measured, a column for each size."""
    rows = []
    for name in [key for key in found[0] if key != "messages"]:
        form = "{:.2f}×" if "/" in name else "{:.1f}"
        rows.append([name, *(form.format(one[name]) for one in found)])
    return rows


def document(found: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The figures, and how the report shows them."""
    sizes = [f"{one['messages']:,.0f}" for one in found]
    lines = {
        name: {"x": [one["messages"] for one in found], "y": [one[name] for one in found]}
        for name in ("embed query", "raw Chroma", "search", "append", "open")
    }
    return {
        "sizes": list(found),
        "tables": [
            {
                "title": "Milliseconds by messages stored, medians",
                "columns": ["", *sizes],
                "rows": cells(found),
            }
        ],
        "plots": [
            {
                "title": "What a growing store costs",
                "x_label": "messages",
                "y_label": "ms",
                "log_x": True,
                "log_y": True,
                "lines": lines,
            }
        ],
    }


def main(
    million: Annotated[bool, typer.Option("--million", help="A million messages too.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="To 10,000 messages only.")] = False,
    fill_only: Annotated[
        Path | None, typer.Option("--fill", help="Only fill memories, in this new folder.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--filled", help="Measure those that --fill has filled.")
    ] = None,
) -> None:
    """What appending, searching and opening cost as the memory grows."""
    sizes = [*SIZES[: 2 if quick else None], *([MILLION] if million else [])]
    embedder = Filling()
    if fill_only is not None:
        filled(fill_only, sizes, embedder)
        return
    with tempfile.TemporaryDirectory() as own:
        if folder is None:
            filled(Path(own), sizes, embedder)
        started = machine()
        found = run(folder or Path(own), embedder)
    console = Console(width=min(Console().width, 80))
    shown = Table(title="Milliseconds, medians", title_justify="left")
    for title in ("", *(f"{one['messages']:,.0f}" for one in found)):
        shown.add_column(title, justify="right" if title else "left")
    for row in cells(found):
        shown.add_row(*row)
    console.print(shown)
    path = write_results("growth", started, document(found))
    console.print(f"Written to {path.parent.name}/{path.name}.")


if __name__ == "__main__":
    typer.run(main)
