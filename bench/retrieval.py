"""What search finds: LoCoMo's evidence, nested keys and values, passages of documents.

The data are public and not of this project; `--data` names the folder that holds them.
A part whose data is absent is passed over with a word.

- locomo-dev.json (LoCoMo, arXiv 2402.17753): multi-session dialogues with questions and
  the turns that are their evidence. Each conversation goes into a recall storage of its
  own, turn by turn with its speaker and its session's date. Score: the share of a
  question's evidence among the first k messages found (recall@k), and whether any of it
  is there (hit@k), over the questions of categories 1 to 4 that name evidence. Hybrid
  search, words alone and meaning alone; a shared weight fitted on some conversations
  would show in the figures of each, so they stand apart.
- nested_kv (MemGPT, arXiv 2310.08560, section 3.2.2): 140 pairs of UUIDs, where a value
  may be the key of another pair; all of the paper's orderings. Each pair is a passage; a
  hop is right when the first passage found is the key's own pair and, for inner hops, the
  second one the pair that led there. Keys are asked for bare and in two sentences, in turn.
- chunking (Chroma's chunking evaluation): three texts, and with --full two long ones,
  split as sources are; the share of the gold characters that stand in the five best
  passages.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from statistics import mean
from typing import Annotated, Any, Literal

import typer
from harness import grid, machine, write_results
from inside import Said, fill, insert_all, memory, split
from nested import nested
from rich.console import Console
from rich.progress import track

By = Literal["both", "words", "meaning"]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WAYS: tuple[By, ...] = ("both", "words", "meaning")
NAMES = {"both": "hybrid", "words": "words alone", "meaning": "meaning alone"}
DEPTHS = (5, 10, 20)
LONG = {"finance", "pubmed"}
BEST = 5  # passages that a page of documents shows


# ------------------------------------------------------------------ LoCoMo


def turns(conversation: Mapping[str, Any]) -> list[tuple[str, str, str, datetime]]:
    """Id, speaker, text and time of each turn that has a text."""
    found = []
    number = 1
    while f"session_{number}" in conversation:
        said = datetime.strptime(
            conversation[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y"
        ).replace(tzinfo=timezone.utc)
        found += [
            (turn["dia_id"], turn["speaker"], turn["text"], said)
            for turn in conversation[f"session_{number}"]
            if turn["text"].strip()
        ]
        number += 1
    return found


def asked(sample: Mapping[str, Any]) -> list[tuple[str, set[str]]]:
    return [
        (one["question"], set(one["evidence"]))
        for one in sample["qa"]
        if one["category"] in (1, 2, 3, 4) and one.get("evidence")
    ]


def conversation_scores(sample: Mapping[str, Any]) -> dict[By, list[dict[str, float]]]:
    """The scores of every question, for each way to search."""
    scores: dict[By, list[dict[str, float]]] = {way: [] for way in WAYS}
    with memory() as agent:
        said = turns(sample["conversation"])
        ids = fill(agent, [Said(text, speaker, when) for _, speaker, text, when in said])
        names = {one: turn[0] for one, turn in zip(ids, said, strict=True)}
        for question, evidence in track(
            asked(sample), description=f"LoCoMo {sample['sample_id']}", transient=True
        ):
            for way in WAYS:
                page = agent.recall.search(question, limit=max(DEPTHS), by=way)
                found = [names[item.id] for item in page.items]
                row = {}
                for depth in DEPTHS:
                    there = evidence & set(found[:depth])
                    row[f"recall@{depth}"] = 100 * len(there) / len(evidence)
                    row[f"hit@{depth}"] = 100.0 * bool(there)
                scores[way].append(row)
    return scores


def locomo(path: Path) -> dict[str, Any]:
    samples = json.loads(path.read_text(encoding="utf-8"))
    parts = {sample["sample_id"]: conversation_scores(sample) for sample in samples}
    return {
        NAMES[way]: {
            "all": averages([row for part in parts.values() for row in part[way]]),
            **{name: averages(part[way]) for name, part in parts.items()},
        }
        for way in WAYS
    }


def averages(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {"questions": len(rows), **{key: mean(row[key] for row in rows) for key in rows[0]}}


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
        for key in NAMES.values()
    }
    return {"all": {"questions": sum(weights), **total}, **found}


def corpus(path: Path, questions: Sequence[Mapping[str, str]]) -> dict[str, float]:
    text = path.read_bytes().decode("utf-8")
    shares: dict[By, list[float]] = {way: [] for way in WAYS}
    with memory() as agent:
        passages = split(text)
        places = dict(zip(insert_all(agent, passages), located(text, passages), strict=True))
        for row in track(questions, description=path.stem, transient=True):
            gold = {
                place
                for one in json.loads(row["references"])
                for place in range(one["start_index"], one["end_index"])
            }
            for way in WAYS:
                best = agent.archival.search(row["question"], limit=BEST, by=way).items
                read = {place for item in best for place in places[item.id]}
                shares[way].append(100 * len(gold & read) / len(gold))
    return {"questions": len(questions), **{NAMES[way]: mean(shares[way]) for way in WAYS}}


def located(text: str, passages: Sequence[str]) -> list[range]:
    """Where the passages stand in their text, one after the other."""
    found = []
    start = 0
    for passage in passages:
        start = text.index(passage, start)
        found.append(range(start, start + len(passage)))
        start += 1
    return found


# ------------------------------------------------------------------ the report


def tables(figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The figures as the terminal and the report show them."""
    if "locomo" in figures:
        keys = [f"{score}@{depth}" for score in ("recall", "hit") for depth in DEPTHS]
        rows = [
            [way, part, *(f"{row[key]:.1f}" for key in keys)]
            for way, parts in figures["locomo"].items()
            for part, row in parts.items()
        ]
        title = "LoCoMo: evidence found, in percent"
        yield {"title": title, "columns": ["", "", *keys], "rows": rows}
    if "nested_kv" in figures:
        rows = [
            [level, str(row["chains"]), f"{row['right']:.0f}"]
            for level, row in figures["nested_kv"].items()
        ]
        title = "Nested keys and values: chains followed, one search per hop, in percent"
        yield {"title": title, "columns": ["nesting", "chains", "right"], "rows": rows}
    if "chunking" in figures:
        rows = [
            [name, str(row["questions"]), *(f"{row[way]:.1f}" for way in NAMES.values())]
            for name, row in figures["chunking"].items()
        ]
        title = f"Documents: gold characters in the {BEST} best passages, in percent"
        yield {"title": title, "columns": ["", "questions", *NAMES.values()], "rows": rows}


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
