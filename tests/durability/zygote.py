"""A process that has imported everything and opened nothing, and forks a child per task.

A fresh process costs seconds of imports; a fork of this one starts at once, and has as
little to do with the memory as a fresh one. Run as a module it is that process: it reads
a task a line, answers with the child's id, and then with how the child ended.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from openai import OpenAI

from memgpt_autogen.model.tokens import TokenCounter

ROOT = Path(__file__).resolve().parents[2]
WARM = (
    "memgpt_autogen.agent",
    "memgpt_autogen.sources.load",
    "chromadb.api.rust",
    "chromadb.api.client",
    "openai.resources.chat.completions",
    "tests.durability.elsewhere",
    "tests.durability.examine",
    "tests.durability.reopen",
    "tests.durability.worker",
)


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        status: its exit status; -9 where signal 9 ended it.
        result: what its function returned; None where it did not get there.
        log: what it printed, its last 2,000 characters.
        hung: it was killed since it took too long.
    """

    status: int
    result: Any
    log: str
    hung: bool


class Child:
    """A child at work."""

    def __init__(self, zygote: Zygote, pid: int, folder: Path) -> None:
        self.pid = pid
        self._zygote = zygote
        self._folder = folder
        self._killed = False

    @property
    def ended(self) -> bool:
        """Whether it has left a result or an error behind."""
        return (self._folder / "ended").exists()

    def kill(self) -> None:
        """End it with SIGKILL, now; where it has ended already, nothing happens."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> Ended:
        """How it ended; after so many seconds it is killed."""
        timer = threading.Timer(seconds, self._give_up)
        timer.start()
        status = int(self._zygote.answer())
        timer.cancel()
        out, log = self._folder / "result.json", self._folder / "log"
        return Ended(
            status,
            json.loads(out.read_text("utf-8")) if out.exists() else None,
            log.read_text("utf-8", "replace")[-2000:],
            hung=self._killed,
        )

    def _give_up(self) -> None:
        self._killed = True
        self.kill()


class Zygote:
    """The parent's end. One child runs at a time; threads that want more have one each."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        calm = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, **(environment or {}), **calm},
        )

    def answer(self) -> str:
        """The next line of the process."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that forks has ended"
        return line

    def start(self, function: str, *arguments: Any) -> Child:
        """Run `module:function` of this folder in a child; what it takes and gives is JSON."""
        assert self._process.stdin is not None
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        task = {"function": function, "arguments": arguments, "folder": str(folder)}
        self._process.stdin.write(json.dumps(task, default=str) + "\n")
        self._process.stdin.flush()
        return Child(self, int(self.answer()), folder)

    def run(self, function: str, *arguments: Any, seconds: float = 60) -> Ended:
        """The same, and wait for its end."""
        return self.start(function, *arguments).wait(seconds)

    def returned(self, function: str, *arguments: Any, seconds: float = 60) -> Any:
        """The same for what has to succeed."""
        ended = self.run(function, *arguments, seconds=seconds)
        assert ended.status == 0, ended.log
        return ended.result

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _serve() -> None:
    for module in WARM:
        importlib.import_module(module)
    OpenAI(api_key="none", base_url="http://127.0.0.1:9").close()  # imports its transports late
    TokenCounter("scripted-model")  # reads its vocabulary
    answers = os.dup(1)
    os.dup2(2, 1)  # whoever prints does not answer
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run(json.loads(line))
        os.write(answers, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _run(task: dict[str, Any]) -> None:
    folder = Path(task["folder"])
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(old, new)
    os.chdir(folder)
    status = 1
    try:
        module, _, name = task["function"].partition(":")
        function = getattr(importlib.import_module(f"tests.durability.{module}"), name)
        result = function(*task["arguments"])
        (folder / "result.json").write_text(json.dumps(result), "utf-8")
        status = 0
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        (folder / "ended").touch()
        os._exit(status)


if __name__ == "__main__":
    _serve()
