"""Runs all benchmarks, one after another, and writes the report: what `make bench` does."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated

import typer
from harness import HERE
from rich.console import Console

# Retrieval takes no times, so the memories that growth measures are filled beside it.
BENCHMARKS = ("concurrency", "crowd", "together", "retrieval", "growth", "prefetch", "turn")


def command(name: str, options: Sequence[str] = ()) -> list[str]:
    return [sys.executable, str(HERE / f"{name}.py"), *options]


def run(name: str, *options: str) -> bool:
    """Whether it went well."""
    return subprocess.run(command(name, options), check=False).returncode == 0


@contextmanager
def filling(options: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Growth's memories, being filled."""
    with subprocess.Popen(command("growth", options), stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def knows(name: str, option: str) -> bool:
    """Whether a benchmark's --help names an option."""
    asked = command(name, ["--help"])
    return option in subprocess.run(asked, check=False, capture_output=True, text=True).stdout


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Benchmarks; default all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few turns each: to try it.")] = False,
    full: Annotated[bool, typer.Option("--full", help="The long documents too.")] = False,
    million: Annotated[bool, typer.Option("--million", help="A million messages too.")] = False,
) -> None:
    """Run the benchmarks and write bench/results.md."""
    console = Console()
    wanted = [name for name in BENCHMARKS if not only or name in only]
    begin, failed = time.monotonic(), []
    with ExitStack() as stack:
        filled = None
        for number, name in enumerate(wanted, start=1):
            passed = f"{time.monotonic() - begin:.0f} s so far"
            console.rule(f"{number} of {len(wanted)}: {name}, {passed}", align="left")
            given = {"--quick": quick, "--full": full, "--million": million}
            options = [option for option, on in given.items() if on and knows(name, option)]
            if name == "retrieval" and "growth" in wanted:
                growing = [one for one in ("--quick", "--million") if given[one]]
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                filled = stack.enter_context(filling(["--fill", folder, *growing]))
            if name == "growth" and filled is not None and not filled.wait():
                options += ["--filled", folder]
            if not run(name, *options):
                failed.append(name)
    console.rule("report", align="left")
    if not run("report"):
        failed.append("report")
    console.print(f"{time.monotonic() - begin:.0f} s in all.")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    typer.run(main)
