"""The demo: a fact is told, forty messages push it out of view, and a new process is asked.

python demo.py --model rehearsal
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
PLACE = Path(".memgpt-demo")
MARK = "demo.json"  # lies in a demo's memory, and in no other


def run(
    model: Annotated[
        str, typer.Option(help="auto | openai | local | rehearsal | one that runs here")
    ] = "auto",
    memory: Annotated[Path, typer.Option(help="Made anew each time, and kept.")] = PLACE,
) -> None:
    """Three short acts in two processes, which share nothing but the memory."""
    console = Console(width=min(Console().width, 80), highlight=False)
    console.print("[bold]memgpt-autogen[/]: memory that outlives the context window")
    console.print("[dim]Getting ready …[/]")
    begun = time.monotonic()
    # These import AutoGen, which takes seconds: not before the first line is on the screen.
    from models import open_model

    fresh(memory)
    with open_model(model, console) as chosen:
        console.print(f"[dim]The model is {chosen.label}.\n{chosen.why}[/]")
        ready = time.monotonic() - begun
        # AutoGen's own convention hands the model to the two processes.
        env = {**os.environ, "OAI_CONFIG_LIST": json.dumps(chosen.llm_config["config_list"])}
        failed = [act for act in ("tell", "ask") if not played(act, memory, env)]
        account(console, memory, ready, time.monotonic() - begun)
    if failed:
        console.print("\n[bold red]Not all of it went right: see above what and why.[/]")
        raise typer.Exit(1)


def fresh(memory: Path) -> None:
    """Remove the memory of an earlier demo; anything else is left alone."""
    if not memory.exists() or not any(memory.iterdir()):
        memory.mkdir(parents=True, exist_ok=True)
    elif (memory / MARK).is_file():
        shutil.rmtree(memory)
        memory.mkdir()
    else:
        raise SystemExit(
            f"{memory} is not a demo's memory, so it is left as it is: name another folder"
            " (--memory)."
        )
    (memory / MARK).write_text("{}", "utf-8")


def played(act: str, memory: Path, env: dict[str, str]) -> bool:
    """Play one act in a process of its own; whether all went right."""
    command = [sys.executable, "-W", "ignore", os.fspath(HERE / "acts.py"), act]
    options = ["--model", "openai", "--memory", os.fspath(memory)]
    return subprocess.run([*command, *options], env=env, check=False).returncode == 0


def account(console: Console, memory: Path, ready: float, seconds: float) -> None:
    """What it cost beside a full history, and what to try next."""
    known = json.loads((memory / MARK).read_text("utf-8"))
    asked = known.get("ask", {}).get("turns") or []
    if not asked or "tell" not in known:
        return
    tokens = sum(turn["tokens"] for turn in asked) // len(asked)
    took = sum(turn["seconds"] for turn in asked) / len(asked)
    history, messages, pace = known["history"], known["messages"], known["seconds_a_token"]
    each = history / messages
    table = Table(title="What a turn reads", title_style="bold", width=78)
    table.add_column("messages so far")
    table.add_column("with this memory", justify="right")
    table.add_column("with the full history", justify="right")
    for count, note in ((messages, ""), (400, ", extrapolated"), (4000, ", extrapolated")):
        full = int(each * count)
        table.add_row(
            f"{count:,}{note}",
            f"{tokens:,} tokens, {took:.0f} s",
            f"{full:,} tokens, {full * pace:,.0f} s",
        )
    console.print(table)
    console.print(
        "[dim]With this memory: measured, the mean of the questions; it stays so, for the prompt"
        " does not grow. Full history: its tokens counted, its seconds at the pace of the first"
        " prompt, which no cache knew; a cache saves them until the process ends.[/]"
    )
    python = Path(sys.executable)
    shown = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else "python"
    here = HERE.relative_to(Path.cwd()) if HERE.is_relative_to(Path.cwd()) else HERE
    console.print(f"\n{seconds:.0f} s in all, {ready:.0f} of them until the model was there.")
    console.print(f"The memory stays in {memory}. Try next:\n")
    for words in (
        f"{here}/acts.py ask 'What was in the parcel from Chile?'",
        f"{here}/people.py",
        f"{here}/coder.py 'Write a function that counts words.'",
    ):
        console.print(f"  {shown} {words}", soft_wrap=True)


if __name__ == "__main__":
    typer.run(run)
