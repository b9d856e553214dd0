"""What one turn is given, and what it has come to so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memgpt_autogen.engine.asking.summarizer import Summarizer
from memgpt_autogen.engine.executor import Toolbox
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.events import Event
from memgpt_autogen.model.chat_model import ChatModel
from memgpt_autogen.steps import Completion, Eviction, FunctionCall, Step, Turn, TurnEnd


@dataclass(frozen=True)
class TurnRequest:
    """What one turn is given.

    Attributes:
        events: what it is about.
        model: answers it.
        toolbox: the user's tools, for this turn; None where there are none.
        role: AutoGen's system message as it stands now.
        partner: whose chat it is in; empty for an event outside chats.
        stop: once set, no call of a completion is run any more and the turn ends as STOPPED.
        on_step: is told of every step once it is written.
        on_eviction: is told of every eviction.
        answered: is called when the turn has ended with an answer, before that is written.
    """

    events: Sequence[Event]
    model: ChatModel
    toolbox: Toolbox | None
    role: str
    partner: str = ""
    stop: Stop | None = None
    on_step: Callable[[Step], None] = lambda step: None
    on_eviction: Callable[[Eviction], None] = lambda eviction: None
    answered: Callable[[], None] = lambda: None


@dataclass
class Progress:
    """What a turn has come to so far; `number` counts the turns of the agent's life."""

    request: TurnRequest
    number: int
    summarizer: Callable[[], Summarizer]
    arrived: Sequence[Queued]
    steps: list[Step] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    evictions: list[Eviction] = field(default_factory=list)
    completion: Completion = field(default_factory=Completion)  # the latest
    calls: Sequence[FunctionCall] = ()  # its calls, under their numbers
    nudged: bool = False
    for_pressure_only: bool = False

    def ended(self, end: TurnEnd) -> Turn:
        pending = {call.id for call in self.steps[-1].pending} if end is TurnEnd.CALLED else ()
        return Turn(
            steps=tuple(self.steps),
            evictions=tuple(self.evictions),
            messages=tuple(self.messages),
            calls=tuple(call for call in self.calls if call.id in pending),
            end=end,
            retrieved=self.completion.retrieved,
        )

    def evicted(self, eviction: Eviction) -> None:
        self.evictions.append(eviction)
        self.request.on_eviction(eviction)

    @property
    def tokens(self) -> int:
        return sum(step.usage.total for step in self.steps if step.usage)
