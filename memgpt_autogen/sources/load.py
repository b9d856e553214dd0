"""Document sources: files loaded once, searched by every agent they are attached to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.settings import Settings
from memgpt_autogen.sources.files import Document, Found, find_documents
from memgpt_autogen.sources.labels import Labels, Origin
from memgpt_autogen.sources.passages import SPLITTER_VERSION, Text, passages_of
from memgpt_autogen.sources.readers import UnreadableError, read_document
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.store import MEMORY, Store, open_store, settled
from memgpt_autogen.storage.text import clean
from memgpt_autogen.values import Brief

_OWNER_SECONDS = 3.0  # another process may be at work on the index for a moment
_FEW = 5  # reasons that an error tells


@dataclass(frozen=True)
class SkippedFile:
    """A file that was not loaded, and why."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(frozen=True, repr=False)
class LoadedSource(Brief):
    """What loading a source came to.

    Attributes:
        loaded: labels of files that are new or had changed.
        unchanged: labels of files that were there already, as they are now.
        skipped: files that could not be loaded; what was loaded of them before stays.
        passages: how many the source has now.
        removed: labels of files that left the source, as they left their folder.
    """

    name: str
    loaded: tuple[str, ...]
    unchanged: tuple[str, ...]
    skipped: tuple[SkippedFile, ...]
    passages: int
    removed: tuple[str, ...] = ()


@checked
def load_source(
    name: str,
    paths: str | Path | Sequence[str | Path],
    *,
    memory: str | Path | Settings | None = None,
    embedder: Any = None,
    ignore: str | Sequence[str] = (),
    progress: Progress = lambda done, total: None,
    clock: Clock = local_now,
) -> LoadedSource:
    """Load files into a source, for `agent.attach(name)`.

    Text, Markdown, code and mail are read here, in any encoding; PDF, Word, HTML and others
    need the extra `documents`. A file that cannot be read is skipped and named. The tags of a
    passage are its file (the name, or the path from the folder given), the file's title where
    it has one, and the page.

    Loading a folder again takes in new files, replaces changed ones, and removes those that are
    no longer in it; what was loaded from elsewhere stays. A load that was killed is finished by
    the next one.

    Args:
        name: of the source; any text.
        paths: files and folders. Hidden files, and what a `.gitignore` names, are passed over.
        memory: where the agents' memory is; default `./.memgpt`.
        embedder: must be the one of the agents that it will be attached to.
        ignore: patterns as in a `.gitignore`, such as `"*.log"`.
        progress: is told the number of passages done and their total.
        clock: dates the passages.

    Raises:
        ConfigurationError: a path does not exist, or there is nothing that can be loaded.
        DirectoryLockedError: another process loads it.
        EmbedderMismatchError: the source was made with another embedder.
        StorageError: the storage cannot be used.
    """
    if not name.strip():
        raise ConfigurationError("a source needs a name.")
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found = find_documents(given, [ignore] if isinstance(ignore, str) else ignore)
    settings = settled(memory)
    location = settings.location
    if location == MEMORY:
        raise ConfigurationError(f"memory={MEMORY!r} ends with its agent: give a directory.")
    first: _Reading | None = None
    if name not in names_at(location, "sources"):  # read before it is made, maybe for nothing
        first = _Reading().read(Labels({}).of(found.documents), {})
        first.refuse_nothing(given)
    with _own_store(settings, name, embedder) as store:
        return _load(store, found, given, first, clock, progress)


@contextmanager
def _own_store(settings: Settings, name: str, embedder: Any) -> Iterator[Store]:
    with closing(
        open_store(
            settings.location, "sources", name, resolve_embedder(embedder), settings=settings
        )
    ) as store:
        if not store.own(_OWNER_SECONDS):
            assert store.ownership is not None
            raise DirectoryLockedError(
                f"the source {name!r} is being loaded by {store.ownership.owner}: let that end."
            )
        yield store


@dataclass
class _Reading:
    """What the files hold that are to be loaded."""

    texts: dict[str, tuple[Document, str, Text]] = field(default_factory=dict)
    unchanged: list[Document] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)

    def read(self, documents: Sequence[Document], known: Mapping[str, str]) -> _Reading:
        """Read what is other than when it was known by its digest."""
        for one in documents:
            try:
                data = one.path.read_bytes()
                digest = _digest(data)
                if known.get(one.label) == digest:
                    self.unchanged.append(one)
                else:
                    self.texts[one.label] = (one, digest, read_document(one.path, data))
            except UnreadableError as problem:
                self.skipped.append(SkippedFile(one.label, str(problem)))
                if problem.is_empty:
                    self.emptied.append(one.label)
            except OSError as problem:
                reason = f"it cannot be read ({problem.strerror or problem})"
                self.skipped.append(SkippedFile(one.label, reason))
        return self

    def refuse_nothing(self, given: Sequence[str | Path]) -> None:
        """Raise where there is nothing in it."""
        if self.texts or self.unchanged:
            return
        where = ", ".join(repr(str(path)) for path in given) or "[]"
        if not self.skipped:
            raise ConfigurationError(
                f"there is nothing to load in {where}: name files, or folders with files."
            )
        told = "; ".join(map(str, self.skipped[:_FEW]))
        more = f"; and {len(self.skipped) - _FEW} more" if len(self.skipped) > _FEW else ""
        raise ConfigurationError(f"nothing in {where} can be loaded: {told}{more}.")


def _load(
    store: Store,
    found: Found,
    given: Sequence[str | Path],
    first: _Reading | None,
    clock: Clock,
    progress: Progress,
) -> LoadedSource:
    known = store.state.values()
    labels = Labels(_origins(store), partial(_is_known, known))
    documents = labels.of(found.documents)
    reading = first if first and not known else _Reading().read(documents, known)
    gone = [*labels.gone(found.folders, documents), *(set(reading.emptied) & known.keys())]
    if not gone:
        reading.refuse_nothing(given)
    for label in gone:
        _remove(store, label)
    for one in reading.unchanged:
        if labels.origins.get(one.label) != _origin(one):
            store.state.put_aside(one.label, _origin(one).model_dump_json())
    texts = {label: passages_of(text) for label, (_, _, text) in reading.texts.items()}
    done, total = 0, sum(map(len, texts.values()))
    for label, passages in texts.items():
        document, digest, text = reading.texts[label]
        about = (clean(label), clean(text.title))
        now = clock()
        records = [
            Record(0, clean(part), now, tags=tuple(filter(None, (*about, place))))
            for part, place in passages
        ]
        _replace(store, document, digest, records)
        store.indexer.settle()
        done += len(passages)
        progress(done, total)
    store.written()
    return LoadedSource(
        store.name,
        loaded=tuple(texts),
        unchanged=tuple(one.label for one in reading.unchanged),
        skipped=tuple(reading.skipped),
        passages=len(store.archival),
        removed=tuple(gone),
    )


def _digest(data: bytes) -> str:
    return f"{SPLITTER_VERSION}:{hashlib.sha256(data).hexdigest()}"


def _is_known(known: Mapping[str, str], document: Document) -> bool:
    """Whether a file holds what was loaded under its label."""
    try:
        return known.get(document.label) == _digest(document.path.read_bytes())
    except OSError:
        return False


def _origin(document: Document) -> Origin:
    return Origin(path=str(document.path), named=document.named)


def _origins(store: Store) -> dict[str, Origin]:
    texts = {label: store.state.take_up(label) for label in store.state.aside()}
    return {label: Origin.model_validate_json(text) for label, text in texts.items() if text}


def _replace(store: Store, document: Document, digest: str, records: Sequence[Record]) -> None:
    """Put a file's passages in the place of those it had, in one transaction."""
    with store.journal.transaction():
        _take_out(store, document.label)
        store.archival.store(records)
        store.state.put({document.label: digest})
        store.state.put_aside(document.label, _origin(document).model_dump_json())


def _remove(store: Store, label: str) -> None:
    with store.journal.transaction():
        _take_out(store, label)
        store.state.remove(label)
        store.state.put_aside(label, None)


def _take_out(store: Store, label: str) -> None:
    """Delete the passages of a file: those whose first tag is its label."""
    table, tag = store.archival.table, clean(label)
    there = table.get(table.numbers(Where(tags=(tag,))))
    table.delete([number for number, record in there.items() if record.tags[0] == tag])
