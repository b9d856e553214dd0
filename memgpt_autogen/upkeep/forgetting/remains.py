"""Remains: what is found of a speaker after they were forgotten, in every tier and file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.memory.archival import Passage
from memgpt_autogen.storage.text import clean
from memgpt_autogen.upkeep.forgetting.distinctive import normalised
from memgpt_autogen.upkeep.forgetting.titles import titles
from memgpt_autogen.upkeep.forgetting.traces import Traces, texts_of

_CHUNK_BYTES = 1 << 22
_PROBE_BYTES = 400  # a longer text may lie in pieces, on several pages of a file
_LEAST_BYTES = 7  # shorter ones stand in any file by chance
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # makes a hash of eight bytes, in its highest bits

Tier = Literal[
    "core memory", "history", "queue", "summary", "recall", "archival", "chats", "schedules",
    "search", "file",
]  # fmt: skip


@dataclass(frozen=True)
class Remnant:
    """Something of a speaker's that is still there.

    Attributes:
        tier: where it stands. `history` is that of core memory, `chats` are the names and titles
            by which chats are known, `search` means that an erased record is still found.
        place: the id of a message or passage, the name of a block or chat, a place in the
            queue, or a file's path from the folder around it.
        parts: what stands there: the speaker's name, texts, or distinctive parts of them, in
            small letters and without what groups digits.
    """

    tier: Tier
    place: str
    parts: tuple[str, ...]


def remains(
    traces: Traces, engine: Engine, may_come: Callable[[Passage], bool]
) -> Iterator[Remnant]:
    """All that is left, in every tier and in the files.

    Args:
        traces: by what it is known.
        engine: of the memory; nobody else uses it.
        may_come: whether a passage of a source that the agent only reads may come from the
            speaker.
    """
    for tier, place, texts in _texts(engine, may_come):
        parts = dict.fromkeys(one for text in texts for one in traces.of(text))
        if parts:
            yield Remnant(tier, place, tuple(parts))
    shared = [store.directory for store in engine.sources.writable()]
    for directory in filter(None, (engine.store.directory, *shared, engine.shared.directory)):
        for path, found in files_with(directory, probes_of(traces)):
            yield Remnant("file", path.relative_to(directory.parent).as_posix(), (found,))


def _texts(
    engine: Engine, may_come: Callable[[Passage], bool]
) -> Iterator[tuple[Tier, str, Iterable[str]]]:
    work, queue = engine.workspace, engine.queue
    for block in work.core:
        yield "core memory", block.name, (block.name, block.value)
        for change in work.core.history(block.name):
            yield "history", f"{block.name} {change.version}", (change.before, change.after)
    for message in work.recall.everything():
        yield "recall", message.id, (message.text,)
    for storage in work.archival.everywhere():
        is_read_only = storage not in work.archival.places()
        for passage in storage.everything():
            if not is_read_only or may_come(passage):
                place = " ".join(filter(None, (storage.source, passage.id)))
                yield "archival", place, (passage.text, *passage.tags)
    for partner, own in queue.partners.all():
        for at, entry in enumerate(own.queue):
            yield "queue", f"{partner} {at}".strip(), texts_of(entry)
        yield "summary", partner, (own.summary,)
    yield from _of_state(engine)


def _of_state(engine: Engine) -> Iterator[tuple[Tier, str, Iterable[str]]]:
    queue = engine.queue
    for chat in sorted({*queue.state.chats, *queue.saved.partners(), *titles(engine)}):
        yield "chats", chat, (chat,)
    for schedule in queue.state.schedules:
        yield "schedules", schedule.name, (schedule.name, schedule.text)


# --- files ---------------------------------------------------------------------------


def probes_of(traces: Traces) -> set[bytes]:
    """Texts and identifiers as files may hold them: as they were said, or in JSON."""
    texts = [*traces.originals]
    for form, part in traces.parts.items():
        texts += [form, part.spelled] if part.identifies else []
    found = set[bytes]()
    for text in map(clean, texts):
        spellings = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        for one in (*spellings, normalised(text)):
            found.add(one.encode()[:_PROBE_BYTES].lower())
    return {one for one in found if len(one) >= _LEAST_BYTES}


def files_with(directory: Path, probes: set[bytes]) -> Iterator[tuple[Path, str]]:
    """The files below a directory whose bytes hold one of the probes in any case, and which."""
    needles = _Needles(sorted(probes))
    for path in sorted(directory.rglob("*")) if probes else ():
        found = needles.found_in(path) if path.is_file() else None
        if found is not None:
            yield path, found.decode(errors="replace")


class _Needles:
    """Looks for many byte strings at once: first for eight bytes of each, by their hash."""

    def __init__(self, probes: Sequence[bytes]) -> None:
        self._short = [one for one in probes if len(one) < 8]
        self._long: dict[int, list[tuple[int, bytes]]] = {}
        for one in probes:
            if len(one) >= 8:
                middle = (len(one) - 8) // 2
                key = int.from_bytes(one[middle : middle + 8], "little")
                self._long.setdefault(key, []).append((middle, one))
        self._table = np.zeros(1 << 16, dtype=bool)
        keys = np.array(list(self._long), dtype=np.uint64)
        self._table[(keys * _SPREAD) >> np.uint64(48)] = True

    def found_in(self, path: Path) -> bytes | None:
        """The first of them in a file."""
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK_BYTES):
                chunk = (tail + chunk).lower()
                short = (one for one in self._short if one in chunk)
                found = next(short, None) or next(self._found(chunk), None)
                if found is not None:
                    return found
                tail = chunk[-_PROBE_BYTES:]
        return None

    def _found(self, chunk: bytes) -> Iterator[bytes]:
        for shift in range(min(8, len(chunk) - 7)):
            words = np.frombuffer(chunk, "<u8", (len(chunk) - shift) // 8, shift)
            (hits,) = np.nonzero(self._table[(words * _SPREAD) >> np.uint64(48)])
            for at, key in zip(hits.tolist(), words[hits].tolist(), strict=True):
                for middle, one in self._long.get(key, ()):
                    start = shift + 8 * at - middle
                    if start >= 0 and chunk.startswith(one, start):
                        yield one
