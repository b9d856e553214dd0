"""Inspection: what an agent did, and what its model sees, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memgpt_autogen.adapter.queue_view import QueueView
from memgpt_autogen.arguments import Positive, checked
from memgpt_autogen.engine.asking.view import ContextOverview
from memgpt_autogen.memory.state import KEPT_TURNS
from memgpt_autogen.steps import Step
from memgpt_autogen.storage.address import without_credentials

if TYPE_CHECKING:
    from memgpt_autogen.adapter.capability import MemGPTCapability


class Inspection:
    """What a program may look at: the same on agent and capability."""

    _memgpt_capability: MemGPTCapability

    @property
    def queue(self) -> QueueView:
        """What of the conversation the model has in view; an entry can be dropped."""
        return QueueView(self._memgpt_capability.turns)

    @property
    def last_steps(self) -> Sequence[Step]:
        """The typed steps of the latest turn, also of one before a restart."""
        return self._memgpt_capability.last_turn.steps

    @checked
    def steps(self, turns: Positive = KEPT_TURNS) -> list[tuple[Step, ...]]:
        """The typed steps of each of the latest turns, the oldest turn first.

        Ten turns are kept, also across restarts.
        """
        return list(self._memgpt_capability.open().queue.state.turns.values())[-turns:]

    def context_text(self) -> str:
        """The prompt that the model would be given now, as plain text.

        Its messages stand in their order, each as it is, under its role; the functions, in
        short, behind the first one. What is said next is added at the end.
        """
        return self._memgpt_capability.turns.context_text()

    def context_overview(self) -> ContextOverview:
        """Tokens per section of the main context, its window, and what lies outside."""
        return self._memgpt_capability.turns.overview()

    def __repr__(self) -> str:
        name = getattr(self, "name", None)  # of an agent that is yet to be made, there is none
        capability = getattr(self, "_memgpt_capability", None)
        memory = without_credentials(capability.settings.location) if capability else "…"
        return f"{type(self).__name__}({f'{name!r}, ' if name else ''}memory={memory!r})"
