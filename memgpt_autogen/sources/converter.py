"""Converter: reads files of other formats than text in processes of its own.

So a core is left to the embedder, and a file that a format's library hangs or dies of is a file
that cannot be read, and no more. A process is given a line of JSON and the file's bytes, and
answers with a line of JSON. It starts no module of the program that uses this package.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from memgpt_autogen.sources.passages import Text
from memgpt_autogen.sources.readers import UnreadableError, missing, needs_converting, read_document

SECONDS = 600.0  # for one file
MOST_MEMORY = 4 << 30  # bytes of address space of a process
_READY = b"ready\n"
_START_SECONDS = 60.0
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
    "from memgpt_autogen.sources.converter import serve; serve()"
)


class Converters:
    """Processes that read files, each started when it is first needed.

    Args:
        count: how many there may be.
        seconds: for one file.
    """

    def __init__(self, count: int, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._free: SimpleQueue[_Process | None] = SimpleQueue()
        self._all: list[_Process] = []
        self._closed = False
        for _ in range(count):
            self._free.put(None)

    def read(self, path: Path, data: bytes) -> Text:
        """The text of a file that holds `data`; text files are read here.

        Raises:
            UnreadableError: it cannot be read, holds no text, or needs a package.
        """
        if not needs_converting(path) or missing(path) or not data:
            return read_document(path, data)
        process = self._free.get()
        try:
            if process is None or process.is_dead:
                process = _Process()
                self._all.append(process)
            if self._closed:
                raise UnreadableError("loading was stopped")
            if not process.is_ready:  # as where Python is embedded in another program
                return read_document(path, data)
            return process.read(path, data, self._seconds)
        finally:
            self._free.put(process)

    def close(self) -> None:
        """End the processes."""
        self._closed = True
        for one in self._all:
            one.end()


class _Process:
    def __init__(self) -> None:
        self.is_ready = self.is_dead = False
        if not sys.executable or getattr(sys, "frozen", False):
            return
        command = [sys.executable, "-c", _CODE, json.dumps(sys.path)]
        pipe, none = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=none)  # noqa: S603
        self.is_ready = self._ask(b"", _START_SECONDS) == _READY
        if not self.is_ready:
            self.end()
            self.is_dead = False  # another one would not be ready either

    def read(self, path: Path, data: bytes, seconds: float) -> Text:
        head = json.dumps({"name": f"file{path.suffix}", "size": len(data)}).encode()
        answer = self._ask(head + b"\n" + data, seconds)
        if not answer:
            took_long = self.is_dead
            self.end()
            raise UnreadableError(
                f"it takes more than {seconds:.0f} seconds to read"
                if took_long
                else "reading it broke off: it may need too much memory"
            )
        found: dict[str, Any] = json.loads(answer)
        if "reason" in found:
            raise UnreadableError(found["reason"], is_empty=found["is_empty"])
        return Text(tuple(found["pages"]), found["title"], found["unit"])

    def _ask(self, question: bytes, seconds: float) -> bytes:
        timer = threading.Timer(seconds, self.end)
        timer.start()
        try:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(question)
            self._process.stdin.flush()
            return self._process.stdout.readline()
        except (OSError, ValueError):  # it died meanwhile, or was ended
            return b""
        finally:
            timer.cancel()

    def end(self) -> None:
        self.is_dead = True
        if hasattr(self, "_process"):
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError, ValueError):
                    assert pipe is not None
                    pipe.close()


def serve() -> None:
    """Be such a process, until there is nothing more to read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    _bound_memory()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _answer(out, _READY)
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        data = sys.stdin.buffer.read(asked["size"])
        _answer(out, json.dumps(_read(Path(asked["name"]), data)).encode() + b"\n")


def _read(path: Path, data: bytes) -> dict[str, Any]:
    try:
        text = read_document(path, data)
    except UnreadableError as problem:
        return {"reason": str(problem), "is_empty": problem.is_empty}
    return {"pages": text.pages, "title": text.title, "unit": text.unit}


def _answer(out: IO[bytes], line: bytes) -> None:
    out.write(line)
    out.flush()


def _bound_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not where a system has no such bound
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
