"""The log of model calls: a line each, and the prompts for who looks closely."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.model.chat_model import ChatModel
from memgpt_autogen.model.prompt_text import prompt_text
from memgpt_autogen.model.protocol.rules import DEFAULT_RULES, ServerRules
from memgpt_autogen.steps import Completion

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoggedModel:
    """A model whose calls are logged: at INFO what each came to, at DEBUG its prompt.

    Of an error only its kind, for its text may hold a key.
    """

    model: ChatModel
    agent: str

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def parameters(self) -> Collection[str]:
        """Names of what is sent beside messages and tools."""
        return self.model.parameters

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        rules: ServerRules = DEFAULT_RULES,
        **asked: Any,
    ) -> Completion:
        """What the model says."""
        kind = "model call" if tools or asked.get("heard") else "summary"
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s: %s, prompt:\n%s", self.agent, kind, prompt_text(messages, tools))
        start = time.perf_counter()
        outcome = "failed"
        try:
            completion = self.model.complete(messages, tools, rules, **asked)
            outcome = _outcome(completion)
            return completion
        except Exception as problem:
            outcome = f"failed with {type(problem).__name__}"
            raise
        finally:
            milliseconds = (time.perf_counter() - start) * 1000
            logger.info("%s: %s, %.0f ms, %s", self.agent, kind, milliseconds, outcome)


def _outcome(completion: Completion) -> str:
    usage = completion.usage
    used = "tokens unknown"
    if usage is not None:
        used = f"{usage.prompt_tokens} prompt and {usage.completion_tokens} completion tokens"
    names = ", ".join(" ".join(call.name.split())[:64] for call in completion.calls)
    return f"{used}, called {names or 'nothing'}"
