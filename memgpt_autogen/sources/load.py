"""Document sources: files loaded once, searched by every agent they are attached to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.settings import Settings
from memgpt_autogen.sources.readers import (
    SPLITTER_VERSION,
    Document,
    find_documents,
    read_document,
    split,
)
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.store import MEMORY, Store, open_store, settled
from memgpt_autogen.storage.text import clean
from memgpt_autogen.values import Brief

_OWNER_SECONDS = 3.0  # another process may be at work on the index for a moment


@dataclass(frozen=True, repr=False)
class LoadedSource(Brief):
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


@checked
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
        DirectoryLockedError: another process loads it.
        EmbedderMismatchError: the source was made with another embedder.
        StorageError: the storage cannot be used.
    """
    if not name.strip():
        raise ConfigurationError("a source needs a name.")
    found = find_documents([paths] if isinstance(paths, str | Path) else list(paths))
    location = settled(memory).location
    if location == MEMORY:
        raise ConfigurationError(
            f"a source is loaded into a directory or onto a server: memory={MEMORY!r} ends with"
            " the agent that has it."
        )
    with closing(open_store(location, "sources", name, resolve_embedder(embedder))) as store:
        if not store.own(_OWNER_SECONDS):
            assert store.ownership is not None
            raise DirectoryLockedError(
                f"the source {name!r} is being loaded by {store.ownership.owner}: let that end."
            )
        return _load(store, *found, clock, progress)


def _load(
    store: Store,
    documents: Sequence[Document],
    skipped: Sequence[str],
    clock: Clock,
    progress: Progress,
) -> LoadedSource:
    saved = store.state.values()
    digests = {document.label: _digest(document) for document in documents}
    changed = [one for one in documents if saved.get(one.label) != digests[one.label]]
    texts = {one.label: split(clean(read_document(one.path))) for one in changed}
    total = sum(len(passages) for passages in texts.values())
    done = 0
    for label, passages in texts.items():
        _replace(store, label, passages, digests[label], clock)
        store.indexer.settle()
        done += len(passages)
        progress(done, total)
    store.written()
    return LoadedSource(
        store.name,
        loaded=tuple(texts),
        unchanged=tuple(label for label in digests if label not in texts),
        skipped=tuple(skipped),
        passages=len(store.archival),
    )


def _digest(document: Document) -> str:
    try:
        content = document.path.read_bytes()
    except OSError as problem:
        raise ConfigurationError(f"{document.label!r} cannot be read: {problem}.") from problem
    return f"{SPLITTER_VERSION}:{hashlib.sha256(content).hexdigest()}"


def _replace(store: Store, label: str, passages: Sequence[str], digest: str, clock: Clock) -> None:
    """Put a file's passages in the place of those it had, in one transaction."""
    tag, now = clean(label), clock()
    table = store.archival.table
    with store.journal.transaction():
        table.delete(table.numbers(Where(tags=(tag,))))
        store.archival.store([Record(0, passage, now, tags=(tag,)) for passage in passages])
        store.state.put({label: digest})
