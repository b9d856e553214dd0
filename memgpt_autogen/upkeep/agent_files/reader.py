"""Reader: an agent file of this version or an earlier one, looked through before it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memgpt_autogen.errors import ConfigurationError, StateFormatError
from memgpt_autogen.memory.state import first_problem
from memgpt_autogen.storage.directory import path_of
from memgpt_autogen.storage.journal.blocks import StoredBlock
from memgpt_autogen.storage.record import ARCHIVAL, Record
from memgpt_autogen.upkeep.agent_files import earlier
from memgpt_autogen.upkeep.agent_files.lines import (
    FORMAT,
    PARTS,
    VERSION,
    Line,
    as_bytes,
    of_record,
    typed,
)


@dataclass(frozen=True)
class AgentFile:
    """A file that was read to its end and found whole.

    Attributes:
        version: of its format.
        agent: the agent's name.
        texts: how many messages and passages are in it.
        shared_blocks: those in it, by name.
        sources: digests of the passages of each source and archive in it, by name.
    """

    path: Path
    version: int
    agent: str
    texts: int
    shared_blocks: Mapping[str, StoredBlock]
    sources: Mapping[str, str]

    def lines(self) -> Iterator[Line]:
        """Its lines, read anew.

        Raises:
            StateFormatError: it is damaged.
        """
        return _lines(self.path, _opened(self.path))


def read_agent_file(path: str | Path) -> AgentFile:
    """Read an agent file to its end.

    Raises:
        StateFormatError: it is no agent file, damaged, or of a version this code cannot read.
        ConfigurationError: there is no such file.
    """
    file = path_of(path, "path")
    head = _opened(file)
    blocks: dict[str, StoredBlock] = {}
    digests: dict[str, Any] = {}
    texts = 0
    state = False
    for line in _lines(file, head):
        texts += line.kind in ("message", "passage")
        state = state or line.kind == "state"
        if line.kind == "shared":
            blocks[line.value.name] = line.value
        elif line.kind == "source":
            digests[line.of] = hashlib.sha256()
        elif line.kind == "passage" and line.part[0] == "source":
            digests[line.part[1]].update(digested(line.value))
    if not state:
        raise _damaged(file, "the agent's state is missing")
    return AgentFile(
        file,
        head["version"],
        head["agent"],
        texts,
        blocks,
        {name: digest.hexdigest() for name, digest in digests.items()},
    )


def digested(record: Record) -> bytes:
    """A passage as it counts in the digest of its source."""
    return as_bytes(of_record(ARCHIVAL, record))


def _opened(file: Path) -> Any:
    """What a file says of itself in its first line; of an earlier version, the whole of it."""
    try:
        with file.open("rb") as opened:
            first = _parsed(opened.readline())
            if not (isinstance(first, dict) and "format" in first):
                first = _parsed(file.read_bytes())
    except OSError as problem:
        raise ConfigurationError(
            f"the agent file {str(file)!r} cannot be read: {problem}."
        ) from problem
    kind = first.get("format") if isinstance(first, dict) else None
    version = first.get("version") if isinstance(first, dict) else None
    if kind not in (FORMAT, earlier.FORMAT) or type(version) is not int:
        raise StateFormatError(
            f"{str(file)!r} is no agent file of memgpt-autogen: give a file that"
            " agent.checkpoint wrote."
        )
    if version > (VERSION if kind == FORMAT else earlier.VERSION):
        raise StateFormatError(
            f"{str(file)!r} is an agent file of version {version}, and this version of"
            f" memgpt-autogen reads up to version {VERSION}: install a newer memgpt-autogen."
        )
    if not isinstance(first.get("agent"), str):
        raise _damaged(file, "agent: the name is missing")
    return first


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(file: Path, head: dict[str, Any]) -> Iterator[Line]:
    """The lines of a file, typed, to the end, where its hash is compared."""
    part, where = ("", ""), "the file"
    raw = _read(file) if head["format"] == FORMAT else earlier.lines_of(head)
    try:
        for where, one in raw:  # noqa: B007 - told below
            kind, of = one["kind"], one.get("of", "")
            value = typed(kind, one["value"])
            if kind in PARTS:
                part = (kind, value.name if kind == "shared" else of)
            yield Line(kind, value, of, part)
    except StateFormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise _damaged(file, f"{where}: {first_problem(problem)}") from problem


def _read(file: Path) -> Iterator[tuple[str, Any]]:
    digest = hashlib.sha256()
    number, ended = 0, False
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            if ended:
                raise _damaged(file, f"line {number} stands behind its end")
            one = _parsed(line)
            if not isinstance(one, dict) or not line.endswith(b"\n"):
                raise _damaged(file, f"line {number} is not whole")
            if one.get("kind") == "end":
                ended = True
                if one.get("value") != digest.hexdigest():
                    raise _damaged(file, "it is not as it was written: its hash is another one")
                continue
            digest.update(line)
            if number > 1:
                yield f"line {number}", one
    if not ended:
        raise _damaged(file, f"it was cut off behind line {number}")


def _damaged(file: Path, why: str) -> StateFormatError:
    return StateFormatError(
        f"the agent file {str(file)!r} is damaged: {why}. Take another copy; nothing was restored."
    )
