"""Reading: documents into passages, some ahead of whoever embeds them."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from stat import S_ISREG

from memgpt_autogen.sources.converter import Converters
from memgpt_autogen.sources.files import Document, printable
from memgpt_autogen.sources.labels import Origin
from memgpt_autogen.sources.passages import SPLITTER_VERSION, Text, passages_of
from memgpt_autogen.sources.readers import MOST_BYTES, UnreadableError, too_large

_WORKERS = max(1, min((os.cpu_count() or 1) - 1, 4))  # a core is left to the embedder
_AHEAD = 4  # documents a worker that wait to be embedded


@dataclass(frozen=True)
class Reading:
    """What reading one document came to: passages, or why not, or neither where it is unchanged.

    Attributes:
        digest: tells whether it has changed since.
        passages: each with its place in the document.
        reason: why it cannot be loaded.
        is_gone: it holds nothing now, so what was loaded of it before leaves.
    """

    label: str
    origin: Origin
    digest: str = ""
    title: str = ""
    passages: Sequence[tuple[str, str]] = ()
    reason: str = ""
    is_gone: bool = False

    @classmethod
    def of(cls, label: str, origin: Origin, digest: str, text: Text) -> Reading:
        """A text, in passages."""
        return cls(label, origin, digest, text.title, passages_of(text))


Job = Callable[[Converters], Reading]


def read_ahead(jobs: Sequence[Job]) -> Iterator[Reading]:
    """The readings of documents in their order, some of them made ahead in threads.

    What is no plain text is read by other processes, so that both cores have something to do.
    """
    waiting: deque[Future[Reading]] = deque()
    with closing(Converters(_WORKERS)) as converters:
        pool = ThreadPoolExecutor(_WORKERS + 1, "memgpt-read")
        try:
            for job in jobs:
                waiting.append(pool.submit(job, converters))
                if len(waiting) > _AHEAD * _WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            converters.close()  # so that no thread waits for one
            pool.shutdown(cancel_futures=True)


def file_job(document: Document, known: Mapping[str, str]) -> Job:
    """Reads a file, if it is other than when it was known by its digest."""
    return partial(_read_file, document, known.get(document.label))


def _read_file(document: Document, known: str | None, converters: Converters) -> Reading:
    origin = Origin(path=printable(document.path), named=document.named)
    try:
        data = content(document)
        found = digest(data)
        if found == known:
            return Reading(document.label, origin, found)
        return Reading.of(document.label, origin, found, converters.read(document.path, data))
    except UnreadableError as problem:
        return Reading(document.label, origin, reason=str(problem), is_gone=problem.is_empty)
    except OSError as problem:
        reason = f"it cannot be read ({problem.strerror or problem})"
        return Reading(document.label, origin, reason=reason)


def content(document: Document) -> bytes:
    """The bytes of a file.

    Raises:
        UnreadableError: it is none, or too large.
        OSError: it cannot be read.
    """
    about = document.path.stat()
    if not S_ISREG(about.st_mode):
        raise UnreadableError("it is no file (a pipe, a socket or a device)")
    if about.st_size > MOST_BYTES:
        raise too_large()
    return document.path.read_bytes()


def digest(data: bytes) -> str:
    """Tells whether bytes, or the way they are split into passages, have changed."""
    return f"{SPLITTER_VERSION}:{hashlib.sha256(data).hexdigest()}"
