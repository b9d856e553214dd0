"""What the model sees: the tokens of each part of its prompt, and the prompt as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.engine.deciding.decider import Decider
from memgpt_autogen.engine.formatting import messages_of
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import MainContext, Queued
from memgpt_autogen.memory.state import Counters
from memgpt_autogen.model.prompt_text import prompt_text


@dataclass(frozen=True)
class ContextOverview:
    """How full the main context is, and how much lies outside it.

    Attributes:
        window: tokens the model takes.
        sections: tokens of each part of the prompt, as the provider is likely to count.
        counters: turns, model calls, tokens, searches and evictions of the agent's life.
    """

    window: int
    sections: Mapping[str, int]
    queue_entries: int
    recall_messages: int
    archival_passages: int
    counters: Counters

    @property
    def total(self) -> int:
        """Tokens of the whole prompt."""
        return sum(self.sections.values())


@dataclass(frozen=True)
class ModelView:
    """What a model of a name sees of a memory; nothing is changed by looking."""

    model: str
    work: Workspace
    context: MainContext
    decider: Decider
    schemas: Sequence[Mapping[str, Any]]

    def overview(self, counters: Counters) -> ContextOverview:
        """The state of the main context and the storages."""
        context, work = self.context, self.work
        sections = context.sections(self.decider.offers(self.model, self.schemas))
        return ContextOverview(
            window=context.budget.window,
            sections={part: context.counter.corrected(size) for part, size in sections.items()},
            queue_entries=len(context.entries),
            recall_messages=len(work.recall),
            archival_passages=len(work.archival),
            counters=counters.model_copy(),
        )

    def text(self, told: Sequence[Queued] = ()) -> str:
        """The prompt of a model call at this moment, as plain text.

        Args:
            told: what a call would first add to the queue.
        """
        if self.decider.decides(self.model):
            return prompt_text(self.decider.prompt(self.context, self.schemas))
        context = self.context
        changes = (
            message for one in told for message in messages_of(one, context.shown, context.zone)
        )
        return prompt_text([*context.render(), *changes], self.schemas)
