"""Checkpoints: all that an agent remembers, in one versioned JSON file.

A checkpoint holds what was said and written, never a key and never `llm_config`.
Vectors are left out: they are computed anew, by any embedder.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from memgpt_autogen.engine.build import Mind
from memgpt_autogen.engine.state import AgentState
from memgpt_autogen.errors import ConfigurationError, StateFormatError, StorageError
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.archival import ArchivalStorage, Passage
from memgpt_autogen.memory.recall import Message, RecallStorage
from memgpt_autogen.storage.store import Database, open_database
from memgpt_autogen.storage.vectors.chroma import Progress
from memgpt_autogen.storage.embedders.embedder import Embedder

FORMAT = "memgpt-autogen checkpoint"
VERSION = 1


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class StoredMessage(_Value):
    """A message of recall storage."""

    id: str
    text: str
    speaker: str
    timestamp: datetime


class StoredPassage(_Value):
    """A passage of archival storage; those of attached sources are left out."""

    id: str
    text: str
    tags: tuple[str, ...] = ()
    timestamp: datetime


class Checkpoint(_Value):
    """A checkpoint's content.

    Attributes:
        created: when it was written.
        embedder: the id of the embedder that the agent used; for information.
    """

    format: Literal["memgpt-autogen checkpoint"] = "memgpt-autogen checkpoint"
    version: Literal[1] = 1
    agent: str
    created: datetime
    embedder: str
    state: AgentState
    messages: tuple[StoredMessage, ...]
    passages: tuple[StoredPassage, ...]


class _Header(BaseModel):
    format: str
    version: int


def write_checkpoint(path: str | Path, mind: Mind) -> None:
    """Write an agent's memory to a file, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    mind.queue.settle()
    mind.queue.save()
    workspace = mind.workspace
    checkpoint = Checkpoint(
        agent=mind.identity.name,
        created=workspace.clock(),
        embedder=workspace.archival.store.embedder.model_id,
        state=mind.queue.state,
        messages=tuple(
            StoredMessage(id=m.id, text=m.text, speaker=m.speaker, timestamp=m.timestamp)
            for m in workspace.recall.everything()
        ),
        passages=tuple(
            StoredPassage(id=p.id, text=p.text, tags=p.tags, timestamp=p.timestamp)
            for p in workspace.archival.everything()
        ),
    )
    _replace(Path(path).expanduser(), checkpoint.model_dump_json(indent=1))


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        StateFormatError: it is no checkpoint, or of a version this code cannot read.
        ConfigurationError: there is no such file.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise _no_checkpoint(path) from problem
    except OSError as problem:
        raise ConfigurationError(
            f"the checkpoint {str(path)!r} cannot be read: {problem}."
        ) from problem
    try:
        header = _Header.model_validate_json(text)
    except ValidationError as problem:
        raise _no_checkpoint(path) from problem
    if header.format != FORMAT:
        raise _no_checkpoint(path)
    if header.version != VERSION:
        raise StateFormatError(
            f"{str(path)!r} is a checkpoint of version {header.version}, and this version of"
            f" memgpt-autogen reads version {VERSION}: install a newer memgpt-autogen."
        )
    try:
        return Checkpoint.model_validate_json(text)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StateFormatError(
            f"the checkpoint {str(path)!r} is damaged: {place}: {first['msg']}. Take another copy."
        ) from problem


def restore(
    checkpoint: Checkpoint,
    location: str,
    embedder: Embedder,
    *,
    clock: Clock,
    progress: Progress = lambda done, total: None,
) -> None:
    """Store a checkpoint's memory where no agent of its name remembers anything yet.

    Vectors are computed anew, in batches. Killed midway, calling it again finishes it.
    `progress` is told the number of texts done and their total.

    Raises:
        ConfigurationError: an agent of that name remembers something there.
        DirectoryLockedError: it is open.
        StorageError: the storage cannot be used.
    """
    messages = [Message(m.id, m.text, m.speaker, m.timestamp) for m in checkpoint.messages]
    passages = [Passage(p.id, p.text, p.tags, p.timestamp) for p in checkpoint.passages]
    total = len(messages) + len(passages)
    with contextlib.closing(open_database(location, checkpoint.agent)) as database:
        recall = RecallStorage(database, embedder, clock=clock)
        archival = ArchivalStorage(database, embedder, clock=clock)
        if _remembers(database, recall, archival, messages, passages):
            raise ConfigurationError(
                f"{location} already holds the memory of an agent called {checkpoint.agent!r}."
                " Give another memory=, or move that agent's directory away:"
                f" {database.directory}"
            )
        recall.write(messages, lambda done, _: progress(done, total))
        archival.write(passages, lambda done, _: progress(len(messages) + done, total))
        database.state.save(checkpoint.state.to_json())  # last: it marks the memory as whole


def _remembers(
    database: Database,
    recall: RecallStorage,
    archival: ArchivalStorage,
    messages: list[Message],
    passages: list[Passage],
) -> bool:
    """Whether something is stored that is not the beginning of this same restoration."""
    if not len(recall) and not len(archival):
        return False
    if database.state.load() is not None:
        return True
    known = {*_keys(iter(messages)), *_keys(iter(passages))}
    stored = [*_keys(recall.everything()), *_keys(archival.everything())]
    return not known.issuperset(stored)


def _keys(items: Iterator[Message] | Iterator[Passage]) -> Iterator[tuple[str, str]]:
    return ((item.id, item.text) for item in items)


def _replace(path: Path, text: str) -> None:
    """Write a file beside the old one and swap them; only its owner may read it."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = None
    except OSError as problem:
        raise StorageError(
            f"the checkpoint {path} cannot be written: {problem}. Choose another path."
        ) from problem
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _no_checkpoint(path: str | Path) -> StateFormatError:
    return StateFormatError(
        f"{str(path)!r} is no checkpoint of memgpt-autogen: give a file that"
        " agent.checkpoint wrote."
    )
