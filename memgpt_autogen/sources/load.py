"""Document sources: documents loaded once, searched by every agent they are attached to."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import ConfigurationError, DirectoryLockedError
from memgpt_autogen.events import Clock, local_now
from memgpt_autogen.settings import Settings
from memgpt_autogen.sources.bar import progress_bar
from memgpt_autogen.sources.files import Document, find_documents, printable
from memgpt_autogen.sources.labels import Labels, Origin
from memgpt_autogen.sources.readers import UnreadableError
from memgpt_autogen.sources.reading import Reading, content, digest, file_job, read_ahead
from memgpt_autogen.sources.remote.addresses import is_url, without_secrets
from memgpt_autogen.sources.remote.fetch import Limits, checked_url
from memgpt_autogen.sources.remote.pages import page_job
from memgpt_autogen.sources.writing import Writer
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.store import MEMORY, Store, open_store, settled
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
        loaded: labels of documents (files, web pages, rows) that are new or had changed.
        unchanged: labels of documents that were there already, as they are now.
        skipped: documents that could not be loaded; what was loaded of them before stays.
        passages: how many the source has now.
        removed: labels of documents that left the source, as they are no longer there.
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
    allow_private: bool = False,
    progress: Progress | None = None,
    clock: Clock = local_now,
) -> LoadedSource:
    """Load files and web pages into a source, for `agent.attach(name)`.

    Text, Markdown, code and mail are read in any encoding; PDF, Word, HTML, web pages and others
    need the extra `documents`. A document that cannot be read is skipped and named. The tags of
    a passage are its file (the name, or the path from the folder given) or its page's address,
    the title where there is one, and the page, slide or part.

    Loading again takes in new documents, replaces changed ones, and removes the files that are
    no longer in a folder, and the pages that their server no longer has; what was loaded from
    elsewhere stays. A load that was stopped or killed is finished by the next one.

    Args:
        name: of the source; any text.
        paths: files, folders, and addresses of web pages (`https://…`), which are fetched
            within 60 seconds and 50 MB each. Hidden files, and what a `.gitignore` names, are
            passed over.
        memory: where the agents' memory is; default `./.memgpt`.
        embedder: must be the one of the agents that it will be attached to.
        ignore: patterns as in a `.gitignore`, such as `"*.log"`.
        allow_private: web pages may come from this machine, and from others that are not in
            the public internet.
        progress: is told the number of passages done and their total, an estimate until all is
            read; default: a bar on standard error, where that is a terminal.
        clock: dates the passages.

    Raises:
        ConfigurationError: a path does not exist, an address cannot be fetched, or there is
            nothing that can be loaded.
        DirectoryLockedError: another process loads it.
        EmbedderMismatchError: the source was made with another embedder.
        StorageError: the storage cannot be used.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    what = _Paths(
        given,
        [ignore] if isinstance(ignore, str) else ignore,
        Limits(allow_private=allow_private),
    )
    return load_documents(name, what, memory, embedder, progress, clock)


Readings = Generator[Reading, None, None]


class Documents(Protocol):
    """What is to be loaded into a source.

    Attributes:
        where: names it in messages.
        count: how many documents there are; 0 where nobody knows.
    """

    where: str
    count: int

    def read(self, known: Mapping[str, str], origins: Mapping[str, Origin]) -> Readings:
        """What they hold, other than the source knows by their labels and digests."""
        ...

    def gone(self, origins: Mapping[str, Origin], seen: Collection[str]) -> Sequence[str]:
        """Of what the source has from there, the labels of what is not there any more."""
        ...


def load_documents(
    name: str,
    what: Documents,
    memory: str | Path | Settings | None,
    embedder: Any,
    progress: Progress | None,
    clock: Clock,
) -> LoadedSource:
    """Load documents into a source: as `load_source` says."""
    if not name.strip():
        raise ConfigurationError("a source needs a name.")
    settings = settled(memory)
    location = settings.location
    if location == MEMORY:
        raise ConfigurationError(f"memory={MEMORY!r} ends with its agent: give a directory.")
    with ExitStack() as opened:
        told = progress or opened.enter_context(progress_bar(f"loading {name}"))
        first: Iterator[Reading] | None = None
        if name not in names_at(location, "sources"):  # it is not made for nothing
            first = _begun(opened.enter_context(closing(what.read({}, {}))), what)
        store = opened.enter_context(_own_store(settings, name, embedder))
        writer = Writer(store, clock, told, what.count)
        if first is None or writer.known:
            first = opened.enter_context(closing(what.read(writer.known, writer.origins)))
        return _load(store, writer, first, what)


def _begun(readings: Iterator[Reading], what: Documents) -> Iterator[Reading]:
    """The readings, once there is something in them."""
    outcome, read = _Outcome(), []
    for one in readings:
        outcome.take(one)
        read.append(one)
        if one.passages:
            return chain(read, readings)
    raise outcome.nothing(what.where)


@contextmanager
def _own_store(settings: Settings, name: str, embedder: Any) -> Iterator[Store]:
    by, location = resolve_embedder(embedder), settings.location
    store = open_store(location, "sources", name, by, settings=settings)
    finish = True
    try:
        if not store.own(_OWNER_SECONDS):
            assert store.ownership is not None
            raise DirectoryLockedError(
                f"the source {name!r} is being loaded by {store.ownership.owner}: let that end."
            )
        yield store
    except KeyboardInterrupt:  # whoever stops it does not wait for what is left to embed
        finish = False
        raise
    finally:
        store.close(finish=finish)


@dataclass
class _Outcome:
    """What came of documents, by label."""

    loaded: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)

    def take(self, one: Reading) -> None:
        if one.passages:
            self.loaded.append(one.label)
        elif not one.reason:
            self.unchanged.append(one.label)
        else:
            self.skipped.append(SkippedFile(one.label, one.reason))
            self.emptied += [one.label] if one.is_gone else []

    def nothing(self, where: str) -> ConfigurationError:
        """What to say where nothing was loaded."""
        if not self.skipped:
            return ConfigurationError(
                f"there is nothing to load in {where}: name files, or folders with files."
            )
        told = "; ".join(map(str, self.skipped[:_FEW]))
        more = f"; and {len(self.skipped) - _FEW} more" if len(self.skipped) > _FEW else ""
        return ConfigurationError(f"nothing in {where} can be loaded: {told}{more}.")


def _load(
    store: Store, writer: Writer, readings: Iterator[Reading], what: Documents
) -> LoadedSource:
    outcome = _Outcome()
    for one in writer.take(readings):
        outcome.take(one)
    seen = {*outcome.loaded, *outcome.unchanged, *(one.file for one in outcome.skipped)}
    emptied = (label for label in outcome.emptied if label in writer.known)
    gone = [*what.gone(writer.origins, seen), *emptied]
    if not (outcome.loaded or outcome.unchanged or gone):
        raise outcome.nothing(what.where)
    writer.remove(gone)
    store.written()
    return LoadedSource(
        store.name,
        loaded=tuple(outcome.loaded),
        unchanged=tuple(outcome.unchanged),
        skipped=tuple(outcome.skipped),
        passages=len(store.archival),
        removed=tuple(gone),
    )


class _Paths:
    """Files, folders, and addresses of web pages."""

    def __init__(self, given: Sequence[str | Path], ignore: Sequence[str], limits: Limits) -> None:
        self._pages = [str(one) for one in given if is_url(one)]
        self._found = find_documents([one for one in given if not is_url(one)], ignore)
        self._limits = limits
        for page in self._pages:
            checked_url(page)
        shown = list(map(without_secrets, self._pages))
        if twice := next((one for one in shown if shown.count(one) > 1), None):
            raise ConfigurationError(f"{twice} is given twice, or with two secrets: give it once.")
        others = (str(one) for one in given if not is_url(one))
        self.where = ", ".join(map(repr, (*others, *shown))) or "[]"
        self.count = len(self._found.documents) + len(self._pages)
        self._gone: list[str] = []

    def read(self, known: Mapping[str, str], origins: Mapping[str, Origin]) -> Readings:
        labels = Labels(origins, self._found, partial(_is_known, known))
        documents = labels.documents()
        self._gone = labels.gone(documents)
        for folder, reason in self._found.closed.items():
            path = printable(folder)
            yield Reading(path, Origin(path=path), reason=f"it cannot be read ({reason})")
        yield from read_ahead(
            [
                *(file_job(one, known) for one in documents),
                *(page_job(page, known, origins, self._limits) for page in self._pages),
            ]
        )

    def gone(self, origins: Mapping[str, Origin], seen: Collection[str]) -> Sequence[str]:  # noqa: ARG002
        return self._gone


def _is_known(known: Mapping[str, str], document: Document) -> bool:
    """Whether a file holds what was loaded under its label."""
    try:
        return known.get(document.label) == digest(content(document))
    except (OSError, UnreadableError):
        return False
