"""Occasions of turns that no chat asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memgpt_autogen.events import Event


@dataclass(frozen=True)
class Occasion:
    """What a turn is about that no chat asks for.

    Attributes:
        events: what the agent is told.
        partner: in whose queue, where partners are kept apart; empty: that of no chat.
        taken: is called before the turn; what it changes in the state is written with the
            events.
    """

    events: tuple[Event, ...]
    partner: str = ""
    taken: Callable[[], None] = lambda: None
