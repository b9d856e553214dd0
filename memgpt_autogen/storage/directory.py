"""Where an agent's files lie, and the lock that keeps a second writer out.

    <location>/agents/<agent>/    chroma/  index.sqlite3  state.sqlite3  lock
    <location>/sources/<name>/    the same; the state names the files it was loaded from

With a Chroma server, `index.sqlite3` and `lock` lie in the user's cache directory.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
import weakref
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from memgpt_autogen.errors import DirectoryLockedError, StorageError
from memgpt_autogen.storage.address import DEFAULT_DATABASE, DEFAULT_TENANT, Server, is_server

CACHE_VARIABLE = "MEMGPT_AUTOGEN_CACHE"

Shelf = Literal["agents", "sources"]

_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")
_HASHED = re.compile(r".*-[0-9a-f]{10}")
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")  # by Windows


def folder_name(name: str) -> str:
    """A name for a folder and for collections: `name` itself where it is plain.

    Any other name becomes its plain letters with a hash, so that different names
    never share a folder, on file systems that ignore case either.
    """
    if _PLAIN.fullmatch(name) and not _HASHED.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", latin)[:21].strip("-")
    return f"{slug or 'x'}-{digest}"


def local_directory(location: str, shelf: Shelf, name: str) -> Path:
    """The directory of an agent or a source under a local location."""
    return Path(location).expanduser().resolve() / shelf / folder_name(name)


def server_directory(server: Server, shelf: Shelf, name: str, cache_dir: str | None) -> Path:
    """The directory for what lies beside a server: the index and the lock."""
    root = cache_dir or os.environ.get(CACHE_VARIABLE)
    base = Path(root).expanduser() if root else user_cache_path("memgpt-autogen", appauthor=False)
    place = f"{server.host}-{server.port}"
    if (server.tenant, server.database) != (DEFAULT_TENANT, DEFAULT_DATABASE):
        place += f"/{server.tenant}/{server.database}"
    return base.resolve() / "servers" / folder_name(place) / shelf / folder_name(name)


def agent_directory(location: str, name: str) -> Path:
    """The directory of an agent at a location of either kind; it can be open once."""
    if not is_server(location):
        return local_directory(location, "agents", name)
    return server_directory(Server.at(location), "agents", name, None)


class DirectoryLock:
    """Held while a directory is open for writing, in this process or another.

    Raises:
        DirectoryLockedError: it is held elsewhere.
        StorageError: the directory cannot be made or written.
    """

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(directory / "lock", thread_local=False)
            self._lock.acquire(blocking=False)
        except Timeout:
            here = directory in _held
            raise DirectoryLockedError(_locked(directory, here=here), here=here) from None
        except OSError as problem:
            raise StorageError(
                f"{directory} cannot be written: {problem}. Choose another directory with"
                " memory=, or mend its permissions."
            ) from problem
        self._directory = directory
        _held[directory] = self

    def release(self) -> None:
        """Let the next writer in; a second call does nothing."""
        if _held.get(self._directory) is self:
            del _held[self._directory]
        self._lock.release()


# The locks of this process, by directory.
_held: weakref.WeakValueDictionary[Path, DirectoryLock] = weakref.WeakValueDictionary()


def _locked(directory: Path, *, here: bool) -> str:
    first = (
        f"{directory} is open already in this process, by another agent object: use that one, or"
        " close it first (agent.close(), or `with`). To have two at a time, give them different"
        " names"
        if here
        else f"{directory} is open already in another process, and two writers would damage it."
        " Let that one end, or close its agent"
    )
    return (
        f"{first}, or share a Chroma server: run `chroma run --path"
        f' {directory.parent.parent / "server"}` and use memory="http://localhost:8000".'
    )
