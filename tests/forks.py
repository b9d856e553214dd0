"""A copy of the test's process, and what it has to tell."""

from __future__ import annotations

import os
import select
import signal
import time
import warnings
from collections.abc import Callable

HANGS = "hangs"


def in_child(work: Callable[[], object], seconds: float = 30.0) -> str:
    """Call `work` in a fork of this process; what it returned, or the type of its error.

    `HANGS` where it did neither in so many seconds.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: of threads and forks
        pid = os.fork()
    if pid == 0:
        try:
            text = f"returned {work()!r}"
        except BaseException as problem:  # noqa: BLE001 - the child must not go on as the test
            names = [one.__name__ for one in type(problem).__mro__]
            text = f"raised {' < '.join(names)}: {problem}"
        os.write(writing, text.encode()[:60_000])
        os._exit(0)
    os.close(writing)
    told, deadline = b"", time.monotonic() + seconds
    while select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(reading, 65_536)
        told += piece
        if not piece:
            break
    else:
        os.kill(pid, signal.SIGKILL)
        told = HANGS.encode()
    os.close(reading)
    os.waitpid(pid, 0)
    return told.decode()


def refused(told: str) -> bool:
    """Whether the child was refused with one of the package's errors."""
    return told.startswith("raised") and "MemGPTError" in told
