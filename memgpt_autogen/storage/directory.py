"""Where an agent's files lie, by its name and the location of the memory.

    <location>/agents/<agent>/    journal.sqlite3  chroma/  step  lock  owner.json
    <location>/sources/<name>/    the same; the journal names the files it was loaded from
    <location>/shared/            journal.sqlite3  step: the blocks that agents share

With a Chroma server the journals lie in the user's cache directory.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_config_path

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.address import DEFAULT_DATABASE, DEFAULT_TENANT, Server, is_server

CACHE_VARIABLE = "MEMGPT_AUTOGEN_CACHE"
HOME_VARIABLE = "MEMGPT_AUTOGEN_HOME"

Section = Literal["agents", "sources", "shared"]

_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")
_HASHED = re.compile(r".*-[0-9a-f]{32}")
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")  # by Windows


def folder_name(name: str) -> str:
    """A name for a folder and for collections: `name` itself where it is plain.

    Any other name becomes its plain letters with a hash, so that different names
    never share a folder (128 bits of it), on file systems that ignore case either.
    """
    if _PLAIN.fullmatch(name) and not _HASHED.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", latin)[:21].strip("-")
    return f"{slug or 'x'}-{digest}"


def path_of(given: str | Path, argument: str) -> Path:
    """A path that a program gives as `argument`; `~` is the home directory.

    Raises:
        ConfigurationError: there can be no such path.
    """
    text = str(given)
    if not text.strip() or "\0" in text:
        raise ConfigurationError(f"{argument}={text!r} is no path: name a file or a directory.")
    try:
        return Path(given).expanduser()
    except RuntimeError as problem:  # ~somebody
        raise ConfigurationError(f"{argument}={text!r} is no path: {problem}") from problem


def home() -> Path:
    """The user's folder of personas, humans, presets and configuration; it may not exist yet."""
    given = os.environ.get(HOME_VARIABLE)
    return Path(given).expanduser() if given else user_config_path("memgpt-autogen", False)


def root_of(location: str) -> Path:
    """The directory of a local memory."""
    return path_of(location, "memory").resolve()


def local_directory(location: str, section: Section, name: str) -> Path:
    """The directory of an agent or a source under a local location."""
    return root_of(location) / section / folder_name(name)


def server_directory(server: Server, section: Section, name: str) -> Path:
    """The directory for what lies beside a server: the journal and the lock."""
    root = os.environ.get(CACHE_VARIABLE)
    base = Path(root).expanduser() if root else user_cache_path("memgpt-autogen", appauthor=False)
    place = f"{server.host}-{server.port}"
    if (server.tenant, server.database) != (DEFAULT_TENANT, DEFAULT_DATABASE):
        place += f"/{server.tenant}/{server.database}"
    return base.resolve() / "servers" / folder_name(place) / section / folder_name(name)


def agent_directory(location: str, name: str) -> Path:
    """The directory of an agent at a location of either kind; it can be open once."""
    if not is_server(location):
        return local_directory(location, "agents", name)
    return server_directory(Server.at(location), "agents", name)
