"""Checkpoints: all that an agent remembers, in one versioned JSON file.

A checkpoint holds what was said and written, never a key and never `llm_config`.
Vectors are left out: they are computed anew, by any embedder.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.errors import ConfigurationError, StateFormatError, StorageError
from memgpt_autogen.events import Clock, Message
from memgpt_autogen.memory.archival import ArchivalStorage, Passage
from memgpt_autogen.memory.blocks import PROGRAM
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.memory.sharing import home_of_blocks
from memgpt_autogen.memory.state import AgentState, Entry, PutAside, SavedState, first_problem
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.directory import path_of
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.blocks import BlockChange, StoredBlock
from memgpt_autogen.storage.store import MEMORY, Store, open_store
from memgpt_autogen.upkeep.migrate import from_version_1

FORMAT = "memgpt-autogen checkpoint"
VERSION = 2
_PART = 500  # texts stored at once


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class KeptBlock(_Value):
    """A block of core memory with its history."""

    block: StoredBlock
    history: tuple[BlockChange, ...] = ()


class KeptArchive(_Value):
    """A shared archive that the agent may write to."""

    name: str
    passages: tuple[Passage, ...]


class Checkpoint(_Value):
    """A checkpoint's content.

    Attributes:
        created: when it was written.
        embedder: the id of the embedder that the agent used; for information.
        blocks: the agent's own.
        shared_blocks: the attached ones, as they were.
        aside: queues of further partners, where they are kept apart.
        passages: the agent's own; attached documents are named in the state.
        archives: the attached archives that the agent may write to.
    """

    format: Literal["memgpt-autogen checkpoint"] = "memgpt-autogen checkpoint"
    version: Literal[2] = 2
    agent: str
    created: datetime
    embedder: str
    state: AgentState
    queue: tuple[Entry, ...]
    aside: dict[str, PutAside] = {}
    blocks: tuple[KeptBlock, ...]
    messages: tuple[Message, ...]
    passages: tuple[Passage, ...]
    shared_blocks: tuple[StoredBlock, ...] = ()
    archives: tuple[KeptArchive, ...] = ()


def write_checkpoint(path: str | Path, engine: Engine) -> None:
    """Write an agent's memory to a file, whole or not at all.

    Raises:
        ConfigurationError: there is a directory of that name.
        StorageError: the file cannot be written.
    """
    file = path_of(path, "path")
    if file.is_dir():
        raise ConfigurationError(f"path={str(path)!r} is a directory: name a file in it.")
    engine.queue.save()
    work, store = engine.workspace, engine.store
    shared = [engine.shared.home().read(link.name) for link in engine.queue.state.shared_blocks]
    checkpoint = Checkpoint(
        agent=engine.identity.name,
        created=work.clock(),
        embedder=store.embedder.model_id,
        state=engine.queue.state,
        queue=tuple(engine.queue.context.entries),
        aside={one: engine.queue.saved.take_up(one) for one in engine.queue.saved.partners()},
        blocks=tuple(
            KeptBlock(block=block, history=tuple(store.blocks.history(block.name)))
            for block in store.blocks.load()
        ),
        messages=tuple(work.recall.everything()),
        passages=tuple(work.archival.everything()),
        shared_blocks=tuple(block for block in shared if block is not None),
        archives=tuple(
            KeptArchive(name=place.source, passages=tuple(place.everything()))
            for place in work.archival.places()
            if place.source is not None
        ),
    )
    _replace(file, checkpoint.model_dump_json(indent=1))


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint of this version or of an earlier one.

    Raises:
        StateFormatError: it is no checkpoint, or of a version this code cannot read.
        ConfigurationError: there is no such file.
    """
    file = path_of(path, "path")
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ConfigurationError(
            f"the checkpoint {str(path)!r} cannot be read: {problem}."
        ) from problem
    except ValueError as problem:
        raise _no_checkpoint(path) from problem
    version = content.get("version") if isinstance(content, dict) else None
    if version is None or content.get("format") != FORMAT or not isinstance(version, int):
        raise _no_checkpoint(path)
    if version > VERSION:
        raise StateFormatError(
            f"{str(path)!r} is a checkpoint of version {version}, and this version of"
            f" memgpt-autogen reads up to version {VERSION}: install a newer memgpt-autogen."
        )
    try:
        return Checkpoint.model_validate(from_version_1(content) if version == 1 else content)
    except (ValidationError, KeyError, TypeError, AttributeError) as problem:
        raise StateFormatError(
            f"the checkpoint {str(path)!r} is damaged: {first_problem(problem)}. Take another copy."
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

    It is stored whole or not at all. Embedding goes on behind it. Shared blocks and archives
    come along where the location has none of their name; what is there is left as it is, and
    told by a warning. `progress` is told the number of texts stored and their total.

    Raises:
        ConfigurationError: an agent of that name remembers something there.
        StorageError: the storage cannot be used.
    """
    if location == MEMORY:
        raise ConfigurationError("a checkpoint is restored to a directory or a server.")
    with contextlib.closing(open_store(location, "agents", checkpoint.agent, embedder)) as store:
        if len(store.recall) or len(store.archival):
            raise ConfigurationError(
                f"{location} already holds the memory of an agent called {checkpoint.agent!r}."
                " Give another memory=, or move that agent's directory away:"
                f" {store.directory}"
            )
        _restore_shared(checkpoint, location, embedder, clock)
        _fill(store, checkpoint, clock, progress)
        store.written()


def _fill(store: Store, checkpoint: Checkpoint, clock: Clock, progress: Progress) -> None:
    total = len(checkpoint.messages) + len(checkpoint.passages)
    done = 0
    with store.journal.transaction() as connection:
        for tier, items in (
            (RecallStorage(store.recall, clock=clock), checkpoint.messages),
            (ArchivalStorage(store.archival, clock=clock), checkpoint.passages),
        ):
            for at in range(0, len(items), _PART):
                done += len(tier.put(items[at : at + _PART]))  # type: ignore[arg-type]
                progress(done, total)
        for old in store.blocks.load():
            store.blocks.remove(old.name)
        for kept in checkpoint.blocks:
            store.blocks.create(kept.block, PROGRAM, checkpoint.created)
            store.blocks.restore_history(kept.block.name, list(kept.history))
        saved = SavedState(store.tables)
        saved.values = checkpoint.state
        saved.save(connection, checkpoint.queue)
        for partner, own in checkpoint.aside.items():
            saved.put_aside(partner, own)


def _restore_shared(
    checkpoint: Checkpoint, location: str, embedder: Embedder, clock: Clock
) -> None:
    with contextlib.closing(home_of_blocks(location)) as home:
        for block in checkpoint.shared_blocks:
            there = home.read(block.name)
            if there is None:
                home.create(block, PROGRAM, checkpoint.created)
            elif there.value != block.value:
                _warn(f"the shared block {block.name!r}", location)
    names = names_at(location, "sources")
    for archive in checkpoint.archives:
        with contextlib.closing(open_store(location, "sources", archive.name, embedder)) as store:
            if archive.name in names:
                _warn(f"the shared archive {archive.name!r}", location)
            else:
                passages = ArchivalStorage(store.archival, clock=clock, source=archive.name)
                passages.write(archive.passages)


def _warn(what: str, location: str) -> None:
    warnings.warn(
        f"{what} is at {location} already and was left as it is there, not as in the checkpoint.",
        RuntimeWarning,
        stacklevel=4,
    )


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
