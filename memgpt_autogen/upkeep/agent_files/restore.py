"""Restoring: an agent file's content, stored at a place where nothing of its agent is."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.blocks import PROGRAM
from memgpt_autogen.memory.sharing import home_of_blocks
from memgpt_autogen.memory.state import AgentState, PutAside, SavedState
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.address import without_credentials
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.blocks import BlockChange, BlockStore, BlockTable
from memgpt_autogen.storage.journal.where import EVERYTHING
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.store import MEMORY, Store, open_store
from memgpt_autogen.storage.tables import Tables
from memgpt_autogen.upkeep.agent_files.already import Already, OfShared
from memgpt_autogen.upkeep.agent_files.lines import Line
from memgpt_autogen.upkeep.agent_files.reader import AgentFile

_PART = 500  # texts stored at once
_OWNER_SECONDS = 3.0  # another process may be at work on the index for a moment


def restore(
    file: AgentFile,
    settings: Settings,
    embedder: Embedder,
    *,
    clock: Clock,
    shared: OfShared = "keep",
    progress: Progress = lambda done, total: None,
) -> None:
    """Store a file's memory where no agent of its name remembers anything yet.

    The agent is stored whole or not at all, after the shared blocks and archives that it needs;
    embedding goes on behind it. Killed midway, the next call finishes it.

    Args:
        file: as it was read.
        settings: their location is a directory or a server.
        embedder: computes the vectors.
        clock: dates edits of shared blocks that are there.
        shared: what becomes of shared things that are there and differ from the file's.
        progress: is told the number of texts stored and their total.

    Raises:
        ConfigurationError: an agent of that name remembers something there or is open in this
            program; with "refuse", something shared differs.
        DirectoryLockedError: another process has the agent.
        StorageError: the storage cannot be used.
    """
    location = settings.location
    if location == MEMORY:
        raise ConfigurationError("an agent file is restored to a directory or a server.")
    told = _Told(file.texts, progress)
    with (
        closing(open_store(location, "agents", file.agent, embedder, settings=settings)) as store,
        closing(home_of_blocks(location)) as home,
    ):
        _refuse_if_in_use(store, location)
        already = Already.at(location, file, home, embedder)
        _tell(already.differing, shared, without_credentials(location))
        for (kind, name), lines in groupby(file.lines(), key=attrgetter("part")):
            if kind == "state":
                _restore_agent(store.tables, lines, told)
            elif already.is_to_be_left(kind, name, shared):
                told.count(sum(line.kind == "passage" for line in lines))
            elif kind == "shared":
                _restore_block(home, list(lines), clock)
            else:
                _restore_source(settings, name, embedder, lines, told)
        store.written()


def _tell(differing: list[str], shared: OfShared, where: str) -> None:
    """Refuse what differs, or warn of what stays."""
    if differing and shared == "refuse":
        raise ConfigurationError(
            f"{', '.join(differing)}: at {where} already, and other than in the file. Nothing was"
            ' restored. partial_restore_shared="keep" lets the agent use what is there, "replace"'
            " puts the file's in its place."
        )
    for one in differing if shared == "keep" else ():
        warnings.warn(
            f"{one} is at {where} already and is left as it is there, not as in the file.",
            RuntimeWarning,
            stacklevel=5,
        )


def _refuse_if_in_use(store: Store, location: str) -> None:
    tables, where = store.tables, without_credentials(location)
    if (
        len(tables.recall)
        or len(tables.archival)
        or any(block.version > 1 for block in tables.blocks.load())
        or tables.state.items(str)
    ):
        raise ConfigurationError(
            f"{where} already holds the memory of an agent called {store.name!r}."
            f" Give another memory=, or move that agent's directory away: {store.directory}"
        )
    if store.users > 1:
        raise ConfigurationError(
            f"an agent called {store.name!r} is open at {where} in this program: close it first."
        )
    if not store.own(_OWNER_SECONDS):
        assert store.ownership is not None
        raise DirectoryLockedError(
            f"{store.name!r} at {where} is open in {store.ownership.owner}: close it there."
        )


@dataclass
class _Told:
    """Tells how many texts are done."""

    total: int
    progress: Progress
    done: int = 0

    def count(self, more: int) -> None:
        if more:
            self.done += more
            self.progress(self.done, self.total)


@dataclass
class _Records:
    """Stores records of one memory, in parts."""

    tables: Tables
    told: _Told
    kind: str = ""
    waiting: list[Record] = field(default_factory=list)
    passages: set[int] = field(default_factory=set)

    def take(self, line: Line) -> None:
        """Store what a line holds, if it is of records."""
        if line.kind not in ("message", "passage", "next"):
            return
        if line.kind != self.kind or len(self.waiting) >= _PART:
            self.flush()
        if line.kind == "next":
            table = self.tables.recall if line.of == "recall" else self.tables.archival
            table.skip_to(line.value)
        else:
            self.kind = line.kind
            self.waiting.append(line.value)

    def flush(self) -> None:
        part, self.waiting = self.waiting, []
        table = self.tables.recall if self.kind == "message" else self.tables.archival
        known = table.get([record.number for record in part])
        table.delete([one.number for one in part if known.get(one.number, one) != one])
        table.add(part)
        if self.kind == "passage":
            self.passages.update(record.number for record in part)
        self.told.count(len(part))


def _restore_agent(tables: Tables, lines: Iterable[Line], told: _Told) -> None:
    records = _Records(tables, told)
    state, queue = AgentState(), list[Any]()
    aside: dict[str, PutAside] = {}
    history: dict[str, list[BlockChange]] = {}
    with tables.journal.transaction() as connection:
        tables.blocks.clear()
        tables.state.clear()
        for line in lines:
            if line.kind == "state":
                state = line.value
            elif line.kind == "queue":
                queue.append(line.value)
            elif line.kind == "aside":
                aside[line.of] = line.value
            elif line.kind == "block":
                tables.blocks.restore(line.value)
            elif line.kind == "change":
                history.setdefault(line.of, []).append(line.value)
            records.take(line)
        records.flush()
        for name, changes in history.items():
            tables.blocks.restore_history(name, changes)
        saved = SavedState(tables)
        saved.values = state
        saved.save(connection, queue)
        for partner, own in aside.items():
            saved.put_aside(partner, own)


def _restore_block(home: BlockStore, lines: list[Line], clock: Clock) -> None:
    block = lines[0].value
    there = home.read(block.name)
    while there is not None:
        if home.swap(block.name, there.version, block.value, PROGRAM, clock()):
            return
        there = home.read(block.name)  # somebody was faster
    changes = [line.value for line in lines[1:]]
    if not isinstance(home, BlockTable):  # a server keeps no more than the latest versions
        home.create(block, PROGRAM, changes[-1].time if changes else clock())
        return
    with home.transaction():
        home.restore(block)
        home.restore_history(block.name, changes)


def _restore_source(
    settings: Settings, name: str, embedder: Embedder, lines: Iterable[Line], told: _Told
) -> None:
    with closing(
        open_store(settings.location, "sources", name, embedder, settings=settings)
    ) as store:
        tables = store.tables
        records = _Records(tables, told)
        with store.journal.transaction():
            tables.state.clear()
            for line in lines:
                if line.kind == "file":
                    tables.state.put({line.of: line.value})
                records.take(line)
            records.flush()
            others = set(tables.archival.numbers(EVERYTHING)) - records.passages
            tables.archival.delete(sorted(others))
        store.written()
