"""Ownership: which process runs an agent's turns and writes its vector index.

Anybody may read a memory and write short transactions; the owner alone does the rest. The
lock is the operating system's, so it ends with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from memgpt_autogen.storage.journal.connection import make_private, written_in
from memgpt_autogen.storage.process import OfProcess, forked

_LOCK = "lock"
_OWNER = "owner.json"  # says who has the lock, for people


class Ownership:
    """The lock of one directory, which is the same object everywhere in a process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process = os.getpid()
        self._guard = threading.RLock()
        self._lock: FileLock | None = None
        self._closers: list[Callable[[], None]] = []

    @property
    def held(self) -> bool:
        """Whether this process has it."""
        return self._lock is not None

    def take(self, wait: float = 0.0) -> bool:
        """Take it, waiting so many seconds for another process; False if that keeps it.

        Raises:
            StorageError: the directory cannot be written.
        """
        if os.getpid() != self._process:
            raise forked(f"the memory in {self._directory}")
        with self._guard:
            if self._lock is not None:
                return True
            lock = FileLock(self._directory / _LOCK, thread_local=False, mode=0o600)
            make_private(self._directory)
            with written_in(self._directory):
                try:
                    lock.acquire(timeout=wait, poll_interval=0.02)
                except Timeout:
                    return False
            self._lock = lock
            self._sign()
            return True

    def before_release(self, close: Callable[[], None]) -> None:
        """Call `close` before the ownership is given up; it closes what only the owner may open."""
        self._closers.append(close)

    def release(self) -> None:
        """Let another process have it; a second call does nothing."""
        with self._guard:
            try:
                while self._closers:
                    self._closers.pop()()
            finally:
                lock, self._lock = self._lock, None
                if lock is not None:
                    with contextlib.suppress(OSError):
                        (self._directory / _OWNER).unlink()
                    lock.release()

    def holder(self) -> str | None:
        """Who has it, for people; None where nobody has."""
        if self.held:
            return self.owner
        if not (self._directory / _OWNER).exists():
            return None
        if not self.take():
            return self.owner
        self.release()  # a process that was killed left its name
        return None

    @property
    def owner(self) -> str:
        """Who has it, for people."""
        try:
            about = json.loads((self._directory / _OWNER).read_text("utf-8"))
            return f"process {about['process']} on {about['machine']} (since {about['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def _sign(self) -> None:
        since = time.strftime("%Y-%m-%d %H:%M")
        about = {"process": os.getpid(), "machine": platform.node(), "since": since}
        path = self._directory / _OWNER
        with contextlib.suppress(OSError):  # it is for people only
            path.write_text(json.dumps(about), "utf-8")
            path.chmod(0o600)


_ownerships: OfProcess[Ownership] = OfProcess({})


def ownership_of(directory: Path) -> Ownership:
    """The lock of a directory."""
    with _ownerships.guard:
        return _ownerships.things.setdefault(directory, Ownership(directory))


def let_go_of_unused(used: Iterable[Path]) -> None:
    """Release the locks of directories whose stores nobody closed and nobody has any more."""
    with _ownerships.guard:
        unused = _ownerships.things.keys() - set(used)
        let_go = [_ownerships.things.pop(directory) for directory in unused]
    for one in let_go:
        one.release()
