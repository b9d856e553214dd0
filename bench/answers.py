"""Answers, not only hits: questions on long conversations, put to agents with a real model.

Questions come from LoCoMo (locomo-dev.json, see retrieval.py; categories 1 to 4, spread over the
conversations by seed) and, where a file of it is named, from MemGPT's deep memory retrieval
(arXiv 2310.08560, section 3.1.1: a JSON line has "previous_dialogs", "dialog" and
"self_instruct" with the question "B" and the answer "A"). Each conversation lies in recall
storage only, so that all of it must be fetched; each question is asked in a chat of its own.

The ways, in one run, with one model:

- AssistantAgent: the conversation in its prompt, cut to the window from its beginning;
- MemGPTAgent without prefetch: it answers from what its own searches find;
- MemGPTAgent: with prefetch;
- MemGPTAgent, decide: with prefetch, and the calls that suit small models.

Scores: "word recall", the share of the gold answer's words that the answer holds (without
articles and marks), and "exact", whether it holds all of them in their order. Word recall is
kind to long answers, so the words of an answer are counted too. With --judge, a model says
whether an answer agrees with the gold one; beside it its own errors: on gold answers given as
answers, and on gold answers of other questions.

Figures are written after each answer; what was said is in `results/answers.partial.json`.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import typer
from autogen import AssistantAgent
from autogen.io import IOStream
from evidence import turns
from harness import RESULTS, Quiet, grid, machine, write_results
from inside import Said, count_tokens, fill, forget_newest
from openai import OpenAI
from places import DATA
from rich.console import Console
from rich.progress import Progress

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.local import llm_config, local_llm_config

ROLE = "You answer questions about what was said earlier, in one short sentence."
FULL = "AssistantAgent, cut to the window"
WITHOUT, WITH, DECIDE = "MemGPTAgent without prefetch", "MemGPTAgent", "MemGPTAgent, decide"
WAYS = (FULL, WITHOUT, WITH, DECIDE)
REPLY = 600  # tokens kept free for AssistantAgent's question and answer
OTHERS_COUNT = 1.15  # the packaged model counts an eighth more tokens than OpenAI's do
_DULL = frozenset("a an the".split())  # noqa: SIM905


@dataclass(frozen=True)
class Question:
    text: str
    gold: str


@dataclass(frozen=True)
class Dialogue:
    """A conversation, and what is asked about it."""

    name: str
    said: Sequence[Said]
    questions: Sequence[Question]


# ------------------------------------------------------------------ questions


def locomo(path: Path, count: int) -> list[Dialogue]:
    """So many questions, as many of each conversation as may be."""
    samples = json.loads(path.read_text(encoding="utf-8"))
    drawn = random.Random(1)  # noqa: S311 - the same in every run
    found = []
    for number, sample in enumerate(samples):
        wanted = count * (number + 1) // len(samples) - count * number // len(samples)
        said = [Said(text, who, when) for _, who, text, when in turns(sample["conversation"])]
        asked = [one for one in sample["qa"] if one["category"] in (1, 2, 3, 4)]
        chosen = drawn.sample(asked, wanted)
        questions = [Question(one["question"], str(one["answer"])) for one in chosen]
        found.append(Dialogue(sample["sample_id"], said, questions))
    return found


def deep_memory(path: Path, count: int) -> list[Dialogue]:
    """Each line's conversation of several days, and its one question."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[:count]):
        row = json.loads(line)
        days = [*(one["dialog"] for one in row["previous_dialogs"]), row["dialog"]]
        begin = datetime(2024, 1, 1, 9, tzinfo=timezone.utc)
        said = [
            Said(turn["text"], "AB"[at % 2], begin + timedelta(days=day, minutes=at))
            for day, dialog in enumerate(days)
            for at, turn in enumerate(dialog)
        ]
        asked = row["self_instruct"]
        found.append(Dialogue(f"line {number + 1}", said, [Question(asked["B"], asked["A"])]))
    return found


# ------------------------------------------------------------------ those who are asked


class Asked(NamedTuple):
    """Who answers: a question to its answer, and the calls and prompt tokens so far."""

    ask: Callable[[str], str]
    used: Callable[[], tuple[int, int]]


def asked_after(text: str, config: Mapping[str, Any], role: str = ROLE) -> Asked:
    """AutoGen's agent, asked each question after one text."""
    agent = AssistantAgent("agent", role, llm_config=dict(config))
    history = {"role": "user", "content": text}
    calls = 0

    def ask(question: str) -> str:
        nonlocal calls
        calls += 1
        return text_of(agent.generate_reply([history, {"role": "user", "content": question}]))

    def used() -> tuple[int, int]:
        found = agent.client.total_usage_summary or {}
        return calls, sum(one["prompt_tokens"] for one in found.values() if isinstance(one, dict))

    return Asked(ask, used)


def room_for_text(window: int) -> int:
    """Tokens that a prompt may hold, as OpenAI's models count them, so that it fits any model."""
    return int(window / OTHERS_COUNT) - REPLY


@contextmanager
def assistant(dialogue: Dialogue, config: Mapping[str, Any], window: int) -> Iterator[Asked]:
    """AutoGen's agent, with as much of the conversation as its window takes."""
    lines = [f"[{when:%Y-%m-%d %H:%M}] {who}: {text}" for text, who, when in dialogue.said]
    room, first = room_for_text(window), len(lines)
    while first and (room := room - count_tokens(lines[first - 1]) - 1) > 0:
        first -= 1
    yield asked_after("The conversation:\n" + "\n".join(lines[first:]), config)


@contextmanager
def filled(dialogue: Dialogue) -> Iterator[Path]:
    """The folder of a memory whose recall storage holds the conversation."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        with MemGPTAgent("agent", llm_config=False, memory=place) as agent:
            fill(agent, dialogue.said)
        yield Path(place)


@contextmanager
def memgpt(
    filled: Path, config: Mapping[str, Any], window: int, **settings: Any
) -> Iterator[Asked]:
    """Our agent, in whose view is nothing of the conversation, with a memory of its own."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = str(shutil.copytree(filled, Path(place) / "memory"))
        with MemGPTAgent(
            "agent",
            ROLE,
            llm_config=dict(config),
            memory=Settings(location=folder, **settings),
            context_window=window,
        ) as agent:
            yield asked_of_memory(agent)


def asked_of_memory(agent: MemGPTAgent) -> Asked:
    """Our agent, asked each question in a chat of its own."""

    def ask(question: str) -> str:
        stored = len(agent.recall)
        messages = [{"role": "user", "name": "Judge", "content": question}]
        answer = text_of(agent.generate_reply(messages))
        forget_newest(agent, len(agent.recall) - stored)
        return answer

    def used() -> tuple[int, int]:
        counters = agent.context_overview().counters
        return counters.model_calls, counters.prompt_tokens

    return Asked(ask, used)


def text_of(answer: Any) -> str:
    return str(answer.get("content") or "") if isinstance(answer, dict) else str(answer or "")


def opened(
    way: str, dialogue: Dialogue, filled: Path, config: Mapping[str, Any], window: int
) -> AbstractContextManager[Asked]:
    """The context manager of a way."""
    if way == FULL:
        return assistant(dialogue, config, window)
    settings: dict[str, Any] = {} if way == WITH else {"prefetch_tokens": 0}
    if way == DECIDE:
        settings = {"tool_mode": "decide"}
    elif way in (WITH, WITHOUT):
        settings["tool_mode"] = "native"
    return memgpt(filled, config, window, **settings)


# ------------------------------------------------------------------ scores


def words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if word not in _DULL]


def score(answer: str, gold: str) -> dict[str, float]:
    said, wanted = words(answer), words(gold)
    return {
        "word recall": 100 * mean(word in said for word in wanted) if wanted else 0.0,
        "exact": 100.0 * (f" {' '.join(wanted)} " in f" {' '.join(said)} "),
        "words": len(said),
    }


def judged(judge: OpenAI, model: str, question: str, gold: str, answer: str) -> bool:
    """Whether a model takes an answer for right."""
    text = (
        f"Question: {question}\nGold answer: {gold}\nGiven answer: {answer}\n"
        "Does the given answer say what the gold answer says? Answer yes or no."
    )
    said = judge.chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], temperature=0, max_tokens=5
    )
    return (said.choices[0].message.content or "").strip().lower().startswith("yes")


def judge_all(
    rows: Mapping[str, list[dict[str, Any]]], client: OpenAI, model: str
) -> dict[str, Any]:
    """Percent that a judge takes for right: of each way, of right answers, and of wrong ones."""
    found = {
        way: 100
        * mean(judged(client, model, one["question"], one["gold"], one["answer"]) for one in part)
        for way, part in rows.items()
    }
    part = next(iter(rows.values()))
    pairs = list(zip(part, [*part[1:], part[0]], strict=True))
    right = mean(judged(client, model, one["question"], one["gold"], one["gold"]) for one in part)
    wrong = mean(
        judged(client, model, one["question"], one["gold"], other["gold"]) for one, other in pairs
    )
    return {**found, "gold answers": 100 * right, "gold answers of other questions": 100 * wrong}


# ------------------------------------------------------------------ the run


def run(dialogues: Sequence[Dialogue], ways: Sequence[str], config: Mapping[str, Any], window: int,
        told: Callable[[], None]) -> Iterator[dict[str, list[dict[str, Any]]]]:  # fmt: skip
    """The answers of each way so far, after each of them; the ways take turns by conversation."""
    rows: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for dialogue in filter(lambda one: one.questions, dialogues):
        with filled(dialogue) as folder:
            for way in ways:
                with opened(way, dialogue, folder, config, window) as one:
                    for question in dialogue.questions:
                        rows[way].append({"conversation": dialogue.name, **row_of(one, question)})
                        told()
                        yield rows


def row_of(one: Asked, question: Question) -> dict[str, Any]:
    """A question's answer, what it cost, and how good it is."""
    answer, costs = costed(one, question.text)
    texts = {"question": question.text, "gold": question.gold, "answer": answer}
    return {**texts, **costs, **score(answer, question.gold)}


def costed(one: Asked, question: str) -> tuple[str, dict[str, float]]:
    """The answer to a question, and what it cost."""
    before, begin = one.used(), time.monotonic()
    answer = one.ask(question)
    seconds = time.monotonic() - begin
    calls, tokens = (now - then for now, then in zip(one.used(), before, strict=True))
    return answer, {"seconds": seconds, "calls": calls, "tokens": tokens}


def tables(figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    keys = ("seconds", "calls", "tokens", "word recall", "exact", "words")
    for name, part in figures["tasks"].items():
        judge = part.get("judge", {})
        rows = [
            [way, str(row["questions"]), *(f"{row[key]:.1f}" for key in keys),
             *([f"{judge[way]:.0f}"] if judge else [])]
            for way, row in part["ways"].items()
        ]  # fmt: skip
        extra = [f"judge {figures['judge']}"] if judge else []
        yield {
            "title": f"{name}: {figures['model']}, window {figures['window']}, a question each",
            "columns": ["", "questions", *keys, *extra],
            "rows": rows,
        }
        for known in ("gold answers", "gold answers of other questions"):
            if judge:
                yield {"title": f"The judge on {known}", "columns": ["", "right, %"],
                       "rows": [["", f"{judge[known]:.0f}"]]}  # fmt: skip


def averages(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    keys = ("seconds", "calls", "tokens", "word recall", "exact", "words")
    return {"questions": len(rows), **{key: mean(float(row[key]) for row in rows) for key in keys}}


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data.")] = DATA,
    questions: Annotated[int, typer.Option(help="Of each task.")] = 60,
    window: Annotated[int, typer.Option(help="The model's, in tokens.")] = 8192,
    endpoint: Annotated[
        str, typer.Option(help="An OpenAI-compatible server; default: the local model.")
    ] = "",
    model: Annotated[str, typer.Option(help="Its model.")] = "",
    judge: Annotated[str, typer.Option(help="A model of that server that judges.")] = "",
    deep: Annotated[
        Path | None, typer.Option(help="A file of deep memory retrieval (JSON lines).")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only these ways, by their names.")] = None,
) -> None:
    """Answers to questions on long conversations, and what they cost."""
    console = Console(width=min(Console().width, 110))
    started = machine()
    IOStream.set_global_default(Quiet())
    key = os.environ.get("OPENAI_API_KEY", "none")
    config = configured(endpoint, model, key, window)
    tasks: dict[str, list[Dialogue]] = {}
    if (path := data / "locomo-dev.json").exists():
        tasks["LoCoMo"] = locomo(path, questions)
    if deep is not None:
        tasks["Deep memory retrieval"] = deep_memory(deep, questions)
    if not tasks:
        raise SystemExit(f"{data} has no locomo-dev.json, and --deep names no file: nothing to ask")
    figures: dict[str, Any] = {
        "model": config["config_list"][0]["model"], "window": window, "judge": judge, "tasks": {}
    }  # fmt: skip
    ways = [way for way in WAYS if not only or way in only]
    for name, dialogues in tasks.items():
        total = len(ways) * sum(len(one.questions) for one in dialogues)
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task(name, total=total)
            for rows in run(dialogues, ways, config, window, partial(progress.advance, bar)):
                means = {way: averages(rows[way]) for way in ways if rows[way]}
                figures["tasks"][name] = {"ways": means, "rows": rows}
                written = _write(figures, started)  # what is broken off has its figures too
        if judge:
            client = OpenAI(base_url=endpoint or None, api_key=key)
            figures["tasks"][name]["judge"] = judge_all(rows, client, judge)
            written = _write(figures, started)
    for one in tables(figures):
        console.print(grid(one))
    console.print(f"Written to {written.parent.name}/{written.name}.")


def _write(figures: Mapping[str, Any], started: Mapping[str, Any]) -> Path:
    shown = list(tables(figures))
    RESULTS.mkdir(exist_ok=True)
    texts = json.dumps(figures, ensure_ascii=False, indent=1)
    (RESULTS / "answers.partial.json").write_text(texts + "\n", encoding="utf-8")
    return write_results("answers", started, {**_without_texts(figures), "tables": shown})


def configured(endpoint: str, model: str, key: str, window: int) -> dict[str, Any]:
    if not endpoint:
        return local_llm_config(context_window=window)
    config = llm_config(model, endpoint)
    config["config_list"][0]["api_key"] = key
    return config


def _without_texts(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures alone: the data's texts are not of this project."""
    tasks = {
        name: {key: value for key, value in part.items() if key != "rows"}
        for name, part in figures["tasks"].items()
    }
    return {**figures, "tasks": tasks}


if __name__ == "__main__":
    typer.run(main)
