"""Document sources: files loaded once, searched by every agent they are attached to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from memgpt_autogen.errors import ConfigurationError, StateFormatError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.settings import Settings, settings_of
from memgpt_autogen.sources.readers import (
    SPLITTER_VERSION,
    Document,
    find_documents,
    read_document,
    split,
)
from memgpt_autogen.storage.catalog import shared_source
from memgpt_autogen.storage.chroma import Database
from memgpt_autogen.storage.embedding import resolve_embedder
from memgpt_autogen.storage.hybrid import HybridStore
from memgpt_autogen.storage.lexical import Where
from memgpt_autogen.storage.record import ARCHIVAL, Record
from memgpt_autogen.storage.text import clean

Progress = Callable[[int, int], None]


class SourceState(BaseModel):
    """A source's state record: its name, and a digest of every file that was loaded."""

    format: Literal["memgpt-autogen source"] = "memgpt-autogen source"
    version: Literal[1] = 1
    name: str
    files: dict[str, str] = {}


@dataclass(frozen=True)
class LoadedSource:
    """What loading a source came to.

    Attributes:
        loaded: labels of files that are new or had changed.
        unchanged: labels of files that were there already, as they are now.
        skipped: files of folders that nothing here reads.
        passages: how many the source has now.
    """

    name: str
    loaded: tuple[str, ...]
    unchanged: tuple[str, ...]
    skipped: tuple[str, ...]
    passages: int


def load_source(
    name: str,
    paths: str | Path | Sequence[str | Path],
    *,
    memory: str | Path | Settings | None = None,
    embedder: Any = None,
    progress: Progress = lambda done, total: None,
    clock: Clock = local_now,
) -> LoadedSource:
    """Load files into a source, for `agent.attach(name)`.

    Text and Markdown are read here; PDF, Word, HTML and others need the extra
    `documents`. Each passage is tagged with its file: the name, or the path from the
    folder given. Loading again takes in new files and replaces changed ones; files
    that are gone stay. A load that was killed is finished by the next one.

    Args:
        name: of the source; any text.
        paths: files and folders.
        memory: where the agents' memory is; default `./.memgpt`.
        embedder: must be the one of the agents that it will be attached to.
        progress: is told the number of passages done and their total.
        clock: dates the passages.

    Raises:
        ConfigurationError: a path cannot be loaded, or there is nothing to load.
        DirectoryLockedError: another process has the source open.
        EmbedderMismatchError: the source was made with another embedder.
        StorageError: the storage cannot be used.
    """
    if not name.strip():
        raise ConfigurationError("a source needs a name.")
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    documents, skipped = find_documents(given)
    if not documents:
        raise ConfigurationError(
            f"there is nothing to load in {', '.join(repr(str(path)) for path in given) or '[]'}:"
            " name text files, Markdown files, or folders with such files."
        )
    found = resolve_embedder(embedder)
    with shared_source(settings_of(memory).location, name) as database:
        state = _state(database)
        digests = {document.label: _digest(document) for document in documents}
        changed = [one for one in documents if state.files.get(one.label) != digests[one.label]]
        texts = {one.label: split(clean(read_document(one.path))) for one in changed}
        store = database.store(ARCHIVAL, found)
        total = sum(len(passages) for passages in texts.values())
        done = 0
        for label, passages in texts.items():
            _replace(store, label, passages, clock, _shifted(progress, done, total))
            done += len(passages)
            state.files[label] = digests[label]
            database.state.save(state.model_dump_json())
        return LoadedSource(
            name,
            loaded=tuple(texts),
            unchanged=tuple(label for label in digests if label not in texts),
            skipped=tuple(skipped),
            passages=len(store),
        )


def _state(database: Database) -> SourceState:
    saved = database.state.load()
    if saved is None:
        return SourceState(name=clean(database.name))
    try:
        return SourceState.model_validate_json(saved)
    except ValidationError as problem:
        raise StateFormatError(
            f"the source {database.name!r} was loaded by another version of memgpt-autogen:"
            " load its files as a source of another name."
        ) from problem


def _digest(document: Document) -> str:
    try:
        content = document.path.read_bytes()
    except OSError as problem:
        raise ConfigurationError(f"{document.label!r} cannot be read: {problem}.") from problem
    return f"{SPLITTER_VERSION}:{hashlib.sha256(content).hexdigest()}"


def _replace(
    store: HybridStore, label: str, passages: Sequence[str], clock: Clock, progress: Progress
) -> None:
    """Put a file's passages in the place of those it had, also of a load that was killed."""
    tag = clean(label)
    store.delete(store.table.numbers(Where(tags=(tag,))))
    now = clock()
    store.write(
        [Record(store.take_number(), passage, now, tags=(tag,)) for passage in passages], progress
    )


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, of: progress(before + done, total)
