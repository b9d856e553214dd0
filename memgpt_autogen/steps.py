"""Steps: what the agent did, as typed values that views are rendered from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal

from pydantic import Field

from memgpt_autogen.values import Value

BLOCK_EDITS = ("core_memory_append", "core_memory_replace")


class Usage(Value):
    """Tokens of one model call, as the provider reported them.

    Attributes:
        whole: False where a prompt's cached tokens may be missing.
        requests: to the model; a small one is asked twice for one step.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    whole: bool = True
    requests: int = 1

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def plus(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            whole=self.whole and other.whole,
            requests=self.requests + other.requests,
        )


class FunctionCall(Value):
    """A call the model asked for; `arguments` is the JSON text as the model wrote it.

    `extra` is what its server wants back with it, as JSON; Gemini signs calls
    (https://ai.google.dev/gemini-api/docs/thought-signatures).
    """

    id: str
    name: str
    arguments: str
    extra: str = ""


class FunctionResult(Value):
    """What a call led to. `text` is what the model reads; `ok` is False for its mistakes.

    Attributes:
        framed: whose words are whose is marked in the text: a memory function made it.
    """

    call_id: str
    name: str
    ok: bool
    text: str
    heartbeat: bool = False
    framed: bool = False


class Completion(Value):
    """One answer of the model, read from the provider's response.

    Attributes:
        text: the content; beside calls it is inner monologue, alone a message.
        reasoning: what a reasoning model gave in `reasoning_content`.
        cut: the answer ended at the length limit (`finish_reason == "length"`).
        withheld: what the provider refused, so that the model did not see it, and why.
        retrieved: what AutoGen makes a reply of: a text, a message's fields, or nothing.
    """

    text: str = ""
    reasoning: str = ""
    calls: tuple[FunctionCall, ...] = ()
    usage: Usage | None = None
    cut: bool = False
    withheld: str = ""
    retrieved: str | Mapping[Any, Any] | None = Field(default=None, repr=False)


class Step(Value):
    """One model call and what came of it.

    A call without a result is run in the chat, where the result comes later.

    Attributes:
        text: content of the completion. With `calls` it is inner monologue.
        spoken: `text` went to the others as a message.
        sent: messages sent in this step, in order.
        withheld: what the provider refused before, so that the model did not see it, and why.
    """

    kind: Literal["step"] = "step"
    text: str = ""
    reasoning: str = ""
    spoken: bool = False
    calls: tuple[FunctionCall, ...] = ()
    results: tuple[FunctionResult, ...] = ()
    sent: tuple[str, ...] = ()
    usage: Usage | None = None
    withheld: str = ""

    @property
    def monologue(self) -> str:
        """The private thoughts of this step: reasoning, and text that was not sent."""
        parts = (self.reasoning, "" if self.spoken else self.text.strip())
        return "\n".join(part for part in parts if part)

    @property
    def pending(self) -> tuple[FunctionCall, ...]:
        """The calls whose results have yet to come in the chat."""
        answered = {result.call_id for result in self.results}
        return tuple(call for call in self.calls if call.id not in answered)

    def completed(self, results: Mapping[str, str]) -> Step:
        """The step with the results (by call id) that have come in the chat."""
        come = tuple(
            FunctionResult(call_id=call.id, name=call.name, ok=True, text=results[call.id])
            for call in self.pending
            if call.id in results
        )
        return self.model_copy(update={"results": (*self.results, *come)})

    def refused(self, texts: Mapping[str, str]) -> Step:
        """The step with calls (by id) that could not be done after all, and why."""
        results = tuple(
            one.model_copy(update={"ok": False, "text": f"Error: {texts[one.call_id]}"})
            if one.call_id in texts
            else one
            for one in self.results
        )
        return self.model_copy(update={"results": results})

    @property
    def block_results(self) -> tuple[tuple[str, str], ...]:
        """Names of core memory blocks, each with the result of the call that meant it."""
        texts = {result.call_id: result.text for result in self.results}
        return tuple(
            (str(json.loads(call.arguments).get("name")), texts[call.id])
            for call in self.calls
            if call.name in BLOCK_EDITS and call.id in texts
        )


class Eviction(Value):
    """Messages left the queue; `summary` is the recursive summary that now stands for them."""

    entries: int
    tokens_before: int
    tokens_after: int
    summary: str


class TurnEnd(str, Enum):
    """Why a turn ended."""

    SENT = "sent"
    SILENT = "silent"
    CALLED = "called a tool that runs in the chat"
    STEP_LIMIT = "step limit"
    TOKEN_BUDGET = "token budget"
    STOPPED = "stopped"


class Turn(Value):
    """All that happened between an event and the agent's yielding.

    Attributes:
        messages: what the agent said, in order; empty for a silent turn.
        calls: tools to be run in the chat, as the model wrote them; a turn goes on with
            their results.
        retrieved: what AutoGen would make a reply of: the model's last completion as a text, a
            message's fields, or nothing.
    """

    steps: tuple[Step, ...] = ()
    evictions: tuple[Eviction, ...] = ()
    messages: tuple[str, ...] = ()
    calls: tuple[FunctionCall, ...] = ()
    end: TurnEnd = TurnEnd.SILENT
    retrieved: str | Mapping[Any, Any] | None = Field(default=None, repr=False)

    @property
    def usage(self) -> Usage:
        """The sum over all steps."""
        return Usage(
            prompt_tokens=sum(step.usage.prompt_tokens for step in self.steps if step.usage),
            completion_tokens=sum(
                step.usage.completion_tokens for step in self.steps if step.usage
            ),
            requests=sum(step.usage.requests for step in self.steps if step.usage),
        )
