"""The queue manager: what enters the queue, what leaves it, and what is written when.

Everything is written before it is acted on, each in one transaction: what came in, then a
step with all that it did (MemGPT, arXiv 2310.08560, section 2.2).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from memgpt_autogen.engine.asking.summarizer import Summarizer
from memgpt_autogen.engine.formatting import changed_block
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import MainContext, Queued
from memgpt_autogen.errors import ContextOverflowError
from memgpt_autogen.events import Event, Login, Message, MessageEvent, Notice, SystemAlert
from memgpt_autogen.memory.participants import Participants
from memgpt_autogen.memory.partner_queues import PartnerQueues
from memgpt_autogen.memory.state import SavedState
from memgpt_autogen.steps import Eviction, Step
from memgpt_autogen.storage.store import Store
from memgpt_autogen.storage.text import clean

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

Schemas = Sequence[Mapping[str, Any]]

PRESSURE = (
    "memory pressure: your context window is nearly full and the oldest messages will soon"
    " leave your view. Store what matters now, with core_memory_append or"
    " archival_memory_insert. Nobody needs an answer to this alert."
)


@dataclass(frozen=True)
class Room:
    """What making room in the main context needs of a turn.

    Attributes:
        tools: the schemas that go with the prompt.
        summarizer: gives who makes the new summary.
        keep: what the model has not answered yet.
        told: is told of every eviction.
    """

    tools: Schemas
    summarizer: Callable[[], Summarizer]
    keep: Sequence[Queued] = ()
    told: Callable[[Eviction], None] = lambda eviction: None


@dataclass(eq=False)
class QueueManager:
    """Owns the main context and what is saved of it.

    Attributes:
        name: the agent's.
        context: the main context, as it was saved.
        work: what functions work on.
        store: where it is written.
        saved: the state and the queue there.
        participants: gives speakers blocks of their own.
        partners: whose queue it is, where partners are kept apart.
    """

    name: str
    context: MainContext
    work: Workspace
    store: Store
    saved: SavedState
    participants: Participants
    _unsaid: list[Message] = field(default_factory=list)  # sent by steps not written yet

    def __post_init__(self) -> None:
        self.state = self.saved.values
        self.partners = PartnerQueues(self)
        if not self.state.memory_shown:
            self.refresh_head()

    # --- what enters -------------------------------------------------------------

    @contextmanager
    def written(self) -> Iterator[None]:
        """What is done inside the `with` block is written at its end, as one transaction.

        Where it cannot be written, the queue and core memory are as before.
        """
        before, memory = list(self.context.entries), self.context.memory
        heard = self.participants.heard
        try:
            with self.store.journal.transaction() as connection:
                yield
                self._write(connection)
        except BaseException:
            self.context.entries[:], self.context.memory = before, memory
            self.participants.heard = heard
            self.saved.undo()
            self._unsaid.clear()
            self.work.unwritten.clear()
            self.work.core.discard()
            raise
        self.store.written()

    def save(self) -> None:
        """Write what has changed since it was written last."""
        with self.written():
            pass

    def take_in(self, events: Sequence[Event]) -> list[Queued]:
        """Append events to the queue, and what was said to recall storage; written at once."""
        entries: list[Queued] = []
        with self.written():
            self.tell_of_changes()
            for event in events:
                if not self._completes(event):
                    entries.append(self._entry(event))
                    self.context.entries.append(entries[-1])
        return entries

    def alert(self, text: str) -> None:
        """Append a system alert to the queue."""
        event = SystemAlert(timestamp=self.work.clock(), text=text)
        self.context.entries.append(_notice(event))

    def record(self, step: Step, *, asked: bool = True) -> Step:
        """Append a step and do what its functions left to be written; to be done in `written`.

        `asked` is False for a step that no model call stands behind.

        Returns:
            The step, in whose results stands what could not be done.
        """
        deeds = list(self.work.unwritten)
        refused = {call_id: text for call_id, deed in deeds if (text := deed()) is not None}
        if refused:
            step = step.refused(refused)
        self.work.unwritten.clear()
        if asked:
            self.context.pressure_answered = self.context.pressure_announced
            self.state.counters.count_call(step.usage)
        if step.calls or step.text:
            self.context.entries.append(step)
        self.state.counters.searches += sum(1 for call in step.calls if "search" in call.name)
        for name, result in step.block_results if step.calls else ():
            if name in self.work.core and result.endswith(self.work.core.reading(name)):
                self.state.values_known[name] = self.work.core.shown(name).value  # it was seen
        if step.sent:
            now, origin = self.work.clock(), self.partners.partner or ""
            self._unsaid += [
                Message(timestamp=now, speaker=self.name, text=text, origin=origin)
                for text in step.sent
            ]
        return step

    def _completes(self, event: Event) -> bool:
        """Whether an event holds only results that calls in the queue wait for: put there."""
        if not isinstance(event, MessageEvent) or not event.results:
            return False
        results = {call_id: clean(text) for call_id, text in event.results}
        found = self.context.complete(results)
        if not event.text.strip():
            return True  # where the call has left the queue, there is nothing to say about it
        if found == set(results):
            self._unsaid.append(_cleaned(event))
            return True
        return False

    def _entry(self, event: Event) -> Queued:
        if isinstance(event, Login):
            said = self.work.recall.search("", limit=1, speaker=clean(event.name)).items
            event = event.after(said[0].timestamp if said else None)
        if told := self.participants.meet(event):
            for text in told:
                self.alert(text)
            if isinstance(event, MessageEvent) and event.group:
                self.state.values_known = {one.name: one.value for one in self.work.core.seen()}
            else:  # else the head would show what one partner said as if of another
                self.refresh_head()
        if not isinstance(event, MessageEvent):
            return _notice(event)
        heard = _cleaned(event)
        if heard.text.strip():
            heard = heard.model_copy(update={"id": self.work.recall.take_in(heard)})
        return heard

    def _write(self, connection: sqlite3.Connection) -> None:
        for message in self._unsaid:
            self.work.recall.take_in(_cleaned(message))
        self._unsaid.clear()
        context, state = self.context, self.state
        state.summary = context.summary
        state.memory_shown = context.memory
        state.pressure_announced = context.pressure_announced
        state.pressure_answered = context.pressure_answered
        state.token_factor = context.counter.factor
        state.paused_since, state.paused_until = self.work.paused_since, self.work.paused_until
        self.saved.save(connection, context.entries)

    # --- what leaves -------------------------------------------------------------

    def relieve(self, room: Room) -> None:
        """Evict what the model was warned of, once it has had its step to store things.

        Between turns, and before the limit: what would only be carried along is paid for
        at every call.
        """
        if self.context.pressure_answered:
            self._evict(room)

    def make_room(self, room: Room) -> None:
        """Evict until the prompt fits; then warn of memory pressure where it is due.

        Raises:
            ConfigurationError: the window does not hold the fixed parts, by our own count.
        """
        context = self.context
        context.relax()
        if context.tokens(room.tools) > context.budget.limit:
            context.show_ahead(None)  # the model can search for it
        if context.tokens(room.tools) > context.budget.limit:
            self._evict(room)
        if not context.fit(room.tools):
            raise context.too_small(room.tools)
        self.announce_pressure(room.tools)

    def announce_pressure(self, tools: Schemas) -> bool:
        """Append the memory pressure alert if it is due; True when it was."""
        if not self.context.under_pressure(tools):
            return False
        self.alert(PRESSURE)
        self.context.pressure_announced = True
        return True

    def overflowed(self, problem: ContextOverflowError, room: Room) -> bool:
        """Learn of a refusal and make the prompt smaller; False if it cannot be."""
        before = self.context.counted(room.tools)
        self.context.learn_of_overflow(problem, room.tools)
        self._evict(replace(room, keep=()))
        return self.context.counted(room.tools) < before or self.context.squeeze()

    def _evict(self, room: Room) -> None:
        """Let leave what `MainContext.evict` decides, and summarise it; all is written."""
        context = self.context
        context.show_ahead(None)
        before = context.tokens(room.tools)
        whole = list(context.entries)
        evicted = context.evict(room.tools, keep=room.keep)
        if not evicted:
            return
        try:
            context.summary = clean(room.summarizer().summarize(context.summary, evicted))
        except BaseException:
            context.entries[:] = whole  # an interrupt must not drop what no summary covers
            raise
        self.refresh_head()
        self.state.counters.evictions += 1
        self.state.counters.evicted_entries += len(evicted)
        self.save()
        self.store.indexer.nudge(hurry=True)  # what left the view is to be found by meaning
        after = context.tokens(room.tools)
        logger.info("evicted %d entries: %d → %d tokens", len(evicted), before, after)
        room.told(
            Eviction(
                entries=len(evicted),
                tokens_before=before,
                tokens_after=after,
                summary=context.summary,
            )
        )

    def refresh_head(self) -> None:
        """Show core memory and the sizes of the storages as they are now."""
        self.context.memory = self.work.head
        self.state.values_known = {block.name: block.value for block in self.work.core.seen()}

    def tell_of_changes(self) -> None:
        """Let the model know of blocks that programs, or others who share them, edited."""
        for block in self.work.core.news(self.state.values_known):
            self.alert(changed_block(block))


def _notice(event: Event) -> Notice:
    return Notice(
        timestamp=event.timestamp, text=clean(event.body()), alert=isinstance(event, SystemAlert)
    )


def _cleaned(message: M) -> M:
    """A message in which nothing is left that storage cannot hold."""
    update = {"text": clean(message.text), "speaker": clean(message.speaker)}
    return message.model_copy(update=update)
