"""The loop: events in, steps out; heartbeats chain the steps of a turn.

MemGPT (arXiv 2310.08560, section 2.4 "Control flow and function chaining").
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from memgpt_autogen.errors import ContextOverflowError
from memgpt_autogen.events import Event
from memgpt_autogen.executor import Executor
from memgpt_autogen.functions import Workspace
from memgpt_autogen.main_context import ChatMessage, EventEntry
from memgpt_autogen.queue_manager import QueueManager, Schemas
from memgpt_autogen.steps import Completion, FunctionCall, FunctionResult, Step, Turn, TurnEnd
from memgpt_autogen.summarizer import Summarizer

logger = logging.getLogger(__name__)

OVERFLOW_RETRIES = 4

NUDGE = "nobody heard you: you have not sent a message in this turn. Answer now with send_message."
LAST_STEP = "this is your last step in this turn: answer now with send_message."
STEP_LIMIT_REPLY = "I have to stop here: I used up the steps I may take in one turn."
TOKEN_BUDGET_REPLY = "I have to stop here: I used up the tokens I may spend in one turn."


class ChatModel(Protocol):
    """What the loop needs of a model."""

    def complete(self, messages: Sequence[ChatMessage], tools: Schemas = ()) -> Completion:
        """One completion; raises `ContextOverflowError` when the request is too large."""
        ...


@dataclass
class _Progress:
    """What a turn has come to so far."""

    arrived: Sequence[EventEntry]
    steps: list[Step] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    nudged: bool = False
    for_pressure_only: bool = False

    def ended(self, end: TurnEnd) -> Turn:
        return Turn(
            steps=tuple(self.steps),
            messages=tuple(self.messages),
            calls=self.steps[-1].pending if self.steps else (),
            end=end,
        )

    @property
    def tokens(self) -> int:
        return sum(step.usage.total for step in self.steps if step.usage)


class Loop:
    """Runs turns.

    Args:
        on_step: is told of every step as it ends.
        max_steps: model calls one turn may make.
        token_budget: prompt and completion tokens one turn may use, None for no bound.
    """

    def __init__(
        self,
        queue: QueueManager,
        executor: Executor,
        workspace: Workspace,
        *,
        max_steps: int,
        token_budget: int | None = None,
        on_step: Callable[[Step], None] = lambda step: None,
    ) -> None:
        self._queue = queue
        self._executor = executor
        self._work = workspace
        self._max_steps = max_steps
        self._token_budget = token_budget
        self._on_step = on_step
        # Results of tools come back by id through a chat, where other agents number calls too.
        name = queue.name.encode("utf-8", "replace")
        self._call_mark = hashlib.blake2b(name, digest_size=2).hexdigest()

    def run(self, events: Sequence[Event], model: ChatModel, summarizer: Summarizer) -> Turn:
        """One turn: take the events in, then step until the agent yields.

        Raises:
            ConfigurationError: the context window is too small for the fixed parts.
            ContextOverflowError: the provider refuses even the smallest prompt.
            Exception: errors of the provider, unchanged; what came in is kept.
        """
        progress = _Progress(self._queue.admit(events))
        self._queue.state.counters.turns += 1
        try:
            turn = self._steps(progress, model, summarizer)
        finally:
            self._queue.flush()
        return turn

    def _steps(self, progress: _Progress, model: ChatModel, summarizer: Summarizer) -> Turn:
        while True:
            if len(progress.steps) >= self._max_steps:
                return self._farewell(progress, TurnEnd.STEP_LIMIT, STEP_LIMIT_REPLY)
            if self._token_budget is not None and progress.tokens >= self._token_budget:
                return self._farewell(progress, TurnEnd.TOKEN_BUDGET, TOKEN_BUDGET_REPLY)
            if len(progress.steps) == self._max_steps - 1 > 0 and not progress.messages:
                self._queue.alert(LAST_STEP)
            try:
                completion = self._ask(progress, model, summarizer)
            except Exception:
                if not progress.messages:
                    raise
                # What was sent is recorded as said, so it must be heard.
                logger.exception("the model failed after %s had answered", self._queue.name)
                return progress.ended(TurnEnd.SENT)
            step = self._act(completion, speaking=not progress.for_pressure_only)
            progress.steps.append(step)
            progress.messages.extend(step.sent)
            self._queue.record(step)
            self._on_step(step)
            end = self._yields(step, progress)
            if end is not None:
                return progress.ended(end)

    def _farewell(self, progress: _Progress, end: TurnEnd, text: str) -> Turn:
        """End a turn at one of its ceilings; where nothing was said yet, with `text`."""
        if not progress.messages:
            self._queue.record(Step(text=text, spoken=True, sent=(text,)), asked=False)
            progress.messages.append(text)
        return progress.ended(end)

    def _ask(self, progress: _Progress, model: ChatModel, summarizer: Summarizer) -> Completion:
        """The model's completion of the main context, made to fit its window."""
        queue, tools = self._queue, self._executor.schemas
        queue.tell_of_changes()
        for _ in range(OVERFLOW_RETRIES):
            queue.make_room(tools, summarizer, progress.arrived)
            counted = queue.context.counted(tools)
            try:
                completion = model.complete(queue.context.render(), tools)
            except ContextOverflowError as problem:
                logger.info("the provider refused the prompt as too large: %s", problem)
                if not queue.overflowed(problem, tools, summarizer):
                    raise
            else:
                if completion.usage:
                    queue.context.counter.learn(counted, completion.usage.prompt_tokens)
                return completion
        queue.make_room(tools, summarizer, progress.arrived)
        return model.complete(queue.context.render(), tools)

    def _act(self, completion: Completion, *, speaking: bool) -> Step:
        """Run the calls of a completion; text alone is a message unless nobody waits for one."""
        if not completion.calls:
            spoken = bool(completion.text) and speaking
            return Step(
                text=completion.text,
                reasoning=completion.reasoning,
                spoken=spoken,
                sent=(completion.text,) if spoken else (),
                usage=completion.usage,
            )
        calls = tuple(self._numbered(call) for call in completion.calls)
        if any("search" in call.name for call in calls):
            self._queue.flush()  # a search must find what was just said
        results: list[FunctionResult] = []
        sent: list[str] = []
        self._work.outbox.clear()
        for call in calls:
            self._work.muted = not speaking
            result = self._executor.execute(call)
            # At once: a tool may let the agent take another turn, with an outbox of its own.
            sent.extend(self._work.outbox)
            self._work.outbox.clear()
            if result is not None:
                results.append(result)
        return Step(
            text=completion.text,
            reasoning=completion.reasoning,
            calls=tuple(_presentable(call) for call in calls),
            results=tuple(results),
            sent=tuple(sent),
            usage=completion.usage,
        )

    def _numbered(self, call: FunctionCall) -> FunctionCall:
        """The call under an id of ours: models repeat ids, and providers refuse repeats."""
        counters = self._queue.state.counters
        counters.calls_numbered += 1
        number = np.base_repr(counters.calls_numbered, 36).lower()
        # Mistral takes nothing but nine letters and digits.
        return call.model_copy(update={"id": f"{self._call_mark}{number:0>5}"})

    def _yields(self, step: Step, progress: _Progress) -> TurnEnd | None:
        """Why the turn ends after `step`, or None when the model runs again."""
        if step.pending:
            return TurnEnd.CALLED
        if any(result.heartbeat or not result.ok for result in step.results):
            return None
        if self._queue.announce_pressure(self._executor.schemas):
            progress.for_pressure_only = bool(progress.messages)
            return None
        if progress.messages:
            return TurnEnd.SENT
        if progress.nudged:
            return TurnEnd.SILENT
        progress.nudged = True
        self._queue.alert(NUDGE)
        return None


def _presentable(call: FunctionCall) -> FunctionCall:
    """The call as later requests may quote it: providers refuse broken JSON and odd names."""
    try:
        sound = isinstance(json.loads(call.arguments), dict)
    except ValueError:
        sound = False
    quoted = {"arguments_that_are_no_json": call.arguments[:200]} if call.arguments else {}
    return call.model_copy(
        update={
            "name": re.sub(r"[^a-zA-Z0-9_-]", "_", call.name)[:64] or "unnamed",
            "arguments": call.arguments if sound else json.dumps(quoted),
        }
    )
