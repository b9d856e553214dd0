"""The overview: how full the main context is, and how much lies outside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memgpt_autogen.engine.build import Mind
from memgpt_autogen.engine.state import Counters


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


def overview_of(mind: Mind) -> ContextOverview:
    """The state of a mind's main context and its storages."""
    context, work = mind.queue.context, mind.workspace
    sections = context.sections(mind.executor.schemas)
    return ContextOverview(
        window=context.budget.window,
        sections={part: context.counter.corrected(size) for part, size in sections.items()},
        queue_entries=len(context.entries),
        recall_messages=len(work.recall),
        archival_passages=len(work.archival),
        counters=mind.queue.state.counters.model_copy(),
    )
