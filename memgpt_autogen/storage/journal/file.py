"""The journal's file before it is opened: whether it is whole, cut, damaged or lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from memgpt_autogen.errors import StateFormatError, StorageError
from memgpt_autogen.storage.journal.connection import make_private, make_private_file, read_only

FILE = "journal.sqlite3"
STEP = "step"  # the file beside it that says which step was acknowledged
_HEADER = b"SQLite format 3\0"
_CHECKED_BYTES = 8 << 20  # a journal that was left open is checked whole up to this size
_OLD_LAYOUT = ("state.sqlite3", "index.sqlite3")


def look_at(path: Path) -> None:
    """Make a new file, or see that the one that is there is what it should be.

    Raises:
        StateFormatError: it lies beside a memory of another layout.
        StorageError: it is damaged, or missing beside what belongs to it.
    """
    folder = path.parent
    # First: whoever makes a memory at this moment writes the journal before what is beside it.
    left = [name for name in (STEP, "chroma", "lancedb", f"{FILE}-wal") if (folder / name).exists()]
    if not path.exists() or path.stat().st_size == 0:
        old = [name for name in _OLD_LAYOUT if (folder / name).exists()]
        if old:
            raise StateFormatError(
                f"{folder} holds a memory of an older layout ({', '.join(old)}): open it with"
                " the version of memgpt-autogen that wrote it, write agent.checkpoint(path),"
                " and restore that with MemGPTAgent.from_checkpoint at another memory=."
            )
        if left:
            raise StorageError(
                f"{path} is missing or empty, though other parts of a memory lie beside it."
                " Nothing was changed: put the file back from a backup or restore a"
                f" checkpoint elsewhere; to begin anew, move {folder} away."
            )
        make_private(folder)
        make_private_file(path)
    elif _is_cut(path):
        raise StorageError(
            f"{path} is shorter than it should be: it was cut. Nothing was changed: keep it,"
            " and put a backup in its place or restore a checkpoint elsewhere."
        )
    else:
        _probe(path)


def _probe(path: Path) -> None:
    """Read a journal that was left open, without changing it: closing one works its log in.

    Raises:
        StorageError: it is damaged.
    """
    if not path.with_name(f"{FILE}-wal").exists():
        return
    with read_only(path) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        if path.stat().st_size <= _CHECKED_BYTES:
            ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
            if found != "ok":
                raise sqlite3.DatabaseError(f"database disk image is malformed ({found})")


def _is_cut(path: Path) -> bool:
    """Whether a file is shorter than its header says (https://sqlite.org/fileformat.html, 1.3)."""
    if path.with_name(f"{FILE}-wal").exists():
        return False
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(_HEADER):
        return False  # it was never a database: SQLite says so
    size = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    return path.stat().st_size < (65_536 if size == 1 else size) * pages
