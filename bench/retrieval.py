"""What search finds: LoCoMo's evidence, nested keys and values, passages of documents.

The data are public and not of this project; `--data` names the folder that holds them.
A part whose data is absent is passed over with a word.

- locomo-dev.json (LoCoMo, arXiv 2402.17753): multi-session dialogues with questions and
  the turns that are their evidence. Each conversation goes into a recall storage of its
  own, turn by turn: text, speaker and its session's date. Score: the share of a
  question's evidence among the first k turns found (recall@k), and whether any of it is
  there (hit@k), over the questions of categories 1 to 4 that name evidence.
  **The search's coefficients were fitted on these conversations.** So "cross-validated"
  is what counts: each conversation is searched with coefficients that were fitted on the
  others only (`fit_search.py`). "As shipped" has those of the package, fitted on all.
  Plain BM25 sees the text of each turn alone. The last table says, of the cross-validated
  search and another way, how far apart their recall@10 is, question by question: the mean
  and 95% of 10,000 drawings of as many questions (paired bootstrap).
- nested_kv (MemGPT, arXiv 2310.08560, section 3.2.2): 140 pairs of UUIDs, where a value
  may be the key of another pair; all of the paper's orderings. Each pair is a passage; a
  hop is right when the first passage found is the key's own pair and, for inner hops, the
  second one the pair that led there. Keys are asked for bare and in two sentences, in turn.
- chunking (Chroma's chunking evaluation): three texts, and with --full two long ones,
  split as sources are; the share of the gold characters that stand in the five best
  passages. The coefficients for passages were fitted on the three, split otherwise; beside it
  plain BM25, and the same search over parts of 800 characters each.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import numpy as np
import typer
from evidence import NOW, Array, Asked, By, PlainBM25, dialogues, golden, located
from fit_search import WAYS, cross_validated
from harness import averaged, grid, machine, write_results
from inside import coefficients, insert_all, memory, order, split
from nested import Remembering, nested
from places import DATA
from rich.console import Console
from rich.progress import track

NAMES = {"both": "hybrid", "words": "words alone", "meaning": "meaning alone"}
BM25 = "plain BM25"
FIXED, SIZE = "hybrid, of 800 characters", 800
TRUE, SHIPPED = ", cross-validated", ", as shipped"
DEPTHS = (5, 10, 20)
LONG = {"finance", "pubmed"}
BEST = 5  # passages that a page of documents shows
DRAWINGS = 10_000


# ------------------------------------------------------------------ LoCoMo


def locomo(path: Path) -> dict[str, Any]:
    """For each way to search the averages of each conversation and of all, and how far apart."""
    embedder, rows = Remembering(), dict[str, dict[str, list[dict[str, float]]]]()
    for way in WAYS:
        given = list(dialogues(path, way, embedder))
        stored = coefficients(given[0].found.features, way)
        asking = [one for one in given if not one.talk]
        for name, pairs in (
            (NAMES[way] + TRUE, list(cross_validated(given, way))),
            (NAMES[way] + SHIPPED, [(one, stored) for one in asking]),
        ):
            rows[name] = by_part((one, found(one, weights)) for one, weights in pairs)
        if way == "both":
            rows[BM25] = by_part((one, one.plain) for one in asking)
    averages = {
        name: {
            "all": averaged([row for part in parts.values() for row in part]),
            **{part: averaged(of_part) for part, of_part in parts.items()},
        }
        for name, parts in rows.items()
    }
    best = rows[NAMES["both"] + TRUE]
    others = (NAMES["words"] + TRUE, BM25)
    return {**averages, "apart": {name: apart(best, rows[name]) for name in others}}


def found(one: Asked, weights: Array) -> Array:
    """The shares of the evidence, in the order in which a search shows its candidates."""
    shares: Array = one.answers[order(one.query, one.found, weights, NOW)]
    return shares


def by_part(shown: Iterator[tuple[Asked, Array]]) -> dict[str, list[dict[str, float]]]:
    rows: dict[str, list[dict[str, float]]] = {}
    for one, shares in shown:
        if not one.talk:
            row = {f"recall@{depth}": 100 * float(shares[:depth].sum()) for depth in DEPTHS}
            row |= {f"hit@{depth}": 100.0 * bool(shares[:depth].any()) for depth in DEPTHS}
            rows.setdefault(one.part, []).append(row)
    return rows


def apart(
    one: Mapping[str, Sequence[Mapping[str, float]]],
    other: Mapping[str, Sequence[Mapping[str, float]]],
) -> dict[str, list[float]]:
    """How much better the one is in recall@10: the mean and the ends of 95%, for each part."""
    differences = {
        part: np.array(
            [a["recall@10"] - b["recall@10"] for a, b in zip(rows, other[part], strict=True)]
        )
        for part, rows in one.items()
    }
    dice = np.random.default_rng(0)
    result = {}
    for part, rows in {"all": np.concatenate([*differences.values()]), **differences}.items():
        means = dice.choice(rows, (DRAWINGS, len(rows))).mean(axis=1)
        result[part] = [rows.mean(), *np.percentile(means, [2.5, 97.5])]
    return {part: [float(cell) for cell in cells] for part, cells in result.items()}


# ------------------------------------------------------------------ passages of documents


def chunking(folder: Path, *, full: bool) -> dict[str, Any]:
    with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as rows:
        questions = list(csv.DictReader(rows))
    found = {}
    names = {row["corpus_id"] for row in questions}
    for name in sorted(names if full else names - LONG):
        mine = [row for row in questions if row["corpus_id"] == name]
        found[name] = corpus(folder / f"{name}.md", mine)
    weights = [one["questions"] for one in found.values()]
    total = {
        key: sum(one[key] * one["questions"] for one in found.values()) / sum(weights)
        for key in (*NAMES.values(), BM25, FIXED)
    }
    return {"all": {"questions": sum(weights), **total}, **found}


def corpus(path: Path, questions: Sequence[Mapping[str, str]]) -> dict[str, float]:
    text = path.read_bytes().decode("utf-8")
    shares: dict[str, list[float]] = {name: [] for name in (*NAMES.values(), BM25, FIXED)}
    fixed = [text[at : at + SIZE] for at in range(0, len(text), SIZE)]
    with passages_in(text, split(text)) as (find, plain), passages_in(text, fixed) as (fixedly, _):
        for row in track(questions, description=path.stem, transient=True):
            asked, gold = row["question"], golden(row)
            read = {NAMES[way]: find(asked, way) for way in WAYS}
            read |= {BM25: plain(asked), FIXED: fixedly(asked, "both")}
            for name, places in read.items():
                shares[name].append(100 * len(gold & places) / len(gold))
    return {"questions": len(questions), **{name: mean(some) for name, some in shares.items()}}


@contextmanager
def passages_in(
    text: str, passages: Sequence[str]
) -> Iterator[tuple[Callable[[str, By], set[int]], Callable[[str], set[int]]]]:
    """Searches for the best passages: the places of their characters; the package's, plain BM25."""
    standing, plain = located(text, passages), PlainBM25(passages)
    with memory() as agent:
        places = dict(zip(insert_all(agent, passages), standing, strict=True))

        def find(asked: str, way: By) -> set[int]:
            found = agent.archival.search(asked, limit=BEST, by=way).items
            return {place for item in found for place in places[item.id]}

        def plainly(asked: str) -> set[int]:
            return {place for one in plain.best(asked, BEST) for place in standing[one]}

        yield find, plainly


# ------------------------------------------------------------------ the report


def tables(figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The figures as the terminal and the report show them."""
    if "locomo" in figures:
        yield from locomo_tables(figures["locomo"])
    if "nested_kv" in figures:
        rows = [
            [level, str(row["chains"]), f"{row['right']:.0f}"]
            for level, row in figures["nested_kv"].items()
        ]
        title = "Nested keys and values: chains followed, one search per hop, in percent"
        yield {"title": title, "columns": ["nesting", "chains", "right"], "rows": rows}
    if "chunking" in figures:
        names = (*NAMES.values(), BM25, FIXED)
        rows = [
            [name, str(row["questions"]), *(f"{row[way]:.1f}" for way in names)]
            for name, row in figures["chunking"].items()
        ]
        title = f"Documents: gold characters in the {BEST} best passages, in percent"
        yield {"title": title, "columns": ["", "questions", *names], "rows": rows}


def locomo_tables(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    keys = [f"{score}@{depth}" for score in ("recall", "hit") for depth in DEPTHS]
    rows = [
        [way, part, str(row["questions"]), *(f"{row[key]:.1f}" for key in keys)]
        for way, parts in given.items()
        if way != "apart"
        for part, row in parts.items()
    ]
    title = (
        "LoCoMo, the first six conversations: evidence found among the first k turns, in"
        " percent; indexed were single turns with speaker and date"
    )
    yield {"title": title, "columns": ["", "", "questions", *keys], "rows": rows}
    rows = [
        [f"hybrid over {name}", part, *(f"{cell:+.1f}" for cell in cells)]
        for name, parts in given["apart"].items()
        for part, cells in parts.items()
    ]
    title = "The same: differences in recall@10, question by question"
    yield {"title": title, "columns": ["", "", "mean", "from", "to"], "rows": rows}


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data.")] = DATA,
    quick: Annotated[bool, typer.Option("--quick", help="Six chains of each nesting.")] = False,
    full: Annotated[bool, typer.Option("--full", help="The two long documents too.")] = False,
    only: Annotated[str, typer.Option(help="locomo, nested_kv or chunking.")] = "",
) -> None:
    """What search finds: evidence, keys, passages."""
    console = Console(width=min(Console().width, 100))
    parts = {
        "locomo": (data / "locomo-dev.json", locomo),
        "nested_kv": (data / "nested_kv", lambda path: nested(path, 6 if quick else None)),
        "chunking": (data / "chunking", lambda path: chunking(path, full=full)),
    }
    started = machine()
    figures: dict[str, Any] = {}
    for name, (path, measure) in parts.items():
        if only and name != only:
            continue
        if path.exists():
            figures[name] = measure(path)
        else:
            console.print(f"{name}: passed over, there is no {path.name} in the folder of the data")
    shown = list(tables(figures))
    for one in shown:
        console.print(grid(one))
    if figures:
        path = write_results("retrieval", started, {**figures, "tables": shown})
        console.print(f"Written to {path.parent.name}/{path.name}.")


if __name__ == "__main__":
    typer.run(main)
