"""The user's tools: those of an AutoGen agent's client, and how the agent runs them."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Collection, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from autogen import Agent, ConversableAgent

from memgpt_autogen.adapter.threads import Caller, apply, noting_changes
from memgpt_autogen.adapter.tools.context_variables import with_variables
from memgpt_autogen.adapter.tools.executors import has_executor
from memgpt_autogen.model.safeguards import TOOL_BLOCKED, guarded_call, guarded_result
from memgpt_autogen.steps import FunctionCall, FunctionResult
from memgpt_autogen.storage.text import clean

T = TypeVar("T")

_Work = Coroutine[Any, Any, tuple[bool, dict[str, Any]]]


class AutoGenToolbox:
    """The tools that were registered with an agent, in AutoGen's own ways, for one turn.

    `register_for_llm`, `functions=[…]` and `llm_config["tools"]` put a tool before the
    model; `register_for_execution` and `function_map` let an agent run it. Where it runs, in
    the chat or inside the turn, `Settings.tools` decides.

    Args:
        agent: whose they are.
        tools: those that its model knows, in the OpenAI `tools` format.
        place: where they run, as in `Settings.tools`.
        chat: whose chat it is.
        further: tools for this turn only, in the OpenAI `tools` format; whoever gives some,
            or an empty list, runs all of them.
        alone: nobody is there to run the tools that the agent may not run.
        caller: who awaits the turn; asynchronous tools run on its event loop.
    """

    def __init__(
        self,
        agent: ConversableAgent,
        tools: Sequence[Mapping[str, Any]],
        *,
        place: str = "auto",
        chat: Agent | None = None,
        further: Sequence[Mapping[str, Any]] | None = None,
        alone: bool = False,
        caller: Caller | None = None,
    ) -> None:
        self._agent = agent
        self._place = "chat" if place == "auto" and further is not None else place
        self._chat = chat
        self._alone = alone
        self._caller = caller
        names = {tool["function"]["name"] for tool in tools}
        new = [tool for tool in further or () if tool["function"]["name"] not in names]
        self.schemas: Sequence[dict[str, Any]] = [
            dict(tool)
            for tool in (*tools, *new)
            if not alone or agent.can_execute_function(tool["function"]["name"])
        ]
        self._names = {tool["function"]["name"] for tool in self.schemas}

    def runs(self, name: str, beside: Collection[str]) -> bool:
        """Whether a tool is run inside the turn, where a completion calls these."""
        if not self._agent.can_execute_function(name):
            return False
        if self._alone:
            return True
        if self._place == "turn":  # but AutoGen's patterns follow handoffs and variables
            return self._chat is None or getattr(self._agent, "_group_manager", None) != self._chat
        if self._place == "chat":
            return False
        called = {name, *self._names.intersection(beside)}
        return not has_executor(self._chat, self._agent, name, called)

    def run(self, call: FunctionCall) -> FunctionResult:
        """Run it as AutoGen would; the model always sees the result in another step."""
        asked = {"name": call.name, "arguments": call.arguments or "{}"}
        request = guarded_call(self._agent, asked)
        agent = with_variables(self._agent, call.name)
        if request is None:
            done, answer = False, {"content": TOOL_BLOCKED}
        elif inspect.iscoroutinefunction(agent.function_map[call.name]):
            done, answer = self._finish(agent.a_execute_function(request))
        else:
            done, answer = agent.execute_function(request)
        content = guarded_result(self._agent, answer)["content"]
        text = content if isinstance(content, str) else json.dumps(content, default=str)
        return FunctionResult(
            call_id=call.id, name=call.name, ok=bool(done), text=clean(text), heartbeat=True
        )

    def _finish(self, work: _Work) -> tuple[bool, dict[str, Any]]:
        """Run a coroutine to its end; context variables that it sets are set here too."""
        noting = noting_changes(work)
        try:
            found, changes = (
                _finish_here(noting) if self._caller is None else self._caller.run(noting)
            )
        except (asyncio.CancelledError, CancelledError):
            return False, {"content": "Error: the tool was cancelled."}
        apply(changes)
        return found


def _finish_here(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own: this one may have a running loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(copy_context().run, asyncio.run, work).result()
