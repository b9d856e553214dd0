"""The two vector stores side by side: Chroma and LanceDB in a folder, behind one protocol.

The same passages with the same vectors (`drawn.py`) are told to both in parts of 1,000, as
the indexer tells them, to 10,000 and 100,000 (with --million to 1,000,000). At each size, in
one run and in alternation: telling one more part, a query for the nearest 50, opening a
closed folder until the first query has answered, and the bytes of the closed folder. Seconds
of processor time stand beside those of the clock, since other work on the machine leaves
them as they are. "Recall@10" is how many of the ten that comparing all finds are among the
first ten.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Annotated, Any

import numpy as np
import typer
from drawn import DrawnEmbedder, said, text_of
from harness import RESULTS, grid, machine, write_results
from inside import Rows
from rich.console import Console
from rich.progress import track

from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.record import ARCHIVAL, Record
from memgpt_autogen.storage.vectors.chroma import ChromaFolder
from memgpt_autogen.storage.vectors.folder import Folder
from memgpt_autogen.storage.vectors.lance_stores import LanceFolder

SIZES = (10_000, 100_000)
MILLION = 1_000_000
PART = 1000
QUERIES = 40
NEAREST = 50
OPENINGS = 3
COLUMNS = (
    *("passages", "store", "told, CPU", "last part, CPU", "query, CPU"),
    *("recall@10", "opening", "folder"),
)
STORES: dict[str, type[Folder[Any]]] = {"chroma": ChromaFolder, "lancedb": LanceFolder}

Figures = dict[str, Any]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock, and of the processor."""
    begin, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - busy


class Filled:
    """One store that grows."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root / name
        self.journal = Journal(self.root, name)
        self.folder = STORES[name](self.root, self.journal)
        self.seconds = self.busy = 0.0
        self.parts: list[float] = []

    def tell(self, records: Sequence[Record], rows: Rows) -> None:
        seconds, busy = timed(lambda: self.folder.index(ARCHIVAL).upsert(records, rows))
        self.seconds += seconds
        self.busy += busy
        self.parts.append(busy)

    def nearest(self, query: Rows) -> list[int]:
        return [number for number, _ in self.folder.index(ARCHIVAL).query(query[None], NEAREST)]

    def opened(self, query: Rows) -> float:
        """Seconds from a closed folder to the first answer, its files looked at first."""
        self.folder.close()
        self.folder = STORES[self.name](self.root, self.journal)

        def work() -> None:
            if not self.folder.prepare():
                raise SystemExit(f"{self.folder.path} was not closed well")
            self.nearest(query)

        return timed(work)[0]

    def bytes(self) -> int:
        self.folder.close()
        files = (path for path in self.folder.path.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files)


def passages(first: int, last: int, embedder: DrawnEmbedder) -> Iterator[tuple[list[Record], Rows]]:
    """Passages with their vectors as a journal gives them, from one number to another."""
    for start in range(first, last, PART):
        texts = list(said(start, min(start + PART, last)))
        records = [Record(start + at + 1, one.text, one.moment) for at, one in enumerate(texts)]
        drawn = embedder.drawn([one.text for one in texts])
        yield records, drawn.astype(np.float16).astype(np.float32)


def truth(queries: Rows, size: int, embedder: DrawnEmbedder) -> list[set[int]]:
    """The ten that are nearest to each query, by comparing all."""
    best: list[list[tuple[float, int]]] = [[] for _ in queries]
    for records, rows in passages(0, size, embedder):
        scores = queries @ rows.T
        for mine, row in zip(best, scores, strict=True):
            top = np.argsort(-row)[:10]
            mine[:] = sorted([*mine, *((float(row[at]), records[at].number) for at in top)])[-10:]
    return [{number for _, number in mine} for mine in best]


def measured(
    stores: Sequence[Filled], size: int, queries: Rows, embedder: DrawnEmbedder
) -> list[Figures]:
    nearest = truth(queries, size, embedder)
    taken: dict[str, list[tuple[float, float]]] = {one.name: [] for one in stores}
    hits: dict[str, list[float]] = {one.name: [] for one in stores}
    for query, wanted in zip(queries, nearest, strict=True):
        for one in stores:
            got: list[int] = []
            taken[one.name].append(timed(lambda: got.extend(one.nearest(query))))  # noqa: B023
            hits[one.name].append(len(set(got[:10]) & wanted) / 10)
    opened = {one.name: [one.opened(queries[0]) for _ in range(OPENINGS)] for one in stores}
    return [
        {
            "store": one.name,
            "passages": size,
            "told_seconds": one.seconds,
            "told_busy_seconds": one.busy,
            "part_busy_ms": 1e3 * median(one.parts[-10:]),
            "query_ms": 1e3 * median(seconds for seconds, _ in taken[one.name]),
            "query_busy_ms": 1e3 * median(busy for _, busy in taken[one.name]),
            "recall_at_10": mean(hits[one.name]),
            "opening_ms": 1e3 * median(opened[one.name]),
            "bytes": one.bytes(),
        }
        for one in stores
    ]


def run(
    names: Sequence[str], sizes: Sequence[int], embedder: DrawnEmbedder, folder: Path
) -> Iterator[list[Figures]]:
    dice = random.Random("queries")  # noqa: S311 - texts to measure with, no secret
    queries = embedder.real.embed([text_of(dice, dice.randint(4, 12)) for _ in range(QUERIES)])
    stores = [Filled(name, folder) for name in names]
    for first, last in zip((0, *sizes), sizes, strict=False):
        parts = passages(first, last, embedder)
        for records, rows in track(parts, f"{last:,} passages", total=(last - first) // PART):
            for one in stores:
                one.tell(records, rows)
        yield measured(stores, last, queries, embedder)
    for one in stores:
        one.folder.close()
        one.journal.close()


def key_of(row: Figures) -> tuple[int, str]:
    return row["passages"], row["store"]


def known() -> dict[tuple[int, str], Figures]:
    """What earlier runs measured."""
    path = RESULTS / "vectors.json"
    there = json.loads(path.read_text(encoding="utf-8"))["sizes"] if path.exists() else []
    return {key_of(one): one for one in there}


def cells(found: Sequence[Figures]) -> list[list[str]]:
    return [
        [
            f"{one['passages']:,}",
            one["store"],
            f"{one['told_busy_seconds']:.1f} s",
            f"{one['part_busy_ms']:.0f} ms",
            f"{one['query_busy_ms']:.1f} ms",
            f"{one['recall_at_10']:.3f}",
            f"{one['opening_ms']:,.0f} ms",
            f"{one['bytes'] / 1e6:.1f} MB",
        ]
        for one in found
    ]


def main(
    million: Annotated[bool, typer.Option("--million", help="A million passages too.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="10,000 passages only.")] = False,
    only: Annotated[str | None, typer.Option("--only", help="chroma or lancedb.")] = None,
) -> None:
    where = machine()
    sizes = SIZES[:1] if quick else (*SIZES, MILLION) if million else SIZES
    rows: dict[tuple[int, str], Figures] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stores = [only] if only else list(STORES)
        for found in run(stores, sizes, DrawnEmbedder(), Path(folder)):
            rows = (known() if only else rows) | {key_of(one): one for one in found}
            sorted_rows = [rows[key] for key in sorted(rows)]
            table = {"title": "Vector stores", "columns": COLUMNS, "rows": cells(sorted_rows)}
            path = write_results("vectors", where, {"sizes": sorted_rows, "tables": [table]})
    Console().print(grid(table))
    Console().print(f"Written to {path.parent.name}/{path.name}.")


if __name__ == "__main__":
    typer.run(main)
