"""What prefetch brings, and what it costs.

- Evidence: each of LoCoMo's conversations (locomo-dev.json, see retrieval.py) fills the
  recall storage of an agent, which is then asked its questions (categories 1 to 4), each in a
  chat of its own. How often is evidence in the prompt before the model is called at all, and
  how many tokens does what was looked up take? A question counts as answered where any of its
  evidence is there ("hit"); "all" is the share where all of it is.
- Ordinary turns: `ordinary.py`, one agent without prefetch, one with it, and one in which what
  was looked up stays until it is evicted. Prompt tokens, the share of each request that a
  provider's prompt cache knew (`prefix.py`), and the milliseconds that looking up takes.

Figures are written after each part.

The scripted model answers at once. The thresholds (in `prefetch.py` of the package) were fixed
before the ordinary turns were run; LoCoMo's figures are of questions that the search's
coefficients were fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import typer
from autogen.io import IOStream
from evidence import questions_of, turns
from harness import WINDOW, Quiet, averaged, grid, machine, spread, write_results
from inside import LOOKED_UP, Said, fill, forget_newest, keeping_what_was_looked_up, looking_up
from ordinary import turns as ordinary_turns
from places import DATA
from prefix import PrefixMeter
from rich.console import Console
from rich.progress import track
from texts import reply

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, calls, say, send
from memgpt_autogen.testing.replies import Reply

Way = Literal["without", "with prefetch", "kept until evicted"]
WAYS: tuple[Way, ...] = ("without", "with prefetch", "kept until evicted")


@dataclass
class Brief:
    """Answers in a line; notes under memory pressure."""

    requests: list[Mapping[str, Any]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def __call__(self, request: ChatRequest) -> Reply:
        self.requests[:] = [request.body]
        self.tokens.append(request.prompt_tokens)
        if not request.tools:
            return say("They worked on several projects.")
        if "memory pressure" in request.last_text:
            return calls(call("archival_memory_insert", content=reply(len(self.tokens))))
        return send(reply(len(self.tokens)))


@contextmanager
def agent_of(script: Brief, way: Way, **settings: Any) -> Iterator[MemGPTAgent]:
    """An agent with an empty memory, answered by the script."""
    tokens = 0 if way == "without" else None
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ScriptedModel(script) as model,
        MemGPTAgent(
            "agent",
            llm_config=model.llm_config,
            memory=Settings(location=folder, prefetch_tokens=tokens, **settings),
            context_window=WINDOW,
        ) as agent,
    ):
        if way == "kept until evicted":
            keeping_what_was_looked_up(agent)
        yield agent


def evidence(samples: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of each conversation so far, and of all of them, how often the evidence was looked up."""
    found: dict[str, list[dict[str, float]]] = {}
    for one in samples:
        found[one["sample_id"]] = conversation(one)
        rows = [row for part in found.values() for row in part]
        yield {name: averaged(part) for name, part in {"all": rows, **found}.items()}


def conversation(sample: Mapping[str, Any]) -> list[dict[str, float]]:
    script, rows = Brief(), []
    with agent_of(script, "with prefetch", separate_partners=False) as agent:
        said = turns(sample["conversation"])
        fill(agent, [Said(text, speaker, when) for _, speaker, text, when in said])
        texts = {name: text for name, _, text, _ in said}
        stored = len(agent.recall)
        for question, wanted in track(questions_of(sample), sample["sample_id"], transient=True):
            agent.generate_reply([{"role": "user", "name": "Judge", "content": question}])
            (shown,) = looked_up(script.requests[-1]) or [""]
            there = [texts[name] in unindented(shown) for name in wanted if name in texts]
            rows.append(
                {
                    "hit": 100.0 * any(there),
                    "all": 100.0 * (bool(there) and all(there)),
                    "tokens": len(shown) / 4,
                }
            )
            forget_newest(agent, len(agent.recall) - stored)
    return rows


def looked_up(body: Mapping[str, Any]) -> list[str]:
    return [text for one in body["messages"] if LOOKED_UP in (text := str(one.get("content")))]


def unindented(text: str) -> str:
    return "\n".join(line.strip().removeprefix("> ") for line in text.splitlines())


def ordinary(way: Way, count: int) -> dict[str, Any]:
    """A conversation of ordinary turns."""
    script, meter = Brief(), PrefixMeter()
    prefixes: list[float] = []
    lookups = 0
    with agent_of(script, way) as agent, looking_up(agent) as seconds:
        for text in track(ordinary_turns(count), way, transient=True):
            agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])
            share, _ = meter.measure(script.requests[-1])
            prefixes += [] if share is None else [share]
            lookups += bool(looked_up(script.requests[-1]))
        evictions = agent.context_overview().counters.evictions
    return {
        "tokens": sum(script.tokens),
        "prefix": mean(prefixes),
        "turns with something": lookups,
        "evictions": evictions,
        "ms": spread([1000 * one for one in seconds]) if seconds else None,
    }


def tables(figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "evidence" in figures:
        yield {
            "title": "Evidence in the prompt before the first call, percent of questions",
            "columns": ["", "questions", "any of it", "all of it", "tokens looked up"],
            "rows": [
                [
                    name,
                    str(row["questions"]),
                    *(f"{row[key]:.1f}" for key in ("hit", "all", "tokens")),
                ]
                for name, row in figures["evidence"].items()
            ],
        }
    base = figures["ordinary"]["without"]["tokens"]
    yield {
        "title": "Ordinary turns",
        "columns": ["", "prompt tokens", "to without", "prefix", "turns with hits",
                    "evictions", "ms, median", "ms, p95"],
        "rows": [
            [
                way,
                f"{row['tokens']:,}",
                f"{row['tokens'] / base:.3f}",
                f"{row['prefix']:.3f}",
                str(row["turns with something"]),
                str(row["evictions"]),
                *(f"{row['ms'][key]:.0f}" if row["ms"] else "" for key in ("median", "p95")),
            ]
            for way, row in figures["ordinary"].items()
        ],
    }  # fmt: skip


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data.")] = DATA,
    quick: Annotated[
        bool, typer.Option("--quick", help="A hundred turns, one conversation.")
    ] = False,
) -> None:
    """What prefetch brings, and what it costs."""
    console = Console(width=min(Console().width, 100))
    started = machine()
    IOStream.set_global_default(Quiet())
    figures: dict[str, Any] = {}
    for _ in parts(figures, data / "locomo-dev.json", console, quick=quick):
        shown = list(tables(figures))
        written = write_results("prefetch", started, {**figures, "tables": shown})
    for one in shown:
        console.print(grid(one))
    console.print(f"Written to {written.parent.name}/{written.name}.")


def parts(figures: dict[str, Any], path: Path, console: Console, *, quick: bool) -> Iterator[None]:
    """Measure one part after the other, each added to the figures."""
    figures["ordinary"] = {}
    for way in WAYS:
        figures["ordinary"][way] = ordinary(way, 100 if quick else 1000)
        yield
    if not path.exists():
        console.print(f"LoCoMo: passed over, there is no {path.name} in the folder of the data")
        return
    samples = json.loads(path.read_text(encoding="utf-8"))
    for found in evidence(samples[:1] if quick else samples):
        figures["evidence"] = found
        yield


if __name__ == "__main__":
    typer.run(main)
