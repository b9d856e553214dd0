"""Undoing the last exchange: what was said and done in it goes, and can be redone.

Messages leave the queue and recall storage, passages archival storage. Blocks go back to the text
before, as a new version: their history is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from memgpt_autogen import frames
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Message, MessageEvent, Notice
from memgpt_autogen.memory.archival import Passage
from memgpt_autogen.memory.blocks import MODEL
from memgpt_autogen.steps import BLOCK_EDITS, FunctionCall, FunctionResult, Step
from memgpt_autogen.storage.text import clean
from memgpt_autogen.values import Brief

_LOOKED_AT = 50  # records stored last, beyond those looked for, as programs store some too


@dataclass(frozen=True)
class BlockEdit:
    """A block's text before an exchange and after it."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, repr=False)
class Undone(Brief):
    """An exchange that was undone, with all that redoing it takes.

    Attributes:
        entries: of the queue.
        messages: of recall storage.
        passages: of archival storage.
        edits: of blocks.
        turns: steps of the latest turns, by the turn's number.
        left: what could not be undone, in words.
        after: the turns of the agent's life when it was undone.
    """

    entries: tuple[Queued, ...]
    messages: tuple[Message, ...]
    passages: tuple[Passage, ...]
    edits: tuple[BlockEdit, ...]
    turns: Mapping[int, tuple[Step, ...]]
    left: tuple[str, ...]
    after: int

    @property
    def said(self) -> tuple[MessageEvent, ...]:
        """What others said in it."""
        return tuple(one for one in self.entries if isinstance(one, MessageEvent) and not one.own)


def undo(engine: Engine, partner: str = "") -> Undone | None:
    """Undo the last exchange in view: from what was said, or happened, to the end.

    Args:
        engine: whose; its lock is held.
        partner: whose chat it was in, where partners are kept apart.

    Returns:
        What was undone; None where no exchange is in view.

    Raises:
        DirectoryLockedError: another process runs the agent's turns.
        StorageError: it cannot be written; nothing was undone.
    """
    engine.own()
    queue, work, state = engine.queue, engine.workspace, engine.queue.state
    with queue.partners.of(partner):
        entries = queue.context.entries
        removed = _exchange(entries)
        if not removed:
            return None
        steps = [one for one in removed if isinstance(one, Step)]
        passages, left = _passages(steps, engine)
        edits, edited_since = _edits(steps, engine)
        undone = Undone(
            entries=tuple(removed),
            messages=tuple(_messages(removed, engine)),
            passages=tuple(passages),
            edits=tuple(edits),
            turns={n: t for n, t in state.turns.items() if any(step in steps for step in t)},
            left=(*left, *edited_since),
            after=state.counters.turns,
        )
        with queue.written():
            gone = {id(one) for one in removed}
            entries[:] = [one for one in entries if id(one) not in gone]
            work.recall.take_out([one.id for one in undone.messages])
            work.archival.take_out([one.id for one in passages])
            for edit in edits:
                work.core.set(edit.name, edit.before)
            for number in undone.turns:
                del state.turns[number]
            queue.refresh_head()
    return undone


def redo(engine: Engine, undone: Undone, partner: str = "") -> tuple[str, ...]:
    """Do again what was undone; in words what could not be.

    Args:
        engine: whose; its lock is held.
        undone: what `undo` returned last.
        partner: whose chat it was in.

    Raises:
        ConfigurationError: something was said since.
        DirectoryLockedError: another process runs the agent's turns.
        StorageError: it cannot be written; nothing was redone.
    """
    engine.own()
    queue, work, state = engine.queue, engine.workspace, engine.queue.state
    if state.counters.turns != undone.after:
        raise ConfigurationError("something was said since: what was undone cannot be redone.")
    left = []
    with queue.partners.of(partner), queue.written():
        queue.context.entries.extend(undone.entries)
        work.recall.put(undone.messages)
        work.archival.put(undone.passages)
        for edit in undone.edits:
            if edit.name in work.core and work.core[edit.name].value == edit.before:
                work.core.set(edit.name, edit.after)
            else:
                left.append(f"the block {edit.name!r} was edited since")
        state.turns.update(undone.turns)
        queue.refresh_head()
    return tuple(left)


def rewrite(engine: Engine, text: str, partner: str = "") -> str:
    """Let the agent have said `text` in place of its latest message; that message.

    Raises:
        ConfigurationError: no message of its is in view, or the text is empty.
        DirectoryLockedError: another process runs the agent's turns.
        StorageError: it cannot be written; nothing was changed.
    """
    engine.own()
    queue, work, state = engine.queue, engine.workspace, engine.queue.state
    with queue.partners.of(partner):
        entries = queue.context.entries
        at = next((n for n in reversed(range(len(entries))) if _sent(entries[n])), None)
        if at is None or not text.strip():
            raise ConfigurationError("there is no message in view to rewrite, or no text for it.")
        step = entries[at]
        assert isinstance(step, Step)
        changed = _saying(step, clean(text))
        found = next(_stored([step.sent[-1]], engine), None)
        with queue.written():
            entries[at] = changed
            for number, steps in state.turns.items():
                state.turns[number] = tuple(changed if one == step else one for one in steps)
            if found is not None:
                work.recall.take_out([found.id])
                work.recall.put([found.model_copy(update={"text": changed.sent[-1]})])
    return step.sent[-1]


# --- what belongs to an exchange ----------------------------------------------------------


def _exchange(entries: Sequence[Queued]) -> list[Queued]:
    """The entries of the last exchange; what happened after it, such as an upload, stays."""
    ends = [n for n, one in enumerate(entries) if isinstance(one, Step) or _is_said(one)]
    starts = [n for n, one in enumerate(entries) if _is_said(one) or _acted(entries, n)]
    if not starts:
        return []
    start, end = starts[-1], ends[-1] + 1
    while start and _is_said(entries[start]) and _is_said(entries[start - 1]):
        start -= 1  # what came together
    if any(map(_happened, entries[end:])):
        return list(entries[start:end])
    return list(entries[start:])  # with alerts about it


def _is_said(entry: Queued) -> bool:
    return isinstance(entry, MessageEvent) and not entry.own


def _happened(entry: Queued) -> bool:
    return isinstance(entry, Notice) and not entry.alert


def _acted(entries: Sequence[Queued], at: int) -> bool:
    """Whether something happened there that the agent did something about."""
    return _happened(entries[at]) and any(isinstance(one, Step) for one in entries[at + 1 : at + 2])


def _sent(entry: Queued) -> bool:
    return isinstance(entry, Step) and bool(entry.sent)


def _messages(removed: Sequence[Queued], engine: Engine) -> Iterator[Message]:
    """Those of recall storage that were said in it."""
    ids = [one.id for one in removed if isinstance(one, MessageEvent) and one.id]
    yield from engine.workspace.recall.get(ids)
    yield from _stored(
        [text for one in removed if isinstance(one, Step) for text in one.sent], engine
    )


def _stored(sent: Sequence[str], engine: Engine) -> Iterator[Message]:
    """The agent's own messages of these texts, those that were stored last."""
    texts = [clean(text) for text in sent]
    for one in reversed(engine.workspace.recall.latest(_LOOKED_AT + 4 * len(texts))):
        if one.speaker == engine.workspace.agent and one.text in texts:
            texts.remove(one.text)
            yield one


def _done(
    steps: Sequence[Step], names: Sequence[str]
) -> Iterator[tuple[FunctionCall, FunctionResult]]:
    """The calls of some functions that succeeded, the latest first."""
    for step in reversed(steps):
        results = {one.call_id: one for one in step.results if one.ok}
        for call in reversed(step.calls):
            if call.name in names and call.id in results:
                yield call, results[call.id]


def _passages(steps: Sequence[Step], engine: Engine) -> tuple[list[Passage], list[str]]:
    """Passages that were inserted; in words those of shared archives."""
    found, left = list[Passage](), list[str]()
    calls = [json.loads(call.arguments) for call, _ in _done(steps, ["archival_memory_insert"])]
    stored = engine.workspace.archival.latest(_LOOKED_AT + len(calls)) if calls else []
    for given in calls:
        if given.get("archive"):
            left.append(f"a passage stays in the shared archive {given['archive']!r}")
            continue
        text = clean(str(given["content"]))
        match = next((one for one in reversed(stored) if one.text == text), None)
        if match is not None:
            stored.remove(match)
            found.append(match)
    return found, left


def _edits(steps: Sequence[Step], engine: Engine) -> tuple[list[BlockEdit], list[str]]:
    """The edits of blocks whose texts are still what they made; in words the others."""
    core = engine.workspace.core
    core.refresh()
    now, left = dict[str, str](), dict[str, None]()
    for call, result in _done(steps, BLOCK_EDITS):
        name = str(json.loads(call.arguments).get("name"))
        if name not in core:
            continue
        text = now.get(name, core.shown(name).value)
        changes = [one for one in core.changes(name) if one.after == text]
        if result.text.startswith("It was there already"):
            continue
        made = [one for one in changes if one.author.startswith(MODEL)]
        if made and result.text.endswith(f"reads:\n{frames.block(text)}"):
            now[name] = made[-1].before
        else:
            left[f"the block {name!r} was edited since"] = None
    edits = [BlockEdit(name, text, core.shown(name).value) for name, text in now.items()]
    return edits, list(left)


def _saying(step: Step, text: str) -> Step:
    """A step whose last message is another one."""
    sent = (*step.sent[:-1], text)
    if step.spoken:
        return step.model_copy(update={"text": text, "sent": sent})
    calls = list(step.calls)
    for at in reversed(range(len(calls))):
        if calls[at].name == "send_message":
            arguments = {**json.loads(calls[at].arguments), "message": text}
            calls[at] = calls[at].model_copy(update={"arguments": json.dumps(arguments)})
            break
    return step.model_copy(update={"calls": tuple(calls), "sent": sent})
