"""How long an operation keeps all other Python threads from running.

Another thread sleeps half a millisecond at a time while the operation runs again and
again. What its sleep takes longer, less the time in which there was no core for it,
it waited for the interpreter's lock (GIL): an extension that computes or writes to
disk without letting go of the lock shows its whole duration here.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from harness import spread
from inside import best_embedder
from loopwatch import core_delay, schedstat
from texts import text_of

SLEEP = 0.0005
TIMES = 100


def held(operation: Callable[[int], object], times: int = TIMES) -> dict[str, float]:
    """The operation's time and the other thread's longest waits, in ms."""
    waits: list[float] = []
    done = threading.Event()

    def other() -> None:
        counter = schedstat()
        while not done.is_set():
            begin, delay = time.perf_counter(), core_delay(counter)
            time.sleep(SLEEP)
            late = 1000 * (time.perf_counter() - begin - SLEEP)
            waits.append(max(late - (core_delay(counter) - delay), 0.0))

    thread = threading.Thread(target=other)
    thread.start()
    durations: list[float] = []
    for number in range(times):
        begin = time.perf_counter()
        operation(number)
        durations.append(1000 * (time.perf_counter() - begin))
    done.set()
    thread.join()
    took = spread(durations)
    return {
        "operation_median_ms": took["median"],
        "operation_max_ms": took["max"],
        "wait_p99_ms": float(np.percentile(waits, 99)),
        "wait_max_ms": max(waits),
    }


def suspects() -> dict[str, dict[str, float]]:
    """The operations of a turn that run in extensions, each with what it holds."""
    embedder = best_embedder()
    embedder.embed(["the model is read at its first use"])
    dice = np.random.default_rng(0)

    def vectors(count: int) -> Any:
        return dice.normal(size=(count, embedder.dimension)).astype(np.float32)

    def busy(_: int) -> None:
        end = time.perf_counter() + 0.02
        while time.perf_counter() < end:
            pass

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = chromadb.PersistentClient(
            str(Path(folder)), settings=chromadb.Settings(anonymized_telemetry=False)
        )
        collection = client.create_collection("messages", embedding_function=None)

        def add(number: int) -> None:
            collection.add(
                ids=[f"{number}a", f"{number}b"],
                documents=[text_of(f"a{number}"), text_of(f"b{number}")],
                embeddings=vectors(2),
            )

        return {
            "20 ms of plain Python": held(busy, 25),
            "embed two messages": held(lambda n: embedder.embed([text_of(f"{n}")] * 2), 50),
            "Chroma: add two messages": held(add),
            "Chroma: query": held(lambda _: collection.query(query_embeddings=vectors(1))),
        }
