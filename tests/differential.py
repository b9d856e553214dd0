"""One program with AssistantAgent and with MemGPTAgent, and what a caller sees of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autogen import AssistantAgent, ConversableAgent, UserProxyAgent

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, say

Scenario = Callable[["Make", ScriptedModel], Any]
Script = Callable[[ChatRequest], Step]


class Make:
    """Makes the agents of a program.

    Attributes:
        kind: their class.
    """

    def __init__(self, kind: type[Any], memory: Path) -> None:
        self.kind = kind
        self.made: list[Any] = []
        self._memory = memory

    def __call__(
        self,
        name: str,
        *args: Any,
        extend: Callable[[type[Any]], type[Any]] | None = None,
        **kwargs: Any,
    ) -> Any:
        """An agent without a model, unless `llm_config` is given; `extend` makes a subclass."""
        kwargs.setdefault("llm_config", False)
        if self.kind is MemGPTAgent:
            kwargs.setdefault("memory", self._memory / str(len(self.made)))
        kind = extend(self.kind) if extend else self.kind
        self.made.append(kind(name, *args, **kwargs))
        return self.made[-1]


def outcomes(program: Scenario, memory: Path, script: Script = lambda request: say("fine")) -> Any:
    """What a program gives with AssistantAgent, and with MemGPTAgent."""
    found = []
    for kind in (AssistantAgent, MemGPTAgent):
        make = Make(kind, memory)
        with ScriptedModel(script) as model:
            found.append(outcome(program, make, model))
            for agent in make.made if kind is MemGPTAgent else ():
                agent.close()
    return found


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or the error it ends with."""
    try:
        found = function(*args, **kwargs)
    except Exception as problem:  # noqa: BLE001 - any error is a result to compare
        text = str(problem).replace("MemGPTAgent", "AssistantAgent")
        text = re.sub(r"0x[0-9a-f]+", "0x…", text)  # where an object lies says nothing
        return f"{type(problem).__name__}: {text}"
    return "an agent" if isinstance(found, ConversableAgent) else found


def user(name: str = "user", **kwargs: Any) -> Any:
    """A user who is never asked and says nothing of its own."""
    kwargs.setdefault("default_auto_reply", "")
    return UserProxyAgent(name, human_input_mode="NEVER", code_execution_config=False, **kwargs)
