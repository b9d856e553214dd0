"""How long an asyncio event loop was blocked, and by what.

A ticker sleeps two milliseconds at a time; what a sleep takes beyond that is time in
which nobody else on the loop could run either. Such a gap is parted into

- work: CPU time of the loop's thread, what the program itself does on the loop;
- no core: the thread could run but other threads or programs had the cores (Linux
  tells this in schedstat; elsewhere it is counted as waiting);
- waiting: the rest. Inside a callback it is for a lock, a disk, a thread's start or
  the interpreter's lock (GIL); between callbacks it can only be the GIL.

Every callback of the loop is timed too, so that the longest of a gap can be named.
"""

from __future__ import annotations

import asyncio
import threading
import time
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SLEEP = 0.002
NAMED = 2.0  # milliseconds: shorter callbacks are no suspects


@dataclass(frozen=True)
class Callback:
    """A callback of the loop that took long; `begin` and `end` in seconds, the rest in ms."""

    begin: float
    end: float
    cpu: float
    name: str

    @property
    def wall(self) -> float:
        return 1000 * (self.end - self.begin)


@dataclass(frozen=True)
class Gap:
    """A sleep of the ticker; `begin` and `end` in seconds, the rest in ms beyond the sleep."""

    begin: float
    end: float
    ms: float
    work: float
    no_core: float


@dataclass
class LoopWatch:
    """The gaps of a loop, and its long callbacks."""

    gaps: list[Gap] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)

    @property
    def longest(self) -> Gap:
        """The longest time the loop was blocked."""
        return max(self.gaps, key=lambda gap: gap.ms)

    @property
    def longest_with_core(self) -> float:
        """The same in ms, without the time in which there was no core for the loop."""
        return max(gap.ms - gap.no_core for gap in self.gaps)

    def over(self, bound: float) -> int:
        """How many gaps were longer than `bound` ms."""
        return sum(gap.ms > bound for gap in self.gaps)

    def parted(self) -> dict[str, Any]:
        """The longest gap in its parts, in ms, with its longest callback."""
        gap = self.longest
        inside = [one for one in self.callbacks if one.begin < gap.end and gap.begin < one.end]
        waited = sum(max(one.wall - one.cpu, 0.0) for one in inside)
        longest = max(inside, key=lambda one: one.wall, default=None)
        return {
            "ms": gap.ms,
            "work_ms": gap.work,
            "no_core_ms": gap.no_core,
            "waiting_ms": max(gap.ms - gap.work - gap.no_core, 0.0),
            "not_running_inside_callbacks_ms": min(waited, gap.ms),
            "longest_callback": {**asdict(longest), "ms": longest.wall} if longest else None,
        }

    async def tick(self) -> None:
        """Note gaps until cancelled."""
        counter = schedstat()
        after = core_delay(counter)
        while True:
            # The counter is read outside the timed part: a read lets go of the GIL.
            before, cpu, begin = after, time.thread_time(), time.perf_counter()
            await asyncio.sleep(SLEEP)
            end = time.perf_counter()
            work = 1000 * (time.thread_time() - cpu)
            after = core_delay(counter)
            ms = 1000 * (end - begin - SLEEP)
            self.gaps.append(Gap(begin, end, ms, work, no_core=min(after - before, max(ms, 0.0))))

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Time every callback of the loop that runs in this thread."""
        plain = events.Handle._run  # noqa: SLF001 - where asyncio's own debug mode times them

        def timed(handle: asyncio.Handle) -> None:
            begin, cpu = time.perf_counter(), time.thread_time()
            plain(handle)
            end = time.perf_counter()
            if 1000 * (end - begin) >= NAMED:
                used = 1000 * (time.thread_time() - cpu)
                self.callbacks.append(Callback(begin, end, used, _name(handle)))

        events.Handle._run = timed  # type: ignore[method-assign,assignment] # noqa: SLF001
        try:
            yield
        finally:
            events.Handle._run = plain  # type: ignore[method-assign] # noqa: SLF001


@contextmanager
def watched(watch: LoopWatch) -> Iterator[LoopWatch]:
    """Watch the running loop."""
    ticker = asyncio.get_running_loop().create_task(watch.tick())
    try:
        with watch.timing():
            yield watch
    finally:
        ticker.cancel()


def schedstat() -> Path | None:
    """Where Linux counts how long this thread waited for a core."""
    path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return path if path.is_file() else None


def core_delay(counter: Path | None) -> float:
    """Milliseconds that the thread has waited for a core so far; 0 where nobody counts them."""
    return int(counter.read_text().split()[1]) / 1e6 if counter else 0.0


def _name(handle: Any) -> str:
    """Where the coroutine that a callback resumed now stands; else the callback."""
    callback = handle._callback  # noqa: SLF001
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return str(getattr(callback, "__qualname__", callback))
    awaited: Any = task.get_coro()
    while hasattr(getattr(awaited, "cr_await", None), "cr_code"):
        awaited = awaited.cr_await
    return str(getattr(awaited.cr_code, "co_qualname", awaited.cr_code.co_name))
