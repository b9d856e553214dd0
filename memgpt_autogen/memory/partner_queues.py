"""Partner queues: whose queue and view of core memory are in use, where partners are kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.partners import View
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.memory.state import PutAside, SavedState


class Context(Protocol):
    """The main context, as far as it is a partner's own."""

    entries: list[Any]
    memory: str
    summary: str
    pressure_announced: bool
    pressure_answered: bool
    budget: Any

    def resize(self, budget: Any) -> None:
        """Render everything anew."""
        ...


class Workspace(Protocol):
    """What the model sees of a memory."""

    core: CoreMemory
    recall: RecallStorage
    archival: ArchivalStorage


class Queue(Protocol):
    """The queue manager, as far as it is needed here."""

    saved: SavedState

    @property
    def context(self) -> Context:
        """What the model sees."""
        ...

    @property
    def work(self) -> Workspace:
        """What functions work on."""
        ...

    def written(self) -> AbstractContextManager[None]:
        """What is done inside is written, or not done."""
        ...

    def refresh_head(self) -> None:
        """Show core memory as it is now."""
        ...


class PartnerQueues:
    """The present partner's queue stands in the main context, those of the others are put aside.

    Without keeping them apart there is one queue for all.

    Attributes:
        apart: whether partners are kept apart.
        partner: whose chat the present turn is in; None between turns.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.apart = False
        self.partner: str | None = None

    def keep_apart(self, apart: bool) -> None:
        """Keep partners apart from now on, or not.

        The one queue for all is that of events outside chats where they are kept apart. Those of
        partners stay what they are: a program that knows nothing of them may open a memory.
        """
        if apart and not self.apart:
            for tier in (self._queue.work.recall, self._queue.work.archival):
                tier.records.table.index_origins()
        self.apart = apart
        self._look()

    @contextmanager
    def of(self, partner: str) -> Iterator[None]:
        """Inside the `with` block what enters is of this partner's chat, empty for none.

        Raises:
            StateFormatError: its queue cannot be read.
            StorageError: it cannot be written; all is as before.
        """
        before, self.partner = self.partner, partner
        try:
            self._turn_to(partner)
            yield
        finally:
            self.partner = before
            if before is not None:  # a turn goes on, in which this one was taken
                self._turn_to(before)

    def ended(self, partner: str) -> None:
        """A turn in this partner's chat came to its end; to be done in `written`."""
        values = self._queue.saved.values
        if not self.apart or values.unfinished == partner:
            values.unfinished = None

    def own(self) -> PutAside:
        """What is the present partner's own."""
        context = self._queue.context
        return PutAside(
            queue=list(context.entries),
            memory_shown=context.memory,
            values_known=dict(self._queue.saved.values.values_known),
            summary=context.summary,
            pressure_announced=context.pressure_announced,
            pressure_answered=context.pressure_answered,
        )

    def all(self) -> Iterator[tuple[str, PutAside]]:
        """What is each partner's own; the present one's, or that of all, first."""
        yield self._queue.saved.values.partner, self.own()
        for partner in self._queue.saved.partners():
            yield partner, self._queue.saved.take_up(partner)

    def replace(self, partner: str, own: PutAside) -> None:
        """Let a partner have this queue and summary, and see core memory anew; in `written`."""
        if partner == self._queue.saved.values.partner:
            self._queue.context.entries[:] = own.queue
            self._queue.context.summary = own.summary
        else:
            anew = own.model_copy(update={"memory_shown": "", "values_known": {}})
            self._queue.saved.put_aside(partner, anew)

    def drop(self, partner: str) -> None:
        """Know a partner no more; in `written`."""
        saved = self._queue.saved
        if self.apart and saved.values.partner == partner:
            self._show("", saved.take_up(""))
            saved.put_aside("", None)
        saved.put_aside(partner, None)

    def reread(self) -> None:
        """Go on with what another process has saved since."""
        saved = self._queue.saved
        saved.read()
        self._show(saved.values.partner, saved.present)

    def _turn_to(self, partner: str) -> None:
        saved = self._queue.saved
        last, partner = saved.values.partner, partner if self.apart else ""
        if partner == last:
            return
        own = self.own()
        self._show(partner, saved.take_up(partner))
        try:
            with self._queue.written():
                saved.put_aside(last, own)
                saved.put_aside(partner, None)
                if not self._queue.context.memory:
                    self._queue.refresh_head()
        except BaseException:
            self._show(last, own)
            raise

    def _show(self, partner: str, own: PutAside) -> None:
        context, state = self._queue.context, self._queue.saved.values
        state.partner, state.values_known = partner, dict(own.values_known)
        context.entries[:], context.summary = own.queue, own.summary
        context.memory = own.memory_shown
        context.pressure_announced = own.pressure_announced
        context.pressure_answered = own.pressure_answered
        context.resize(context.budget)  # nothing that was rendered stays
        self._look()

    def _look(self) -> None:
        partner = self._queue.saved.values.partner if self.apart else None
        self._queue.work.core.view = View(partner)
