"""Forgetting a speaker: erasure from every tier, with a receipt that was checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.errors import ConfigurationError, ConflictError
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import Block, CoreMemory
from memgpt_autogen.steps import Step
from memgpt_autogen.storage.text import clean

_TELLING_BYTES = 12  # a shorter text, such as "yes please", may be anybody's
_CODE = re.compile(r"\d{3}")
_PROBES = 50  # texts that are searched for afterwards
_PROBE_BYTES = 400  # a longer text may lie in pieces, on several pages of a file
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Receipt:
    """What was erased, and what a search still found afterwards.

    Attributes:
        recall_messages: the speaker's messages, erased from recall storage.
        recall_quotations: others' messages that held a text of the speaker's.
        queue_entries: entries of the queue: the speaker's, and those that quote or
            name them.
        core_memory_lines: lines of core memory that named or quoted them.
        archival_passages: the agent's own passages that named or quoted them.
        summary_reset: the recursive summary was dropped.
        still_found: erased records that searches still find; 0 unless something failed.
        files_overwritten: deleted records were overwritten in the files. False with a
            Chroma server: run `chroma vacuum` there.
        files_left: files of the agent's directory that still hold one of the texts;
            empty unless somebody else said the same.
    """

    speaker: str
    recall_messages: int
    recall_quotations: int
    queue_entries: int
    core_memory_lines: int
    archival_passages: int
    summary_reset: bool
    still_found: int
    files_overwritten: bool
    files_left: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Nothing of it is found any more, by search or in the files of the directory."""
        return not self.still_found and not self.files_left and self.files_overwritten


class Traces:
    """Tells texts that name a speaker or quote what they said.

    A name is matched as a whole word whatever its case. A text counts as quoted where
    it stands whole in another one and is long enough to be nobody else's; a shorter
    one with a number in it, such as a code, is an echo.
    """

    def __init__(self, speaker: str, texts: Sequence[str]) -> None:
        self._name = _whole_word(speaker)
        flat = {_flat(text): text for text in texts}
        self.originals = [text for short, text in flat.items() if _long(short)]
        self._long = [text for text in flat if _long(text)]
        self._short = [_whole_word(text) for text in flat if not _long(text) and _CODE.search(text)]

    def names(self, text: str) -> bool:
        return self._name.search(text) is not None

    def quotes(self, text: str) -> bool:
        flat = _flat(text)
        return any(one in flat for one in self._long)

    def touch(self, text: str) -> bool:
        """Whether a text names or quotes the speaker."""
        return self.names(text) or self.quotes(text)

    def echo(self, text: str) -> bool:
        """Whether it may come from the speaker: for what can be dropped without a loss."""
        return self.touch(text) or any(one.search(_flat(text)) for one in self._short)


def forget(speaker: str, engine: Engine) -> Receipt:
    """Erase a speaker from every tier of an agent's memory, and from its shared archives.

    The agent's own messages and those of others stay, unless they quote the speaker;
    so do attached sources, read-only blocks, the system message, checkpoints and
    AutoGen's own chat history. All is deleted in one transaction; the overwriting of the
    files that follows is finished at the next opening, where it was broken off.

    Raises:
        ConfigurationError: the speaker is empty or the agent itself.
        DirectoryLockedError: another process runs the agent.
        StorageError: a storage failed.
    """
    speaker = clean(speaker).strip()
    if not speaker or speaker == engine.identity.name:
        raise ConfigurationError(
            f"cannot forget {speaker!r}: give the name of somebody the agent listens to. To"
            " erase the agent itself, close it and delete its directory."
        )
    engine.own()
    work = engine.workspace
    said = list(work.recall.everything(speaker))
    traces = Traces(speaker, [message.text for message in said])
    quoting = [
        message.id
        for message in work.recall.everything()
        if message.speaker != speaker and traces.quotes(message.text)
    ]
    passages = {
        place: [one.id for one in place.everything() if traces.touch(one.text)]
        for place in work.archival.places()
    }
    erased = _erase(speaker, engine, traces, [one.id for one in said], quoting, passages)
    overwritten = engine.store.purge()
    engine.shared.purge()
    overwritten = engine.sources.purge() and overwritten
    engine.store.written()
    gone = {*(one.id for one in said), *quoting}
    gone_passages = {(place.source, id_) for place, ids in passages.items() for id_ in ids}
    return Receipt(
        speaker=speaker,
        recall_messages=len(said),
        recall_quotations=len(quoting),
        queue_entries=erased.entries,
        core_memory_lines=erased.lines,
        archival_passages=sum(map(len, passages.values())),
        summary_reset=erased.summary,
        still_found=_still_found(speaker, traces, gone, gone_passages, work),
        files_overwritten=overwritten,
        files_left=_files_left(engine.store.directory, traces.originals),
    )


@dataclass(frozen=True)
class _Erased:
    """What was taken out besides records."""

    entries: int
    lines: int
    summary: bool


def _erase(
    speaker: str,
    engine: Engine,
    traces: Traces,
    said: Sequence[str],
    quoting: Sequence[str],
    passages: Mapping[ArchivalStorage, Sequence[str]],
) -> _Erased:
    queue, work, store = engine.queue, engine.workspace, engine.store
    context = queue.context
    # What was summarised left the queue: then the summary may tell of the speaker.
    there = {entry.id for entry in context.entries if isinstance(entry, MessageEvent)}
    for place, ids in passages.items():
        if place.source is not None:  # a shared archive has a journal of its own
            place.delete(ids)
    with queue.written():
        lines = queue.forget(speaker) + _forget_lines(work, traces)
        kept = [entry for entry in context.entries if not _concerns(entry, speaker, traces)]
        dropped = len(context.entries) - len(kept)
        reset = bool(context.summary) and (
            not there.issuperset(said) or traces.echo(context.summary)
        )
        work.archival.take_out(passages.get(work.archival, ()))
        work.recall.take_out([*quoting, *said])
        store.blocks.forget(traces.touch)
        queue.replace(kept, "" if reset else context.summary)
        store.journal.put("purge", 1)
    return _Erased(dropped, lines, reset)


def _forget_lines(workspace: Workspace, traces: Traces) -> int:
    """Take the lines that name or quote the speaker out of the blocks; how many."""
    count = 0
    for block in workspace.core:
        if not block.read_only:
            count += _forget_lines_of(block.name, workspace.core, traces)
    return count


def _forget_lines_of(name: str, core: CoreMemory, traces: Traces) -> int:
    while True:
        block = core[name]
        kept = _kept_lines(block, traces)
        lost = len(block.value.splitlines()) - len(kept)
        if not lost:
            return 0
        try:
            core.set(name, "\n".join(kept))
        except ConflictError:  # somebody else edited the shared block: look again
            continue
        return lost


def _kept_lines(block: Block, traces: Traces) -> list[str]:
    lines = [line for line in block.value.splitlines() if not traces.touch(line)]
    # a text of several lines is quoted by none of them alone
    return [] if traces.quotes("\n".join(lines)) else lines


def _concerns(entry: Queued, speaker: str, traces: Traces) -> bool:
    if isinstance(entry, MessageEvent):
        return entry.speaker == speaker or traces.quotes(entry.line())
    if isinstance(entry, Notice):  # alerts, logins: written by the program
        return traces.echo(entry.line())
    return any(traces.echo(text) for text in _texts(entry))


def _texts(step: Step) -> Iterator[str]:
    yield from (step.text, step.reasoning, *step.sent)
    for call in step.calls:
        yield call.arguments
        try:
            yield from _strings(json.loads(call.arguments))
        except ValueError:
            continue  # no JSON: the raw text was looked at
    for result in step.results:
        yield result.text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _still_found(
    speaker: str,
    traces: Traces,
    messages: set[str],
    passages: set[tuple[str | None, str]],
    workspace: Workspace,
) -> int:
    """How many erased records searches find: by speaker, by name, and by what was said."""
    by_speaker = {one.id for one in workspace.recall.search("", speaker=speaker).items}
    said: set[str] = set()
    written: set[tuple[str | None, str]] = set()
    for query in (speaker, *traces.originals[:_PROBES]):
        said.update(one.id for one in workspace.recall.search(query, limit=100).items)
        written.update(
            (one.source, one.id) for one in workspace.archival.search(query, limit=200).items
        )
    return len((said & messages) | by_speaker) + len(written & passages)


def _files_left(directory: Path | None, texts: Sequence[str]) -> tuple[str, ...]:
    """The files, relative to the directory, whose bytes hold one of the texts."""
    probes = [probe for text in texts for probe in _probes(text)]
    if not probes or directory is None:
        return ()
    pattern = re.compile(b"|".join(re.escape(probe) for probe in probes))
    return tuple(
        path.relative_to(directory).as_posix()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and _file_holds(path, pattern)
    )


def _probes(text: str) -> set[bytes]:
    """The beginning of a text as files may hold it: plain, or in JSON."""
    forms = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    return {form.encode()[:_PROBE_BYTES] for form in forms}


def _file_holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(_CHUNK_BYTES):
            if pattern.search(tail + chunk):
                return True
            tail = chunk[-_PROBE_BYTES:]
    return False


def _whole_word(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def _long(text: str) -> bool:
    return len(text.encode()) >= _TELLING_BYTES


def _flat(text: str) -> str:
    """A text as it is compared: one case, every gap one space."""
    return " ".join(text.casefold().split())
