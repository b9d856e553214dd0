"""The queue manager: what enters the queue, what leaves it, and what is written when.

Everything is written before it is acted on: a message is first journalled in the
state record, then goes to recall storage under the same id, so a crash between the
two loses and repeats nothing (MemGPT, arXiv 2310.08560, section 2.2).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import Entry, EventEntry, MainContext, StepEntry
from memgpt_autogen.engine.state import AgentState, Draft
from memgpt_autogen.engine.summarizer import Summarizer
from memgpt_autogen.errors import ConfigurationError, ContextOverflowError
from memgpt_autogen.events import Event, MessageEvent, SystemAlert
from memgpt_autogen.memory.participants import Participants
from memgpt_autogen.memory.recall import Message
from memgpt_autogen.steps import Eviction, Step
from memgpt_autogen.storage.state import StateStore
from memgpt_autogen.storage.text import clean

logger = logging.getLogger(__name__)

Schemas = Sequence[Mapping[str, Any]]

PRESSURE = (
    "memory pressure: your context window is nearly full and the oldest messages will soon"
    " leave your view. Store what matters now, with core_memory_append or"
    " archival_memory_insert. Nobody needs an answer to this alert."
)


class QueueManager:
    """Owns the main context and the agent's state record.

    Args:
        participants: gives speakers in groups blocks of their own.

    Attributes:
        evictions: those that the turn has not told of yet.
    """

    def __init__(
        self,
        name: str,
        context: MainContext,
        workspace: Workspace,
        store: StateStore,
        state: AgentState,
        participants: Participants | None = None,
    ) -> None:
        self.name = name
        self.context = context
        self.state = state
        self._work = workspace
        self._store = store
        self.evictions: list[Eviction] = []
        self._participants = participants
        self._drafts = list(state.drafts)
        self._handed: set[str] = set()  # drafts that recall storage has taken in
        self.settle()
        if not state.memory_shown:
            self.refresh_head()

    # --- what enters -------------------------------------------------------------

    def admit(self, events: Sequence[Event]) -> list[EventEntry]:
        """Append events to the queue and, for what was said, to recall storage's journal."""
        self.tell_of_changes()
        entries: list[EventEntry] = []
        for event in events:
            if self._completes(event):
                continue
            if isinstance(event, MessageEvent) and event.group and not event.own:
                self._hear(event.speaker)
            entry = self._entry(event)
            self.context.entries.append(entry)
            entries.append(entry)
        self.save()
        if self._participants is not None:
            self._participants.settle()
        return entries

    def _hear(self, speaker: str) -> None:
        """Let a speaker in a group have a block of their own, and the model know of it."""
        if self._participants is None:
            return
        told = self._participants.hear(clean(speaker))
        for text in told:
            self.alert(text)
        for block in self._work.core if told else ():
            self.state.values_known.setdefault(block.name, block.value)

    def alert(self, text: str) -> None:
        """Append a system alert to the queue."""
        self.context.entries.append(
            self._entry(SystemAlert(timestamp=self._work.clock(), text=text))
        )

    def record(self, step: Step, *, asked: bool = True) -> None:
        """Append a step; what it sent goes to recall storage; everything is saved.

        `asked` is False for a step that no model call stands behind.
        """
        if asked:
            self.context.pressure_answered = self.context.pressure_announced
        if step.calls or step.text:
            self.context.entries.append(StepEntry(step=step))
        for name, result in step.block_results:
            if name in self._work.core:
                value = self._work.core.shown(name).value
                if result.endswith(f"reads:\n{value}"):  # so the model has seen it
                    self.state.values_known[name] = value
        for message in step.sent:
            self._draft(self.name, message)
        counters = self.state.counters
        if asked:
            counters.count_call(step.usage)
        counters.searches += sum(1 for call in step.calls if "search" in call.name)
        self.save()

    def _completes(self, event: Event) -> bool:
        """Whether an event holds only results that calls in the queue wait for: put there."""
        if not isinstance(event, MessageEvent) or not event.results:
            return False
        results = dict(event.results)
        found: set[str] = set()
        for index, entry in enumerate(self.context.entries):
            if not isinstance(entry, StepEntry):
                continue
            come = [call for call in entry.step.pending if call.id in results]
            if come:
                found.update(call.id for call in come)
                self.context.entries[index] = entry.completed(
                    {call.id: clean(results[call.id]) for call in come}
                )
        if not event.text.strip():
            return True  # where the call has left the queue, there is nothing to say about it
        if found == set(results):
            self._draft(event.speaker, event.text, event)
            return True
        return False

    def _entry(self, event: Event) -> EventEntry:
        if not isinstance(event, MessageEvent) or not event.text.strip():
            return EventEntry(line=clean(event.line()), alert=isinstance(event, SystemAlert))
        draft = self._draft(event.speaker, event.text, event)
        return EventEntry(
            line=clean(event.text if event.own else event.line()),
            recall_id=draft.id,
            speaker=clean(event.speaker),
            own=event.own,
            images=event.images,
        )

    def _draft(self, speaker: str, text: str, event: MessageEvent | None = None) -> Draft:
        moment = event.timestamp if event else self._work.clock()
        message = self._work.recall.draft(text, speaker=speaker, timestamp=moment)
        draft = Draft(
            id=message.id, text=message.text, speaker=message.speaker, timestamp=message.timestamp
        )
        self._drafts.append(draft)
        return draft

    def forget(self, speaker: str) -> int:
        """Drop the block of a participant; how many lines it had."""
        return self._participants.forget(speaker) if self._participants is not None else 0

    # --- what is written ---------------------------------------------------------

    def save(self) -> None:
        """Swap the state record for the present one."""
        self.state.blocks = [block for block in self._work.core if not block.shared]
        self.state.queue = list(self.context.entries)
        self.state.summary = self.context.summary
        self.state.memory_shown = self.context.memory
        self.state.pressure_announced = self.context.pressure_announced
        self.state.pressure_answered = self.context.pressure_answered
        self.state.token_factor = self.context.counter.factor
        self.state.paused_until = self._work.paused_until
        waiting = self._work.recall.waiting if self._drafts else set()
        self._drafts = [d for d in self._drafts if d.id not in self._handed or d.id in waiting]
        self._handed &= waiting
        self.state.drafts = list(self._drafts)
        self._store.save(self.state.to_json())

    def flush(self) -> None:
        """Hand journalled messages to recall storage; they leave the journal once written."""
        fresh = [draft for draft in self._drafts if draft.id not in self._handed]
        if fresh:
            self._handed.update(draft.id for draft in fresh)
            self._work.recall.write_later(
                [
                    Message(id=d.id, text=d.text, speaker=d.speaker, timestamp=d.timestamp)
                    for d in fresh
                ]
            )

    def settle(self) -> None:
        """Let recall storage hold all messages."""
        self.flush()
        self._work.recall.settle()

    # --- what leaves -------------------------------------------------------------

    def relieve(self, tools: Schemas, summarizer: Summarizer, keep: Sequence[EventEntry]) -> None:
        """Evict what the model was warned of, once it has had its step to store things.

        Between turns, and before the limit: what would only be carried along is paid for
        at every call.
        """
        if self.context.pressure_answered:
            self._evict(tools, summarizer, keep)

    def make_room(self, tools: Schemas, summarizer: Summarizer, keep: Sequence[EventEntry]) -> None:
        """Evict until the prompt fits; then warn of memory pressure where it is due.

        Raises:
            ConfigurationError: the window does not even hold the fixed parts.
        """
        context = self.context
        if context.tokens(tools) > context.budget.limit:
            self._evict(tools, summarizer, keep)
        while context.tokens(tools) > context.budget.limit:
            if not context.squeeze():
                raise ConfigurationError(self._too_small(tools))
        self.announce_pressure(tools)

    def announce_pressure(self, tools: Schemas) -> bool:
        """Append the memory pressure alert if it is due; True when it was."""
        if not self.context.under_pressure(tools):
            return False
        self.alert(PRESSURE)
        self.context.pressure_announced = True
        return True

    def overflowed(
        self, problem: ContextOverflowError, tools: Schemas, summarizer: Summarizer
    ) -> bool:
        """Learn from a provider's refusal and make the prompt smaller; False if it cannot be."""
        context = self.context
        counted = context.counted(tools)
        if problem.window is not None and problem.window < context.budget.window:
            context.budget = context.budget.shrunk(problem.window)
        if problem.prompt_tokens is not None:
            context.counter.learn(counted, problem.prompt_tokens)
        elif problem.window is not None:
            context.counter.learn(counted, problem.window + 1)
        if context.tokens(tools) <= context.budget.limit:
            context.counter.factor *= 1.25
        before = context.counted(tools)
        self._evict(tools, summarizer, keep=())
        return context.counted(tools) < before or context.squeeze()

    def _evict(self, tools: Schemas, summarizer: Summarizer, keep: Sequence[EventEntry]) -> None:
        context = self.context
        before = context.tokens(tools)
        whole = list(context.entries)
        evicted = context.evict(tools, keep=keep)
        if not evicted:
            return
        try:
            context.summary = clean(summarizer.fold(context.summary, evicted))
        except BaseException:
            context.entries[:] = whole  # an interrupt must not drop what no summary covers
            raise
        self.refresh_head()
        self.state.counters.evictions += 1
        self.state.counters.evicted_entries += len(evicted)
        self.save()
        eviction = Eviction(
            entries=len(evicted),
            tokens_before=before,
            tokens_after=context.tokens(tools),
            summary=context.summary,
        )
        logger.info(
            "evicted %d entries: %d → %d tokens", eviction.entries, before, eviction.tokens_after
        )
        self.evictions.append(eviction)

    def replace(self, entries: Sequence[Entry], summary: str) -> None:
        """Put these entries and this summary in the place of the present ones; saved."""
        self.context.entries[:] = entries
        self.context.summary = summary
        self.refresh_head()
        self.save()

    def refresh_head(self) -> None:
        """Show core memory and the sizes of the storages as they are now."""
        work = self._work
        self.context.memory = (
            f"### Core memory\n{work.core.render()}\n\n### Outside your view\n"
            f"Recall storage: {len(work.recall)} messages. Archival memory:"
            f" {len(work.archival)} passages."
        )
        self.state.values_known = {block.name: block.value for block in work.core}

    def tell_of_changes(self) -> None:
        """Let the model know of blocks that programs, or others who share them, edited."""
        self._work.core.refresh()
        known = self.state.values_known
        for name in [name for name in known if name not in self._work.core]:
            del known[name]
        for block in self._work.core:
            if known.get(block.name) != block.value:
                kind = "shared core memory block" if block.shared else "core memory block"
                reads = f"now reads:\n{block.value}" if block.value else "is empty now."
                self.alert(f"the {kind} {block.name!r} {reads}")
                known[block.name] = block.value

    def _too_small(self, tools: Schemas) -> str:
        context = self.context
        parts = ", ".join(f"{name} {size}" for name, size in context.sections(tools).items())
        return (
            f"a context window of {context.budget.window} tokens, {context.budget.reply} of them"
            f" kept for the reply, is too small (tokens: {parts}). Raise context_window, shorten"
            " system_message, or lower Settings.block_limit or Settings.reply_tokens."
        )
