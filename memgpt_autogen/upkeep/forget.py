"""Forgetting a speaker: erasure from every tier, with a receipt that was checked."""

from __future__ import annotations

from dataclasses import dataclass

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.errors import ConfigurationError, ConflictError
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.participants import block_name
from memgpt_autogen.storage.text import clean
from memgpt_autogen.upkeep.traces import Traces, files_with, texts_of

_PROBES = 50  # texts that are searched for afterwards


@dataclass(frozen=True)
class Receipt:
    """What was erased, and what a search still found afterwards.

    Attributes:
        recall_messages: the speaker's messages, erased from recall storage.
        recall_quotations: others' messages that held a text of the speaker's.
        queue_entries: entries of the queue: the speaker's, and those that quote or
            name them.
        core_memory_lines: lines of core memory that named or quoted them.
        archival_passages: passages that named or quoted them: the agent's own, and those of
            shared archives that it may write to.
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
    found = _found(speaker, engine.workspace)
    entries, lines, reset = _erase(found, engine)
    overwritten = engine.store.purge()
    engine.shared.purge()
    overwritten = engine.sources.purge() and overwritten
    engine.store.written()
    return Receipt(
        speaker=speaker,
        recall_messages=len(found.said),
        recall_quotations=len(found.quoting),
        queue_entries=entries,
        core_memory_lines=lines,
        archival_passages=sum(map(len, found.passages.values())),
        summary_reset=reset,
        still_found=_still_found(found, engine.workspace),
        files_overwritten=overwritten,
        files_left=files_with(engine.store.directory, found.traces.originals),
    )


@dataclass(frozen=True)
class _Found:
    """What is to be erased: ids of messages, and of passages by where they lie."""

    speaker: str
    traces: Traces
    said: list[str]
    quoting: list[str]
    passages: dict[ArchivalStorage, list[str]]


def _found(speaker: str, work: Workspace) -> _Found:
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
    return _Found(speaker, traces, [message.id for message in said], quoting, passages)


def _erase(found: _Found, engine: Engine) -> tuple[int, int, bool]:
    """Erase it: entries of the queue, lines of core memory, whether the summary went."""
    queue, work, traces = engine.queue, engine.workspace, found.traces
    context = queue.context
    # What was summarised left the queue: then the summary may tell of the speaker.
    there = {entry.id for entry in context.entries if isinstance(entry, MessageEvent)}
    for place, ids in found.passages.items():
        if place.source is not None:  # a shared archive has a journal of its own
            place.delete(ids)
    with queue.written():
        lines = queue.participants.forget(found.speaker, {block_name(found.speaker)})
        lines += sum(_forget_lines(block.name, work.core, traces) for block in work.core)
        kept = [one for one in context.entries if not _concerns(one, found.speaker, traces)]
        dropped = len(context.entries) - len(kept)
        context.entries[:] = kept
        reset = bool(context.summary) and (
            not there.issuperset(found.said) or traces.echo(context.summary)
        )
        if reset:
            context.summary = ""
        work.archival.take_out(found.passages[work.archival])
        work.recall.take_out([*found.quoting, *found.said])
        engine.store.blocks.forget(traces.touch)
        queue.refresh_head()
        engine.store.journal.put("purge", 1)
    return dropped, lines, reset


def _forget_lines(name: str, core: CoreMemory, traces: Traces) -> int:
    """Take the lines that name or quote the speaker out of a block; how many."""
    while not core[name].read_only:
        lines = core[name].value.splitlines()
        kept = [line for line in lines if not traces.touch(line)]
        if traces.quotes("\n".join(kept)):  # a text of several lines, quoted by none of them alone
            kept = []
        if len(kept) == len(lines):
            break
        try:
            core.set(name, "\n".join(kept))
        except ConflictError:  # somebody else edited the shared block: look again
            continue
        return len(lines) - len(kept)
    return 0


def _concerns(entry: Queued, speaker: str, traces: Traces) -> bool:
    if isinstance(entry, MessageEvent):
        return entry.speaker == speaker or traces.quotes(entry.line())
    if isinstance(entry, Notice):  # alerts, logins: written by the program
        return traces.echo(entry.line())
    return any(traces.echo(text) for text in texts_of(entry))


def _still_found(found: _Found, work: Workspace) -> int:
    """How many erased records searches find: by speaker, by name, and by what was said."""
    by_speaker = {one.id for one in work.recall.search("", speaker=found.speaker).items}
    passages = {(place.source, id_) for place, ids in found.passages.items() for id_ in ids}
    said: set[str] = set()
    written: set[tuple[str | None, str]] = set()
    for query in (found.speaker, *found.traces.originals[:_PROBES]):
        said.update(one.id for one in work.recall.search(query, limit=100).items)
        written.update((one.source, one.id) for one in work.archival.search(query, limit=200).items)
    return len(said.intersection(found.said + found.quoting) | by_speaker) + len(written & passages)
