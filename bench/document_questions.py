"""Questions over documents beyond the window, put to agents with a real model.

The paper's document question answering (arXiv 2310.08560, section 3.2.1), on the texts and
questions of Chroma's chunking evaluation (see retrieval.py): three documents, with --full five,
and questions whose answers are excerpts of them. Each question is asked in a chat of its own.

- AssistantAgent: as much of each document in its prompt as fits, from its beginning;
- MemGPTAgent: all documents as a source, searched ahead, searched and opened by the model.

Scores: "word recall", the share of the excerpts' words that the answer holds, and "support", the
share of the answer's words that stand in the excerpts; words of the question and stop words are
left out of both. An answer that says it does not know has no support.

It can be run in pieces: results are written after each answer, and answers that are there for
the same model and window are not asked for again (--anew does).
"""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from answers import Asked, asked_after, asked_of_memory, configured, costed, room_for_text, words
from autogen.io import IOStream
from harness import RESULTS, Quiet, grid, machine, write_results
from inside import STOP_WORDS, count_tokens
from places import DATA
from rich.console import Console
from rich.progress import Progress

from memgpt_autogen import MemGPTAgent, Settings, load_source

ROLE = "You answer questions about the attached documents, in one or two sentences."
FITS, ALL = "AssistantAgent, with what fits", "MemGPTAgent"
WAYS = (FITS, ALL)
LONG = {"finance", "pubmed"}
KEYS = ("seconds", "calls", "tokens", "word recall", "support", "words")


@dataclass(frozen=True)
class Question:
    """What is asked, and the words of the excerpts that answer it."""

    text: str
    gold: frozenset[str]


def drawn(folder: Path, names: Sequence[str], count: int) -> list[Question]:
    """So many questions about these documents: the first of an order that is always the same."""
    with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["corpus_id"] in names]
    random.Random(1).shuffle(rows)  # noqa: S311 - the same in every run
    return [
        Question(row["question"], telling(" ".join(one["content"] for one in _excerpts(row)), row))
        for row in rows[:count]
    ]


def _excerpts(row: Mapping[str, str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(row["references"])
    return found


def telling(text: str, row: Mapping[str, str]) -> frozenset[str]:
    """The words of a text that are not those of the question, nor of any text."""
    return frozenset(words(text)) - STOP_WORDS - frozenset(words(row["question"]))


# ------------------------------------------------------------------ those who are asked


@contextmanager
def assistant(paths: Sequence[Path], config: Mapping[str, Any], window: int) -> Iterator[Asked]:
    """AutoGen's agent, with the beginnings of the documents."""
    texts = [path.read_bytes().decode("utf-8") for path in paths]
    room = room_for_text(window)
    share = room * 6 // len(texts)  # characters: cut further until the tokens fit
    while count_tokens("".join(text[:share] for text in texts)) > room:
        share = share * 19 // 20
    parts = [f"{path.stem}:\n{text[:share]}" for path, text in zip(paths, texts, strict=True)]
    yield asked_after("The documents:\n\n" + "\n\n".join(parts), config, ROLE)


@contextmanager
def memgpt(paths: Sequence[Path], config: Mapping[str, Any], window: int) -> Iterator[Asked]:
    """Our agent, with the documents attached."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        load_source("documents", list(paths), memory=folder)
        with MemGPTAgent(
            "agent", ROLE, llm_config=dict(config), memory=Settings(location=folder),
            context_window=window, preset="memgpt_docs",
        ) as agent:  # fmt: skip
            agent.attach("documents")
            yield asked_of_memory(agent)


# ------------------------------------------------------------------ the run


def row_of(question: Question, answer: str) -> dict[str, float]:
    said = words(answer)
    own = frozenset(said) - STOP_WORDS - frozenset(words(question.text))
    return {
        "word recall": 100 * len(question.gold & own) / max(len(question.gold), 1),
        "support": 100 * len(question.gold & own) / max(len(own), 1),
        "words": len(said),
    }


def asked(one: Asked, question: Question) -> dict[str, float]:
    """A question's figures."""
    answer, costs = costed(one, question.text)
    return {**costs, **row_of(question, answer)}


def known(about: Mapping[str, Any]) -> dict[str, list[dict[str, float]]]:
    """The rows of an earlier run of the same kind: of each way those of the first questions."""
    path = RESULTS / "document_questions.json"
    there = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    same = all(there.get(key) == value for key, value in about.items())
    return {way: there["rows"][way] if same else [] for way in WAYS}


def table(about: Mapping[str, Any], rows: Mapping[str, Sequence[Mapping[str, float]]]) -> Any:
    return {
        "title": f"Documents: {about['model']}, window {about['window']}, a question each",
        "columns": ["", "questions", *KEYS],
        "rows": [
            [way, str(len(part)), *(f"{mean(one[key] for one in part):.1f}" for key in KEYS)]
            for way, part in rows.items()
            if part
        ],
    }


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data.")] = DATA,
    questions: Annotated[int, typer.Option(help="How many, with those of earlier pieces.")] = 30,
    window: Annotated[int, typer.Option(help="The model's, in tokens.")] = 8192,
    full: Annotated[bool, typer.Option("--full", help="The two long documents too.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Ask all of them again.")] = False,
    endpoint: Annotated[
        str, typer.Option(help="An OpenAI-compatible server; default: the local model.")
    ] = "",
    model: Annotated[str, typer.Option(help="Its model.")] = "",
) -> None:
    """Answers to questions over documents beyond the window, and what they cost."""
    console, started = Console(width=min(Console().width, 110)), machine()
    IOStream.set_global_default(Quiet())
    config = configured(endpoint, model, os.environ.get("OPENAI_API_KEY", "none"), window)
    paths = sorted((data / "chunking").glob("*.md"))
    paths = [path for path in paths if full or path.stem not in LONG]
    names = [path.stem for path in paths]
    about = {"model": config["config_list"][0]["model"], "window": window, "documents": names}
    rows = {way: [] for way in WAYS} if anew else known(about)
    chosen = drawn(data / "chunking", names, questions)
    with Progress(console=console) as progress, ExitStack() as opened:
        for way, agent in zip(WAYS, (assistant, memgpt), strict=True):
            wanted = chosen[len(rows[way]) :]
            bar = progress.add_task(way, total=len(chosen), completed=len(rows[way]))
            one = opened.enter_context(agent(paths, config, window)) if wanted else None
            for question in wanted:
                assert one is not None
                rows[way].append(asked(one, question))
                shown = [table(about, rows)]
                write_results(
                    "document_questions", started, {**about, "rows": rows, "tables": shown}
                )
                progress.advance(bar)
    console.print(grid(table(about, rows)))


if __name__ == "__main__":
    typer.run(main)
