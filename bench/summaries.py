"""Summaries: what a model still answers when the messages have left the window.

Twenty facts are told in a conversation of ordinary messages, which leaves the queue in ten
evictions, as agents' do. Then each fact is asked for, and nothing but the summary is there:
no queue, no search, no prefetch. The ways, with one model and the same messages:

- recursive: the summary is written anew at each eviction;
- spr: sparse priming representations, statements that are kept;
- digest: the beginnings of the latest messages, without a model;
- whole: all messages instead of a summary, for what the model could answer at the best.

A question counts as answered if the answer holds the fact's word, which is drawn by seed, so
that no model guesses it. "Kept" is how many of the words the summary itself holds.

What is done is written after each eviction and each question to
`results/summaries.partial.json`, and the figures to `results/summaries.json`. It ends after
`--minutes` at the latest, with what was done till then.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import typer
from harness import RESULTS, grid, machine, write_results
from openai import OpenAI, OpenAIError
from ordinary import NAMES, turns
from rich.console import Console
from rich.progress import Progress

from memgpt_autogen.engine.asking.summarizer import Summarizer
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.local import local_llm_config

WAYS = ("recursive", "spr", "digest", "whole")
EVICTIONS = 10
SECONDS = 600.0  # that one call may take
BEGIN = datetime(2026, 5, 8, 9, tzinfo=timezone.utc)

_FACTS = (
    ("{who} has a dog named {word}.", "What is {who}'s dog named?"),
    ("{who} lives in {word} now.", "In which town does {who} live?"),
    ("The password hint of {who} is {word}, please remember it.", "What is {who}'s password hint?"),
    ("{who} is allergic to {word}.", "What is {who} allergic to?"),
    ("We promised {who} the report in {word}.", "When did we promise {who} the report?"),
)
_WORDS = (
    ("Biscuit", "Mango", "Pepper", "Ziggy"),
    ("Porto", "Tampere", "Graz", "Leeds"),
    ("marmalade", "lighthouse", "walrus", "trombone"),
    ("kiwi", "latex", "celery", "hazelnuts"),
    ("January", "April", "August", "November"),
)
_SYSTEM = (
    "You answer a question about an earlier conversation in a few words, from what you remember"
    " of it and nothing else."
)


@dataclass(frozen=True)
class Fact:
    text: str
    question: str
    word: str


@dataclass
class Result:
    """What became of a way.

    Attributes:
        made: tokens of prompt and answer that making the summary cost.
        answers: of each question, with its prompt's tokens.
    """

    summary: str = ""
    evictions: int = 0
    calls: int = 0
    made: int = 0
    seconds: float = 0.0
    answers: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Model:
    """The model in plain chat, and the tokens it took."""

    client: OpenAI
    name: str
    calls: int = 0
    tokens: int = 0

    def complete(self, system: str, text: str, most: int = 900) -> str:
        messages: Any = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        answer = self.client.chat.completions.create(
            model=self.name, messages=messages, temperature=0, max_tokens=most
        )
        self.calls += 1
        self.tokens += answer.usage.total_tokens if answer.usage else 0
        return answer.choices[0].message.content or ""


def facts(count: int) -> list[Fact]:
    """So many facts, each with a question that it alone answers."""
    drawn = random.Random(3)  # noqa: S311 - the same in every run
    whos = drawn.sample(NAMES, 4)
    found = []
    for kind, (text, question) in enumerate(_FACTS):
        for who, word in zip(whos, drawn.sample(_WORDS[kind], 4), strict=True):
            found.append(Fact(text.format(who=who, word=word), question.format(who=who), word))
    return drawn.sample(found, len(found))[:count]


def conversation(told: Sequence[Fact], size: int) -> list[list[MessageEvent]]:
    """The messages of each eviction: the facts are spread over all but the last two."""
    drawn = random.Random(5)  # noqa: S311 - the same in every run
    ordinary = iter(turns(EVICTIONS * size))
    batches: list[list[str]] = [[next(ordinary) for _ in range(size)] for _ in range(EVICTIONS)]
    for number, fact in enumerate(told):
        batch = batches[number % (EVICTIONS - 2)]
        batch.insert(drawn.randrange(len(batch) + 1), fact.text)
    moments = (BEGIN + timedelta(minutes=5 * number) for number in range(10**6))
    return [
        [MessageEvent(timestamp=next(moments), speaker="Dana", text=text) for text in batch]
        for batch in batches
    ]


def ask(model: Model, memory: str, fact: Fact) -> dict[str, Any]:
    """A question, with nothing but what is remembered."""
    before = model.tokens
    text = (
        f"What you remember of the conversation:\n{memory}\n\nQuestion: {fact.question}\n"
        'Your answer, or "I don\'t know":'
    )
    answer = model.complete(_SYSTEM, text, most=60)
    right = fact.word.casefold() in answer.casefold()
    return {"question": fact.question, "word": fact.word, "answer": answer, "right": right,
            "tokens": model.tokens - before}  # fmt: skip


def run(
    way: str,
    result: Result,
    batches: Sequence[Sequence[MessageEvent]],
    told: Sequence[Fact],
    model: Model,
    window: int,
) -> Iterator[None]:
    """Let the messages leave, eviction by eviction, then ask; goes on after each."""
    begun = time.monotonic()
    summarizer = Summarizer(  # as an agent of this window has it
        None if way == "digest" else model.complete,
        name="the agent",
        limit=min(max(window // 4, 600), 4000),
        chunk=window * 2,
        sparse=way == "spr",
    )
    for batch in batches:
        if way == "whole":
            lines = "\n".join(event.line() for event in batch)
            result.summary = f"{result.summary}\n{lines}".strip()
        else:
            result.summary = summarizer.summarize(result.summary, batch)
        result.evictions += 1
        result.calls, result.made = model.calls, model.tokens
        result.seconds = time.monotonic() - begun
        yield
    for fact in told:
        result.answers.append(ask(model, result.summary, fact))
        yield


def table(results: Mapping[str, Result], told: Sequence[Fact]) -> dict[str, Any]:
    rows = []
    for way, result in results.items():
        right = sum(one["right"] for one in result.answers)
        kept = sum(fact.word.casefold() in result.summary.casefold() for fact in told)
        asked = max(len(result.answers), 1)
        rows.append([
            way,
            f"{right} of {len(result.answers)}",
            f"{kept} of {len(told)}",
            f"{len(result.summary):,}",
            f"{result.made:,}",
            f"{result.calls}",
            f"{sum(one['tokens'] for one in result.answers) / asked:,.0f}",
            f"{result.seconds:,.0f}",
        ])  # fmt: skip
    return {
        "title": "Answered from the summary alone (tokens: once to make it, each to ask)",
        "columns": [
            "", "answered", "kept", "characters", "tokens once", "calls",
            "tokens each", "seconds",
        ],
        "rows": rows,
    }  # fmt: skip


def main(
    questions: Annotated[int, typer.Option(help="20 at the most.", min=1, max=20)] = 20,
    messages: Annotated[int, typer.Option(help="Ordinary ones of an eviction.", min=1)] = 10,
    window: Annotated[int, typer.Option(help="The model's, in tokens.")] = 8192,
    endpoint: Annotated[
        str, typer.Option(help="An OpenAI-compatible server; default: the local model.")
    ] = "",
    name: Annotated[str, typer.Option("--model", help="Its model.")] = "",
    minutes: Annotated[float, typer.Option(help="It ends after these at the latest.")] = 90,
    only: Annotated[list[str] | None, typer.Option(help="Only these ways.")] = None,
) -> None:
    """The recursive summary beside sparse priming representations, with a real model."""
    console = Console(width=min(Console().width, 110))
    started, ends = machine(), time.monotonic() + 60 * minutes
    told = facts(questions)
    batches = conversation(told, messages)
    url = endpoint
    if not endpoint:
        entry = local_llm_config(context_window=window)["config_list"][0]
        url, name = entry["base_url"], entry["model"]
    key = os.environ.get("OPENAI_API_KEY", "none")
    client = OpenAI(base_url=url, api_key=key, timeout=SECONDS, max_retries=0)
    ways = [way for way in WAYS if not only or way in only]
    results: dict[str, Result] = {}
    figures = {"model": name, "window": window, "messages": sum(map(len, batches))}

    def note() -> None:
        done = {way: asdict(result) for way, result in results.items()}
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / "summaries.partial.json"
        path.write_text(json.dumps({**figures, "ways": done}, indent=1) + "\n", encoding="utf-8")

    try:
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("summaries", total=len(ways) * (EVICTIONS + len(told)))
            for way in ways:
                if time.monotonic() > ends:
                    break
                results[way] = result = Result()
                progress.update(bar, description=way)
                for _ in run(way, result, batches, told, Model(client, name), window):
                    progress.advance(bar)
                    note()
                    if time.monotonic() > ends:
                        break
    except OpenAIError as problem:
        console.print(f"The model failed: {problem}")
    if time.monotonic() > ends:
        console.print(f"Ended early: {minutes:g} minutes are over.")
    shown = table(results, told)
    console.print(grid(shown))
    ways_done = {way: asdict(result) for way, result in results.items()}
    written = write_results("summaries", started, {**figures, "ways": ways_done, "tables": [shown]})
    console.print(f"Written to {written.parent.name}/{written.name}.")


if __name__ == "__main__":
    typer.run(main)
