"""Calls as they are kept: under ids of ours, in a form that every provider takes back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

import numpy as np

from memgpt_autogen.engine.state import Counters
from memgpt_autogen.steps import Completion, FunctionCall, FunctionResult, Step

BROKEN_OFF = "Error: broken off before it ended; parts of it may have been done."


class CallNumbers:
    """Gives calls ids: models repeat theirs, and providers refuse repeats.

    Args:
        agent: its name; results of tools come back by id through a chat, where other
            agents number calls too.
        counters: say how many there were.
    """

    def __init__(self, agent: str, counters: Counters) -> None:
        self._counters = counters
        name = agent.encode("utf-8", "replace")
        self._mark = hashlib.blake2b(name, digest_size=2).hexdigest()

    def numbered(self, call: FunctionCall) -> FunctionCall:
        """The call under the next id."""
        self._counters.calls_numbered += 1
        number = np.base_repr(self._counters.calls_numbered, 36).lower()
        # Mistral takes nothing but nine letters and digits.
        return call.model_copy(update={"id": f"{self._mark}{number:0>5}"})


def step_of(
    completion: Completion,
    calls: Sequence[FunctionCall],
    results: Sequence[FunctionResult],
    sent: Sequence[str],
) -> Step:
    """The step that a completion's calls came to."""
    return Step(
        text=completion.text,
        reasoning=completion.reasoning,
        calls=tuple(_presentable(call) for call in calls),
        results=tuple(results),
        sent=tuple(sent),
        usage=completion.usage,
    )


def broken_off(call: FunctionCall) -> FunctionResult:
    """The result of a call that an exception broke off."""
    return FunctionResult(call_id=call.id, name=call.name, ok=False, text=BROKEN_OFF)


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
