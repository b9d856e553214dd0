"""Runs one agent in a process of its own, a turn for every line of its input.

It imports nothing but the standard library: environments without this package use it
too. A line is a JSON object: {"message": …} is a turn, answered with its wall time
and CPU time in milliseconds; {"preload": n} gives the agent the history of n turns;
{"messages": […]} are turns without a pause between them, until all they wrote is on
disk; {"idle": true} waits until the process is idle. CPU time is the whole process's
since the turn before, so what goes on in the background is in it; "own_ms" is the
CPU time of the thread that asked, until it had its answer: a busy machine changes it less.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Protocol


class Subject(Protocol):
    """What is measured."""

    def turn(self, message: str) -> str:
        """Tell the agent something; its answer."""
        ...


QUIET = 0.01  # seconds without work after which a process counts as idle
PATIENCE = 2.0  # seconds


def wait_until_idle() -> None:
    """Wait until no thread of this process computes."""
    end = time.perf_counter() + PATIENCE
    used, now = -1.0, time.process_time()
    while now - used > QUIET / 10 and time.perf_counter() < end:
        time.sleep(QUIET)
        used, now = now, time.process_time()


def serve(subject: Subject) -> None:
    """Answer lines until the input ends."""
    out, sys.stdout = sys.stdout, sys.stderr  # some agents print
    print(json.dumps("ready"), file=out, flush=True)
    cpu = time.process_time()
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        if "preload" in asked:
            subject.preload(asked["preload"])  # type: ignore[attr-defined] # few can
            cpu = time.process_time()
            print("{}", file=out, flush=True)
            continue
        if "idle" in asked:
            wait_until_idle()
            print("{}", file=out, flush=True)
            continue
        begin, own = time.perf_counter(), time.thread_time()
        answers = [subject.turn(one) for one in asked.get("messages", [asked.get("message")])]
        own = time.thread_time() - own
        if "messages" in asked:
            subject.settle()  # type: ignore[attr-defined] # few can
        ms = 1000 * (time.perf_counter() - begin)
        if not all(answers):
            raise SystemExit("the agent said nothing")
        now = time.process_time()
        took = {"ms": ms, "cpu_ms": 1000 * (now - cpu), "own_ms": 1000 * own}
        print(json.dumps(took), file=out, flush=True)
        cpu = now
