"""Writes bench/results.md and its plots from the JSON files in bench/results/.

A file's name is its benchmark's: the section's text is the docstring of that script.
`turn` and `concurrency` have tables of their own (`sections.py`); any other file holds
"tables", a list of {title, columns, rows}, and may hold "plots", a list of {title,
x_label, y_label, log_x, log_y, lines: {name: {x, y}}}.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from acceptance import Results, lines
from charts import draw
from harness import HERE, RESULTS
from rich.console import Console
from sections import concurrency_tables, other_tables, table, turn_tables

PAGE = HERE / "results.md"
TITLES = {
    "turn": "What a turn costs",
    "concurrency": "Many chats at once",
    "crowd": "Many agents in one process",
    "together": "Two processes, one memory",
    "growth": "What a growing store costs",
    "retrieval": "What searches find",
    "prefetch": "What prefetch brings and costs",
    "answers": "Answers of a real model",
    "document_questions": "Questions over documents",
    "loading": "What loading documents costs",
    "vectors": "Chroma and LanceDB",
    "summaries": "What summaries keep",
}
READ = """\
How the figures are meant:

- **Time** is wall time without the model's own; **CPU** is that of all threads of the
  agent's process. CPU and ratios travel between machines, milliseconds do not.
- **Prefix** is how much of a request a provider's prompt cache has seen: a request is
  written as its tools, then its messages; the longest common prefix with the request
  before it, in characters, is divided by the length of that earlier request. So a
  request that only appends has 1. A request for a summary counts like any other: both
  it and the request after it share next to nothing with the one before them, though a
  cache that holds several prompts would do better ("best of 8": the best of the last
  eight requests).
- **Full history at 1,000 turns** is sampled: its prompt grows by the same amount each
  turn, so tokens between samples are interpolated.
- All that store texts embed them with the same model and the same padding
  (`embed.py`). The messages are random words of one vocabulary: every stored text is
  about equally near to every other, so peers that put what they find into the prompt
  always put in as much as they may (Teachability 10 memos, ChromaDBVectorMemory 3
  texts). MemGPTAgent runs without prefetch here (`prefetch.py` tells what that costs),
  so it searches only when its model asks for it, which this one does not.\
"""


def load() -> dict[str, dict[str, Any]]:
    """All results, the known ones first."""
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in RESULTS.glob("*.json")}
    known = [name for name in TITLES if name in found]
    return {name: found[name] for name in [*known, *sorted(set(found) - set(known))]}


def page(results: Results, drawn: Mapping[str, list[tuple[str, Any]]]) -> str:
    """The whole page."""
    parts = [
        "# Benchmarks: results",
        "Written by `make bench`; [README.md](README.md) says how to run one of them.",
        "## What must hold",
        acceptance(results),
        READ,
    ]
    for name, document in results.items():
        parts += [f"## {TITLES.get(name, name.capitalize())}", *section(name, document)]
        parts += [f"![{title}](results/{path.name})" for title, path in drawn.get(name, [])]
    parts += ["## Where this was measured", machines(results)]
    return "\n\n".join(parts) + "\n"


def acceptance(results: Results) -> str:
    words = {True: "yes", False: "**no**", None: "–"}
    rows = [(line.claim, words[line.holds], line.found) for line in lines(results)]
    text = table(["", "holds", "found"], rows)
    return text.replace("|---|---:|---:|", "|---|:-:|---|")


def section(name: str, document: Mapping[str, Any]) -> Iterator[str]:
    if document.get("quick"):
        yield "*A quick run, with few turns: good for trying, not for quoting.*"
    script = HERE / f"{name}.py"
    if script.is_file():
        yield ast.get_docstring(ast.parse(script.read_text("utf-8"))) or ""
    known = {"turn": turn_tables, "concurrency": concurrency_tables}
    yield from known.get(name, other_tables)(document)


def machines(results: Results) -> str:
    """One row for each benchmark: they may have run on different days."""
    rows = []
    for name, document in results.items():
        where = document.get("machine", {})
        system = (
            f"{where.get('system')}, {where.get('cores')} cores, load {where.get('load_1_minute')}"
        )
        rows.append((name, document.get("date", ""), system, where.get("python", "")))
    versions: dict[str, str] = {}
    for document in results.values():
        versions |= document.get("machine", {}).get("packages", {})
    packages = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return f"{table(['', 'date', 'machine', 'Python'], rows)}\n\nPackages: {packages}."


def main() -> None:
    """Write bench/results.md and the plots from the results there are."""
    results = load()
    PAGE.write_text(page(results, draw(results, RESULTS)), encoding="utf-8")
    console = Console()
    for line in lines(results):
        mark = {True: "[green]yes[/]", False: "[red]no [/]", None: "–  "}[line.holds]
        console.print(f"{mark} {line.claim}: {line.found}")
    console.print(f"Written to {PAGE.parent.name}/{PAGE.name}.")


if __name__ == "__main__":
    typer.run(main)
