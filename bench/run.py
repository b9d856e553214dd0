"""Runs all benchmarks, one after another, and writes the report: what `make bench` does."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Annotated

import typer
from harness import HERE
from rich.console import Console

# Those that are here are run, in this order: the short ones first.
BENCHMARKS = ("concurrency", "growth", "retrieval", "turn")


def run(name: str, *options: str) -> int:
    return subprocess.run(
        [sys.executable, str(HERE / f"{name}.py"), *options], check=False
    ).returncode


def knows(name: str, option: str) -> bool:
    """Whether a benchmark's --help names an option."""
    told = subprocess.run(
        [sys.executable, str(HERE / f"{name}.py"), "--help"],
        check=False,
        capture_output=True,
        text=True,
    )
    return option in told.stdout


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Benchmarks; default all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few turns each: to try it.")] = False,
) -> None:
    """Run the benchmarks and write bench/results.md."""
    console = Console()
    wanted = [name for name in only or BENCHMARKS if (HERE / f"{name}.py").is_file()]
    begin, failed = time.monotonic(), []
    for number, name in enumerate(wanted, start=1):
        passed = f"{time.monotonic() - begin:.0f} s so far"
        console.rule(f"{number} of {len(wanted)}: {name}, {passed}", align="left")
        options = ["--quick"] if quick and knows(name, "--quick") else []
        if run(name, *options):
            failed.append(name)
    console.rule("report", align="left")
    if run("report"):
        failed.append("report")
    console.print(f"{time.monotonic() - begin:.0f} s in all.")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    typer.run(main)
