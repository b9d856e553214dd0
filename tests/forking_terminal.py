"""A terminal in which programs start at once: `python -m tests.forking_terminal`.

It has imported everything and opened nothing. A line of the terminal is a program, as JSON; a
fork of this process runs it, with the terminal as its own.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import pexpect

from memgpt_autogen.cli.app import main

ROOT = Path(__file__).parents[1]
WORLD = re.compile("DB_URL|EDITOR|HOME|XDG_.*|MEMGPT_.*|TIKTOKEN_.*")  # what a test sets for itself
WARM = (
    "chromadb.api.client",
    "chromadb.api.rust",
    "memgpt_autogen.agent",
    "memgpt_autogen.cli.chat.program",
    "memgpt_autogen.mcp.server",
    "memgpt_autogen.sources.load",
    "memgpt_autogen.upkeep.agent_files.by_name",
    "memgpt_autogen.upkeep.chats.load",
    "memgpt_autogen.upkeep.forgetting.forget",
    "openai.resources.chat.completions",
)


class Terminal:
    """A real terminal of 80 columns; what starts in it has the test's folder and home."""

    def __init__(self) -> None:
        about = {"TERM": "xterm-256color", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
        self.child: Any = pexpect.spawn(
            sys.executable,
            ["-m", "tests.forking_terminal"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **about},
            cwd=str(ROOT),
            dimensions=(40, 80),
            encoding="utf-8",
            timeout=240,
        )
        self.child.expect_exact("[ready]")
        self.child.timeout = 60

    def close(self) -> None:
        """End it, with what runs in it."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        self.child.close()

    def start(self, *arguments: str, function: str = "") -> int:
        """Start `memgpt-autogen` with these arguments, or a `module:function`; its process."""
        world = {name: value for name, value in os.environ.items() if WORLD.fullmatch(name)}
        line = {"cwd": str(Path.cwd()), "world": world, "function": function}
        self.child.sendline(json.dumps({**line, "arguments": arguments}))
        self.child.expect(r"\[started (\d+)\]")
        return int(self.child.match[1])

    def ended(self) -> tuple[int, str]:
        """How it ended, -9 where it was killed, and what it has shown since the last look."""
        self.child.expect(r"\[ended (-?\d+)\]")
        return int(self.child.match[1]), self.child.before

    def run(self, *arguments: str, types: tuple[tuple[str, str], ...] = ()) -> tuple[int, str]:
        """How a command ended and what it showed; `types`: what is waited for, and typed then."""
        self.start(*arguments)
        shown = ""
        for awaited, text in types:
            self.child.expect(awaited)
            shown += self.child.before + self.child.after
            self.child.send(text)
        status, rest = self.ended()
        return status, shown + rest


def _run(task: dict[str, Any]) -> int:
    os.chdir(task["cwd"])
    os.environ.update(task["world"])
    module, _, function = task["function"].partition(":")
    sys.argv = ["memgpt-autogen", *task["arguments"]]
    try:
        if function:
            getattr(importlib.import_module(module), function)(*task["arguments"])
        else:
            main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - it is shown
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    for name in WARM:
        importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    print("[ready]", flush=True)
    while line := os.read(0, 4096):  # nothing is read ahead of what the program reads
        if not (child := os.fork()):
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print(f"[started {os.getpid()}]", flush=True)
            status = _run(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(f"[ended {ended}]", flush=True)
