"""Forgetting a speaker: erasure from every tier, with a receipt that was checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.errors import ConflictError
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.partners import COMMON, digest_of
from memgpt_autogen.storage.store import PURGE
from memgpt_autogen.upkeep.forgetting.erasure import Erasure, erasure_of, known
from memgpt_autogen.upkeep.forgetting.remains import Remnant, remains
from memgpt_autogen.upkeep.forgetting.titles import hide_titles
from memgpt_autogen.values import Brief

_PROBES = 10  # texts that are searched for afterwards


@dataclass(frozen=True, repr=False)
class Receipt(Brief):
    """What was erased, and all that a search of every tier and file found afterwards.

    Looked for are the speaker's name, texts of theirs, and distinctive parts of these:
    identifiers (codes, long numbers, mail addresses, links), names, numbers of three digits and
    more, dates, rare words, and a few words in a row, however they are spaced and grouped. What
    others said, or the agent said or had stored, before the speaker did is not theirs; nor are
    names, numbers and words that others use as well. What was told in ordinary words, and
    retold in others, is not found.

    Attributes:
        recall_messages: the speaker's messages, erased from recall storage.
        recall_quotations: others' messages that held a text or an identifier of the speaker's.
        queue_entries: entries of the queue: the speaker's, and those that come from them or
            name them.
        core_memory_lines: lines that named them or came from them, and their own block's.
        archival_passages: passages that did, also in shared archives the agent may write to.
        summary_reset: the recursive summary was dropped.
        left: what was found afterwards, each with where it stands. Names, numbers and words
            are left where they may be somebody else's, and so is what the agent may not edit.
        files_overwritten: deleted records were overwritten in the files. False with a
            Chroma server: run `chroma vacuum` there.
    """

    speaker: str
    recall_messages: int
    recall_quotations: int
    queue_entries: int
    core_memory_lines: int
    archival_passages: int
    summary_reset: bool
    left: tuple[Remnant, ...]
    files_overwritten: bool

    @property
    def complete(self) -> bool:
        """Nothing of it was found any more, in any tier or file."""
        return not self.left and self.files_overwritten


def forget(speaker: str, engine: Engine) -> Receipt:
    """Erase a speaker from every tier of an agent's memory, and from its shared archives.

    What others said stays, unless it quotes the speaker or holds an identifier of theirs; so do
    attached sources, read-only blocks, the system message, checkpoints and AutoGen's own chat
    history. All is deleted in one transaction; the overwriting of the files that follows is
    finished at the next opening of each, where it was broken off.

    Raises:
        ConfigurationError: the speaker is nobody who said anything, or the agent itself.
        DirectoryLockedError: another process runs the agent.
        StorageError: a storage failed.
    """
    engine.own()
    work, state, agent = engine.workspace, engine.queue.state, engine.identity.name
    stores = (engine.store, *engine.sources.writable())
    again = engine.shared.is_purging or any(store.is_purging for store in stores)
    speaker = known(speaker, agent, work, state, again=again)
    found = erasure_of(speaker, agent, work, state, engine.queue.context.counter.text)
    entries, lines, reset = _erase(found, engine)
    overwritten = engine.store.purge()
    engine.shared.purge()
    overwritten = engine.sources.purge() and overwritten
    engine.store.written()
    searched = _still_found(found, work)
    return Receipt(
        speaker=speaker,
        recall_messages=len(found.said),
        recall_quotations=len(found.quoting),
        queue_entries=entries,
        core_memory_lines=lines,
        archival_passages=sum(map(len, found.passages.values())),
        summary_reset=reset,
        left=(*searched, *remains(found.traces, engine, found.may_hold)),
        files_overwritten=overwritten,
    )


# --- what goes -------------------------------------------------------------------------


def _erase(found: Erasure, engine: Engine) -> tuple[int, int, bool]:
    """Erase it: entries of the queue, lines of core memory, whether a summary went."""
    queue, work, speaker = engine.queue, engine.workspace, found.speaker
    for place, passages in found.passages.items():
        if place.source is not None and passages:  # a shared archive has a journal of its own
            place.records.table.journal.put(PURGE, 1)
            place.delete([one.id for one in passages])
    engine.shared.begin_purge()
    with queue.written():
        lines = queue.participants.forget(speaker, found.blocks - {COMMON})
        lines += sum(_forget_lines(block.name, work.core, found) for block in work.core)
        engine.store.blocks.forget(found.traces.touch, found.blocks)
        work.archival.take_out([one.id for one in found.passages[work.archival]])
        work.recall.take_out([one.id for one in (*found.quoting, *found.said)])
        queue.context.show_ahead(None)
        queue.state.turns.clear()
        queue.state.unfinished = None  # it may name the speaker
        entries, reset = _forget_queues(found, engine)
        queue.saved.hide_chat(speaker, digest_of(speaker))
        hide_titles(engine, speaker, found.traces, found.said)
        queue.refresh_head()
        engine.store.journal.put(PURGE, 1)
    return entries, lines, reset


def _forget_queues(found: Erasure, engine: Engine) -> tuple[int, bool]:
    """Take what concerns the speaker out of the queues: how much, whether a summary went."""
    partners = engine.queue.partners
    dropped, reset, digest = 0, False, digest_of(found.speaker)
    for partner, own in partners.all():
        theirs = partners.apart and partner == found.speaker
        kept = [
            one.model_copy(update={"origin": digest}) if _is_in_chat(one, found.speaker) else one
            for one in found.kept_entries(own.queue, theirs=theirs)
        ]
        dropped += len(own.queue) - len(kept)
        goes = found.takes_summary(own, partner if partners.apart and partner else None)
        reset |= goes
        summary = "" if goes else own.summary
        partners.replace(partner, own.model_copy(update={"queue": kept, "summary": summary}))
    partners.drop(found.speaker)
    return dropped, reset


def _is_in_chat(entry: Queued, speaker: str) -> bool:
    return isinstance(entry, MessageEvent) and entry.origin == speaker


def _forget_lines(name: str, core: CoreMemory, found: Erasure) -> int:
    """Take the lines that name the speaker or come from them out of a block; how many."""
    while not core[name].read_only:
        lines = core[name].value.splitlines()
        kept = found.kept_lines(core[name].value)
        if len(kept) == len(lines):
            break
        try:
            core.set(name, "\n".join(kept))
        except ConflictError:  # somebody else edited the shared block: look again
            continue
        return len(lines) - len(kept)
    return 0


def _still_found(found: Erasure, work: Workspace) -> Iterator[Remnant]:
    """The erased records that searches find: by speaker, by name, and by what was said."""
    gone = {one.id for one in (*found.quoting, *found.said)}
    passages = {(one.source, one.id) for of_place in found.passages.values() for one in of_place}
    seen = {one.id for one in work.recall.search("", speaker=found.speaker).items}
    for query in (found.speaker, *found.traces.originals[:_PROBES]):
        seen |= gone & {one.id for one in work.recall.search(query, limit=100).items}
        for one in work.archival.search(query, limit=200).items:
            if (one.source, one.id) in passages:
                seen.add(" ".join(filter(None, (one.source, one.id))))
    yield from (Remnant("search", one, (found.speaker,)) for one in sorted(seen))
