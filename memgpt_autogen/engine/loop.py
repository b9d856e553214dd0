"""The loop: events in, steps out; heartbeats chain the steps of a turn.

MemGPT (arXiv 2310.08560, section 2.4 "Control flow and function chaining").
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memgpt_autogen.engine.asking.asker import Asker
from memgpt_autogen.engine.asking.prefetch import Prefetch
from memgpt_autogen.engine.asking.summarizer import Summarizer
from memgpt_autogen.engine.executor import CallNumbers, Executor, Toolbox, broken_off, step_of
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.engine.queue_manager import QueueManager, Room, Schemas
from memgpt_autogen.engine.turn_lock import Stop, TurnStopped
from memgpt_autogen.errors import StorageError
from memgpt_autogen.events import Event
from memgpt_autogen.model.chat_model import ChatModel
from memgpt_autogen.steps import (
    Completion,
    Eviction,
    FunctionCall,
    FunctionResult,
    Step,
    Turn,
    TurnEnd,
)

logger = logging.getLogger(__name__)

MOST_CALLS = 16  # of one completion: more is a model that has lost its way

NUDGE = "nobody heard you: you have not sent a message in this turn. Answer now with send_message."
LAST_STEP = "this is your last step in this turn: answer now with send_message."
TOO_MANY = "you made {} calls at once; only the first {} were run."
STEP_LIMIT_REPLY = "I have to stop here: I used up the steps I may take in one turn."
TOKEN_BUDGET_REPLY = "I have to stop here: I used up the tokens I may spend in one turn."


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
class _Progress:
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


@dataclass(eq=False)
class Loop:
    """Runs turns.

    Attributes:
        max_steps: model calls one turn may make.
        token_budget: prompt and completion tokens one turn may use, None for no bound.
    """

    queue: QueueManager
    executor: Executor
    work: Workspace
    asker: Asker
    prefetch: Prefetch
    max_steps: int
    token_budget: int | None = None

    def __post_init__(self) -> None:
        self._numbers = CallNumbers(self.queue.name, self.queue.state.counters)

    def run(self, request: TurnRequest, summarizer: Callable[[], Summarizer]) -> Turn:
        """One turn: take the events in, then step until the agent yields.

        `summarizer` gives who makes the summary of what leaves the queue. What came in and
        what was done is kept, also when it is stopped or fails, for another
        turn to go on from.

        Raises:
            ConfigurationError: the context window is too small for the fixed parts.
            ContextOverflowError: the provider refuses even the smallest prompt.
            StorageError: what came in, or a step, cannot be written.
            Exception: errors of the provider, unchanged.
        """
        self.queue.state.counters.turns += 1
        number = self.queue.state.counters.turns
        progress = _Progress(request, number, summarizer, self.queue.take_in(request.events))
        try:
            self.queue.relieve(self._room(progress))
            self.prefetch.ahead(progress.arrived)
            return self._steps(progress)
        except TurnStopped:
            # A model that ran only to store things had nothing more to say.
            if progress.for_pressure_only:
                return self._end(progress, TurnEnd.SENT)
            return progress.ended(TurnEnd.STOPPED)

    def _steps(self, progress: _Progress) -> Turn:
        stop = progress.request.stop
        while True:
            if stop is not None:
                stop.check()
            if len(progress.steps) >= self.max_steps:
                return self._farewell(progress, TurnEnd.STEP_LIMIT, STEP_LIMIT_REPLY)
            if self.token_budget is not None and progress.tokens >= self.token_budget:
                return self._farewell(progress, TurnEnd.TOKEN_BUDGET, TOKEN_BUDGET_REPLY)
            if len(progress.steps) == self.max_steps - 1 > 0 and not progress.messages:
                self.queue.alert(LAST_STEP)
            try:
                completion = self._ask(progress)
            except Exception as problem:
                if (turn := self._failed(progress, problem)) is None:
                    raise
                return turn
            if stop is not None and stop.is_set:
                self.queue.state.counters.count_call(completion.usage)
                raise TurnStopped
            step = self._act(completion, progress)
            end = self._record(step, progress)
            if end is not None:
                return progress.ended(end)

    def _failed(self, progress: _Progress, problem: Exception) -> Turn | None:
        """What a turn comes to whose model fails; None where that is the caller's to handle."""
        if progress.request.stop is not None:
            progress.request.stop.check()
        if not progress.messages:
            return None
        # What was sent is recorded as said, so it must be heard.
        logger.error("the model failed after %s had answered", self.queue.name, exc_info=problem)
        return self._end(progress, TurnEnd.SENT)

    def _record(self, step: Step, progress: _Progress) -> TurnEnd | None:
        """Write a step, all that it did and whether the turn goes on; why it ends, if it does."""
        with self.queue.written():
            step = self.queue.record(step)
            progress.steps.append(step)
            self.queue.state.keep(progress.number, step)
            progress.messages.extend(step.sent)
            end = self._yields(step, progress)
            if end is not None:
                progress.request.answered()
        progress.request.on_step(step)
        return end

    def _end(self, progress: _Progress, end: TurnEnd) -> Turn:
        with self.queue.written():
            progress.request.answered()
        return progress.ended(end)

    def _farewell(self, progress: _Progress, end: TurnEnd, text: str) -> Turn:
        """End a turn at one of its ceilings; where nothing was said yet, with `text`."""
        with self.queue.written():
            if not progress.messages:
                self.queue.record(Step(text=text, spoken=True, sent=(text,)), asked=False)
                progress.messages.append(text)
            progress.request.answered()
        return progress.ended(end)

    def _ask(self, progress: _Progress) -> Completion:
        """The model's completion of the main context, made to fit its window."""
        if progress.steps:  # before the first step `take_in` has just looked
            self.queue.tell_of_changes()
        return self.asker.ask(progress.request.model, self._room(progress))

    def _room(self, progress: _Progress) -> Room:
        schemas = self._offered(progress)
        return Room(schemas, progress.summarizer, progress.arrived, progress.evicted)

    def _offered(self, progress: _Progress) -> Schemas:
        return self.asker.decider.offers(progress.request.model.name, self.executor.schemas)

    def _act(self, completion: Completion, progress: _Progress) -> Step:
        """Run the calls of a completion; text alone is a message unless nobody waits for one."""
        speaking = not progress.for_pressure_only
        progress.completion = completion
        if not completion.calls:
            spoken = bool(completion.text) and speaking
            return Step(
                text=completion.text,
                reasoning=completion.reasoning,
                spoken=spoken,
                sent=(completion.text,) if spoken else (),
                usage=completion.usage,
                withheld=completion.withheld,
            )
        calls = tuple(self._numbers.numbered(call) for call in completion.calls[:MOST_CALLS])
        if len(calls) < len(completion.calls):
            self.queue.alert(TOO_MANY.format(len(completion.calls), MOST_CALLS))
        progress.calls = calls
        results: list[FunctionResult] = []
        sent: list[str] = []
        self.work.outbox.clear()
        for call in calls:
            self.work.muted = not speaking
            try:
                result = self.executor.execute(call, calls)
            except BaseException:
                sent.extend(self.work.outbox)
                self._keep_part(
                    step_of(completion, calls, [*results, broken_off(call)], sent), progress
                )
                raise
            # At once: a tool may let the agent take another turn, with an outbox of its own.
            sent.extend(self.work.outbox)
            self.work.outbox.clear()
            if result is not None:
                results.append(result)
        return step_of(completion, calls, results, sent)

    def _keep_part(self, step: Step, progress: _Progress) -> None:
        """Record what was done of a step that was broken off, on the way of an exception."""
        done = {result.call_id for result in step.results}
        calls = tuple(call for call in step.calls if call.id in done)
        try:
            with self.queue.written():
                step = self.queue.record(step.model_copy(update={"calls": calls}))
                progress.steps.append(step)
                self.queue.state.keep(progress.number, step)
        except StorageError:
            logger.exception("a step of %s that was broken off is lost", self.queue.name)

    def _yields(self, step: Step, progress: _Progress) -> TurnEnd | None:
        """Why the turn ends after `step`, or None when the model runs again."""
        if step.calls and step.pending:
            return TurnEnd.CALLED
        if any(result.heartbeat or not result.ok for result in step.results):
            return None
        if self.queue.announce_pressure(self._offered(progress)):
            progress.for_pressure_only = bool(progress.messages)
            return None
        if progress.messages:
            return TurnEnd.SENT
        if progress.nudged:
            return TurnEnd.SILENT
        progress.nudged = True
        self.queue.alert(NUDGE)
        return None
