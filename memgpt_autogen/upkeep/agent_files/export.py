"""Export: an agent's memory as the lines of a file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.memory.state import SavedState
from memgpt_autogen.storage.directory import path_of
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.blocks import BlockStore
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.tables import Tables
from memgpt_autogen.upkeep.agent_files import lines
from memgpt_autogen.upkeep.agent_files.lines import written

if TYPE_CHECKING:
    from memgpt_autogen.engine.engine import Engine

_TOLD = 500  # texts between two words to `progress`


@dataclass(frozen=True)
class Memory:
    """What belongs to an agent, open.

    Attributes:
        tables: the agent's own.
        shared: where the blocks lie that agents share.
        sources: the attached sources and archives that are there, by name.
    """

    tables: Tables
    shared: BlockStore
    sources: Mapping[str, Tables] = field(default_factory=dict)


def memory_of(engine: Engine) -> Memory:
    """The memory of an open agent."""
    sources = {name: store.tables for name, store in engine.sources.stores.items()}
    return Memory(engine.store.tables, engine.shared.home(), sources)


def write_agent_file(
    path: str | Path,
    memory: Memory,
    *,
    include_sources: bool = False,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write an agent's memory to a file, whole or not at all.

    Raises:
        ConfigurationError: there is a directory of that name, or an attached source that is to
            be included is not there.
        StorageError: the file cannot be written.
    """
    file = path_of(path, "path")
    if file.is_dir():
        raise ConfigurationError(f"path={str(path)!r} is a directory: name a file in it.")
    saved = SavedState(memory.tables)
    names = saved.values.sources if include_sources else saved.values.archives
    gone = [name for name in names if name not in memory.sources]
    if include_sources and gone:
        raise ConfigurationError(
            f"the source {gone[0]!r} is attached and is not there, so it cannot be included: load"
            " it again, detach it, or leave include_sources away."
        )
    included = {name: memory.sources[name] for name in sorted(names) if name not in gone}
    stores = [memory.tables, *included.values()]
    total = sum(len(one.recall) + len(one.archival) for one in stores)
    _replace(file, _told(_all(memory, saved, included), total, progress))


def _all(memory: Memory, saved: SavedState, included: Mapping[str, Tables]) -> Iterator[bytes]:
    head = {"format": lines.FORMAT, "version": lines.VERSION, "agent": memory.tables.name}
    yield lines.as_bytes(head)
    for name, tables in included.items():
        yield written("source", {"writable": name in saved.values.archives}, name)
        yield from records(tables.archival)
        for label, digest in sorted(tables.state.values().items()):
            yield written("file", digest, label)
        yield written("next", tables.archival.next, "archival")
    for name in sorted(link.name for link in saved.values.shared_blocks):
        block = memory.shared.read(name)
        if block is not None:
            yield written("shared", asdict(block))
            yield from _changes(memory.shared, name)
    yield from _own(memory.tables, saved)


def _own(tables: Tables, saved: SavedState) -> Iterator[bytes]:
    yield written("state", lines.of_state(saved.values))
    for entry in saved.entries:
        yield written("queue", lines.of_entry(entry))
    for partner in saved.partners():
        yield written("aside", lines.of_aside(saved.take_up(partner)), partner)
    for block in tables.blocks.load():
        yield written("block", asdict(block))
    for name in tables.blocks.changed():
        yield from _changes(tables.blocks, name)
    for table in (tables.recall, tables.archival):
        yield from records(table)
        yield written("next", table.next, table.kind.name)


def _changes(blocks: BlockStore, name: str) -> Iterator[bytes]:
    for change in blocks.history(name):
        yield written("change", lines.of_change(change), name)


def records(table: RecordTable) -> Iterator[bytes]:
    """The lines of all messages, or of all passages."""
    kind = table.kind
    for record in table.everything():
        yield written("message" if kind.dialogue else "passage", lines.of_record(kind, record))


def _told(content: Iterable[bytes], total: int, progress: Progress) -> Iterator[bytes]:
    done = 0
    for line in content:
        yield line
        if line.startswith((b'{"kind":"message"', b'{"kind":"passage"')):
            done += 1
            if done % _TOLD == 0 or done == total:
                progress(done, total)


def _replace(path: Path, content: Iterable[bytes]) -> None:
    """Write a file beside the old one and swap them; only its owner may read it."""
    temporary: str | None = None
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            for line in content:
                digest.update(line)
                file.write(line)
            file.write(lines.as_bytes({"kind": "end", "value": digest.hexdigest()}))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = None
    except OSError as problem:
        raise StorageError(
            f"the agent file {path} cannot be written: {problem}. Choose another path."
        ) from problem
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
