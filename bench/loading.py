"""What loading documents costs beside embedding their passages, and loading them again.

A folder of Markdown files is drawn by seed, some 50 passages each, every text different. In one
run, with the packaged embedder: its passages are embedded alone; the folder is loaded as a
source; loaded again as it is; and again with one file in a hundred changed. Seconds of all the
processes' processor time stand beside those of the clock, for other work on the machine leaves
them as they are.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from harness import grid, machine, write_results
from inside import best_embedder, split
from rich.console import Console
from rich.progress import Progress
from texts import text_of

from memgpt_autogen import load_source

FILE = 50  # passages of a file, about
SENTENCES = 6  # of a paragraph
CHANGED = 100  # one file of so many


def document(number: int, version: int = 1) -> str:
    """A file of headings, each with some paragraphs."""
    parts = []
    for section in range(FILE // 4):
        parts.append(f"## Section {section} of document {number}")
        for paragraph in range(3):
            seed = f"{number} {version} {section} {paragraph}"
            sentences = (text_of(f"{seed} {one}", 18) for one in range(SENTENCES))
            parts.append(" ".join(sentences))
    return "\n\n".join(parts) + "\n"


def drawn(folder: Path, passages: int) -> list[Path]:
    """Files until they have so many passages."""
    paths: list[Path] = []
    while passages > 0:
        text = document(len(paths))
        paths.append(folder / f"document_{len(paths):04}.md")
        paths[-1].write_text(text, encoding="utf-8")
        passages -= len(split(text))
    return paths


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """The seconds of the `with` block: of the clock, and of this process and its children."""
    found: dict[str, float] = {}
    begin, used = time.monotonic(), _processor()
    yield found
    found |= {"seconds": time.monotonic() - begin, "processor": _processor() - used}


def _processor() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, kinds))


def measure(paths: list[Path], progress: Progress) -> Iterator[tuple[str, dict[str, float]]]:
    """Each way's figures, one after the other."""
    texts = [text for path in paths for text in split(path.read_text(encoding="utf-8"))]
    bar = progress.add_task("embedding alone", total=len(texts))
    embedder = best_embedder()
    embedder.embed(texts[:8])  # what is made at the first use is not measured
    with timed() as found:
        for start in range(0, len(texts), 256):
            embedder.embed(texts[start : start + 256])
            progress.update(bar, completed=start + 256)
    yield "embedding alone", {"passages": len(texts), **found}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as memory:

        def load(way: str) -> tuple[str, dict[str, float]]:
            progress.update(bar, description=way, completed=0)
            told: Callable[[int, int], Any] = lambda done, _: progress.update(bar, completed=done)  # noqa: E731
            with timed() as found:
                source = load_source("drawn", paths[0].parent, memory=memory, progress=told)
            return way, {"passages": source.passages, **found}

        yield load("loading")
        yield load("loading again")
        for number in range(0, len(paths), CHANGED):
            paths[number].write_text(document(number, version=2), encoding="utf-8")
        yield load("one file in a hundred changed")


def table(rows: dict[str, dict[str, float]]) -> dict[str, Any]:
    alone = rows["embedding alone"]
    keys = ("seconds", "processor")
    return {
        "title": "Loading documents, seconds; and to embedding alone",
        "columns": ["", "passages", *keys, "to alone", "processor to alone"],
        "rows": [
            [way, f"{row['passages']:,.0f}", *(f"{row[key]:.1f}" for key in keys),
             *(f"{row[key] / alone[key]:.3f}" for key in keys)]
            for way, row in rows.items()
        ],
    }  # fmt: skip


def main(
    passages: Annotated[int, typer.Option(help="How many there are at least.")] = 10_000,
) -> None:
    """Loading documents beside embedding their passages alone."""
    console, started = Console(width=min(Console().width, 100)), machine()
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        for way, row in measure(drawn(Path(folder), passages), progress):
            rows[way] = row
            write_results("loading", started, {"ways": rows, "tables": [table(rows)]})
    console.print(grid(table(rows)))


if __name__ == "__main__":
    typer.run(main)
