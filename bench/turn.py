"""What a turn costs beyond the model: MemGPTAgent beside what else AutoGen users have.

All agents are told the same messages in one run, in lockstep: turn 1 of each, turn 2
of each, in changing order, so that whatever else the machine does hits all alike.
Each runs in a process of its own (`peers.py`, `peer_agentchat.py`; `meter.py` takes
the times). The models answer at once, from one more process (`model.py`) that counts
each request's prompt tokens and measures the seconds from its body being read to its
answer being ready; these are taken off the turn. So what is left is the framework,
the OpenAI client, loopback transport, and everything that memory does: embedding,
writing, searching.

Messages and answers are about 50 tokens of seeded words, every one different; the
scripts of the models are in `scripts.py`. All but MemGPTAgent and the one with 20
messages stop at turn 200 or before. AssistantAgent with full history goes on by samples:
it is given the history it would have, and takes the seven turns up to turn 300, 500 and
1,000.

MemGPTAgent writes part of what it keeps after its answer; the next in line waits until
that process is idle. It is in its CPU time, and in the time of 64 turns "in a row": one
after the other until all is written, sixteen at a time in alternation with embedding the
same texts and nothing else. "MemGPTAgent, editing" changes its core memory every tenth
turn; "10k stored" begins with 10,000 messages in recall storage, whose vectors are
drawn (`drawn.py`), not computed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from figures import Peer, TurnCost, document
from harness import (
    HERE,
    WINDOW,
    LineProcess,
    ModelProcess,
    machine,
    write_results,
)
from places import embedding_files, other_python
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sections import turn_tables
from texts import message

FULL = 1000
SOME = 200
FEW = 100
EDITED = 500
FILLED = 10_000
ROW = 64
ROWS = 4  # in alternation
SAMPLES = (300, 500, 1000)
SAMPLE_TURNS = 7


def peers() -> list[Peer]:
    return [
        Peer("MemGPTAgent", "memgpt", "managed", FULL, window=WINDOW, row=ROW),
        Peer("MemGPTAgent, editing", "memgpt", "editing", EDITED, window=WINDOW),
        Peer(
            "MemGPTAgent, 10k stored", "memgpt", "managed", 150, window=WINDOW, fill=FILLED, row=ROW
        ),
        Peer("AssistantAgent, full history", "assistant", "plain", SOME, samples=SAMPLES),
        Peer("AssistantAgent, 20 messages", "history", "plain", FULL),
        Peer("AssistantAgent, 4,000 tokens", "tokens", "plain", SOME),
        Peer("Teachability", "teachability", "teachable", SOME),
        Peer("agentchat + ChromaDBVectorMemory", "agentchat", "plain", SOME),
        Peer("raw Chroma, no agent", "chroma", None, FEW),
        Peer("embedding alone", "embedding", None, FEW, row=ROW),
    ]


@dataclass
class Running:
    """A peer's process."""

    peer: Peer
    process: LineProcess
    model: ModelProcess
    turns: list[TurnCost] = field(default_factory=list)

    def turn(self, number: int) -> TurnCost:
        took = self.process.send(json.dumps({"message": message(number)}))
        if self.peer.kind == "memgpt":
            self.process.send(json.dumps({"idle": True}))
        asked = self.model.taken(self.peer.title) if self.peer.script else []
        seconds = sum(request["seconds"] for request in asked)
        return TurnCost(
            turn=number,
            ms=took["ms"] - 1000 * seconds,
            cpu_ms=took["cpu_ms"],
            own_ms=took["own_ms"],
            tokens=sum(request["tokens"] for request in asked),
            requests=asked,
        )

    def row(self, number: int) -> None:
        """Take one of the rows, and add what it took to the peer's `sustained`."""
        count = self.peer.row // ROWS
        first = len(self.peer.costs) + 1 + number * count
        texts = [message(turn) for turn in range(first, first + count)]
        took = self.process.send(json.dumps({"messages": texts}))
        asked = self.model.taken(self.peer.title) if self.peer.script else []
        seconds = sum(request["seconds"] for request in asked)
        sums = self.peer.sustained
        sums["turns"] = sums.get("turns", 0) + count
        sums["ms"] = sums.get("ms", 0.0) + (took["ms"] - 1000 * seconds) / self.peer.row
        sums["cpu_ms"] = sums.get("cpu_ms", 0.0) + took["cpu_ms"] / self.peer.row

    def sampled(self, ends: tuple[int, ...]) -> Iterator[TurnCost]:
        for end in ends:
            first = end - SAMPLE_TURNS + 1
            self.process.send(json.dumps({"preload": first - 1}))
            for number in range(first, end + 1):
                yield self.turn(number)


def start(peer: Peer, model: ModelProcess, folder: Path, python: str) -> LineProcess:
    given = {
        "llm_config": model.configs.get(peer.title),
        "folder": str(folder / peer.title),
        "window": peer.window,
        "fill": peer.fill,
        **embedding_files(),
    }
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
    script = "peer_agentchat.py" if peer.kind == "agentchat" else "peers.py"
    return LineProcess(
        python, str(HERE / script), peer.kind, json.dumps(given), environment=environment
    )


def run(wanted: list[Peer], share: float, console: Console) -> list[Peer]:
    """Take all turns; the peers come back with their costs."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    scripts = {peer.title: (peer.script, peer.window) for peer in wanted if peer.script}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ModelProcess(scripts) as model,
        ExitStack() as processes,
        Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress,
    ):
        running: list[Running] = []
        for peer in wanted:
            python = other_python() if peer.kind == "agentchat" else sys.executable
            if python is None:
                console.print(f"{peer.title} is left out: its packages cannot be installed.")
                continue
            process = processes.enter_context(start(peer, model, Path(folder), python))
            running.append(Running(peer, process, model))
        for one in progress.track(running, description="Starting"):
            one.process.read()  # it is ready
        last = {id(one): max(int(one.peer.turns * share), 60) for one in running}
        for number in progress.track(range(1, max(last.values()) + 1), description="Turns"):
            taking = [one for one in running if number <= last[id(one)]]
            # Who goes first changes, so none always finds another's traces in the caches.
            for one in taking[number % len(taking) :] + taking[: number % len(taking)]:
                one.peer.costs.append(one.turn(number))
        for number in range(ROWS):
            for one in running:
                if one.peer.row:
                    one.row(number)
        for one in running:
            ends = tuple(end for end in one.peer.samples if end <= FULL * share)
            one.peer.sampled = list(progress.track(one.sampled(ends), description="Samples"))
    return [one.peer for one in running]


def main(
    quick: Annotated[bool, typer.Option("--quick", help="A twentieth of the turns.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only peers of this kind.")] = None,
) -> None:
    """What a turn costs beyond the model, for MemGPTAgent and its peers."""
    where = machine()
    console = Console(width=min(Console().width, 100))
    wanted = [peer for peer in peers() if not only or peer.kind in only]
    measured = run(wanted, 0.05 if quick else 1.0, console)
    figures = document(measured)
    console.print(Markdown("\n\n".join(turn_tables(figures))))
    write_results("turn", where, {"window": WINDOW, "quick": quick, **figures})


if __name__ == "__main__":
    typer.run(main)
