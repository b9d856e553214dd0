"""A vector index in a folder: opened only after a look at its files, and closed with checksums.

A vector store can crash the process, or find nothing, on a damaged file. So a folder that was
closed in good order is compared with the checksums taken then, and any other is first opened
in a child process (see `trial`). What does not stand the look is put aside and made anew from
the journal.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.journal.connection import make_private
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.process import OfProcess
from memgpt_autogen.storage.record import Kind
from memgpt_autogen.storage.vectors.base import VectorIndex
from memgpt_autogen.storage.vectors.files import checksum, names_in, shred, stands_trial

logger = logging.getLogger(__name__)

_OWNER = "memgpt-autogen.json"  # names the journal that a folder belongs to

_Client = TypeVar("_Client")


class Folder(ABC, Generic[_Client]):
    """The indexes of one memory in a folder beside its journal; one process has it open.

    Attributes:
        name: of the folder, and the journal's key for the checksums of a closed one.
        most: folders of this kind whose clients are open at a time.
    """

    name: ClassVar[str]
    most: ClassVar[int]

    def __init__(self, directory: Path, journal: Journal, *, texts: bool = True) -> None:
        self.path = directory / self.name
        self._journal = journal
        self._texts = texts
        self._turn = threading.Condition(threading.RLock())
        self._users = 0
        self._opened: _Client | None = None
        for other in list(_open.things.values()):  # of a store that nobody has any more
            if other.path == self.path:
                other.close()

    @abstractmethod
    def index(self, kind: Kind) -> VectorIndex: ...

    @abstractmethod
    def _connect(self) -> _Client:
        """The client of the folder, which is there."""

    @abstractmethod
    def _release(self, client: _Client) -> None:
        """Let go of its files."""

    def _tidy(self, client: _Client) -> None:
        """Whatever is better done before a folder is closed."""

    def look(self) -> str:
        """What is wrong with the folder, as far as a quick look tells; empty for nothing.

        Raises:
            StorageError: it belongs to another memory.
        """
        if not names_in(self.path):
            sql = "SELECT 1 FROM meta WHERE key LIKE 'applied.%' AND value > 0"
            return "is missing" if self._journal.rows(sql) else ""
        with contextlib.suppress(OSError, ValueError):
            owner = json.loads((self.path / _OWNER).read_text("utf-8"))["journal"]
            if owner != self._journal.identity:
                raise StorageError(
                    f"{self.path} belongs to another memory than {self._journal.path}. Nothing"
                    " was changed: put the right folder back, or move this one away, and it is"
                    " made anew from the journal."
                )
        closed = self._closed()
        if closed is not None and {n: s for n, s, _ in closed} != dict(self._sizes()):
            return "is not as it was closed"
        return ""

    def prepare(self) -> bool:
        with self._turn:
            wrong = self.look() or self._look_closely()
            if not wrong:
                return True
            logger.warning(
                "%s %s: it is made anew from the journal, and nothing is lost.", self.path, wrong
            )
            self.put_aside()
            return False

    def put_aside(self) -> None:
        with self._unused():
            self._let_go()
            self._journal.put(self.name, None)
            if self.path.exists():
                number = 1
                while (aside := self.path.with_name(f"{self.name}.aside-{number}")).exists():
                    number += 1
                self.path.rename(aside)

    def destroy(self) -> bool:
        """Also what was put aside before: it holds the same texts."""
        with self._unused():
            self._let_go()
            self._journal.put(self.name, None)
            for folder in sorted(self.path.parent.glob(f"{self.name}*")):
                shred(folder)
        return True

    def close(self) -> None:
        with self._unused():
            self._close()

    def close_unless_used(self) -> None:
        """Close it, if no other thread is at work with it."""
        if self._turn.acquire(blocking=False):
            try:
                if not self._users:
                    self._close()
            finally:
                self._turn.release()

    def forget(self) -> None:
        """Let the client of a parent process be."""
        self._opened = None
        self._users = 0
        self._turn = threading.Condition(threading.RLock())

    @contextlib.contextmanager
    def _unused(self) -> Iterator[None]:
        """Inside the `with` block nobody else uses the client; waits for who does."""
        with self._turn:
            self._turn.wait_for(lambda: not self._users)
            yield

    @contextlib.contextmanager
    def _lent(self) -> Iterator[_Client]:
        """The client, which is not closed inside the `with` block."""
        with self._turn:
            client = self._open()
            self._users += 1
        try:
            _used_latest(self)
            yield client
        finally:
            with self._turn:
                self._users -= 1
                self._turn.notify_all()

    def _open(self) -> _Client:
        if self._opened is None:
            make_private(self.path)
            self._journal.put(self.name, None)  # from here on a kill leaves it unclosed
            owner = json.dumps({"journal": self._journal.identity})
            (self.path / _OWNER).write_text(owner, "utf-8")
            self._opened = self._connect()
        return self._opened

    def _close(self) -> None:
        if self._opened is not None:
            self._tidy(self._opened)
            self._let_go()
            sizes = self._sizes()
            for path in self.path.rglob("*"):
                path.chmod(0o700 if path.is_dir() else 0o600)
            files = [[name, size, checksum(self.path / name)] for name, size in sizes]
            self._journal.put(self.name, json.dumps(files))

    def _let_go(self) -> None:
        if self._opened is not None:
            self._release(self._opened)
            self._opened = None
        _open.things.pop(id(self), None)

    def _look_closely(self) -> str:
        if self._opened is not None or not self.path.exists():
            return ""
        closed = self._closed()
        if closed is not None:
            same = all(checksum(self.path / name) == check for name, _, check in closed)
            return "" if same else "is damaged"
        if not any(path.name != _OWNER for path in self.path.iterdir()):
            return ""
        return "" if stands_trial(self.path, self.name) else "cannot be read"

    def _closed(self) -> list[tuple[str, int, int]] | None:
        found = self._journal.get(self.name)
        return (
            None if not found else [(name, size, check) for name, size, check in json.loads(found)]
        )

    def _sizes(self) -> list[tuple[str, int]]:
        found = []
        for path in sorted(self.path.rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # its owner may work there meanwhile
                if path.is_file():
                    found.append((path.relative_to(self.path).as_posix(), path.stat().st_size))
        return found


_open: OfProcess[Folder[Any]] = OfProcess({}, Folder.forget)


def _used_latest(folder: Folder[Any]) -> None:
    """Note the use of a folder, and close the one used longest ago, if too many are open."""
    with _open.guard:
        _open.things.pop(id(folder), None)
        surplus = [one for one in _open.things.values() if one.name == folder.name]
        _open.things[id(folder)] = folder  # the last of all
    for one in surplus[: max(len(surplus) + 1 - folder.most, 0)]:
        try:
            one.close_unless_used()
        except StorageError as problem:  # another agent's, which hears of it at its next use
            logger.warning("%s could not be closed in order: %s", one.path, problem)
