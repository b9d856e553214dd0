"""The user's tools: those of an AutoGen agent's client, and how the agent runs them."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from autogen import Agent, ConversableAgent

from memgpt_autogen.adapter.threads import Caller
from memgpt_autogen.model.safeguards import TOOL_BLOCKED, guarded_call, guarded_result
from memgpt_autogen.steps import FunctionCall, FunctionResult
from memgpt_autogen.storage.text import clean

_Work = Coroutine[Any, Any, tuple[bool, dict[str, Any]]]


class AutoGenToolbox:
    """The tools that were registered with an agent, in AutoGen's own ways, for one turn.

    `register_for_llm`, `functions=[…]` and `llm_config["tools"]` put a tool before the
    model; `register_for_execution` and `function_map` let this agent run it. A tool
    it may not run is left to another agent.

    Args:
        agent: runs them.
        tools: those that its model knows, in the OpenAI `tools` format.
        chat: whose chat it is. In a group chat made by one of AutoGen's patterns all tools
            are left to the group: it fills in context variables and follows handoffs.
        further: tools for this turn only, in the OpenAI `tools` format.
        alone: nobody is there to run the tools that the agent may not run.
        caller: who awaits the turn; asynchronous tools run on its event loop.
    """

    def __init__(
        self,
        agent: ConversableAgent,
        tools: Sequence[Mapping[str, Any]],
        *,
        chat: Agent | None = None,
        further: Sequence[Mapping[str, Any]] = (),
        alone: bool = False,
        caller: Caller | None = None,
    ) -> None:
        self._agent = agent
        self._caller = caller
        self._left_to_group = chat is not None and getattr(agent, "_group_manager", None) is chat
        names = {tool["function"]["name"] for tool in tools}
        new = [tool for tool in further if tool["function"]["name"] not in names]
        self.schemas: Sequence[dict[str, Any]] = [
            dict(tool)
            for tool in (*tools, *new)
            if not alone or self.runs(tool["function"]["name"])
        ]

    def runs(self, name: str) -> bool:
        """Whether the agent itself may run the tool."""
        return not self._left_to_group and bool(self._agent.can_execute_function(name))

    def run(self, call: FunctionCall) -> FunctionResult:
        """Run it as AutoGen would; the model always sees the result in another step."""
        asked = {"name": call.name, "arguments": call.arguments or "{}"}
        request = guarded_call(self._agent, asked)
        if request is None:
            done, answer = False, {"content": TOOL_BLOCKED}
        elif inspect.iscoroutinefunction(self._agent.function_map[call.name]):
            done, answer = self._finish(self._agent.a_execute_function(request))
        else:
            done, answer = self._agent.execute_function(request)
        content = guarded_result(self._agent, answer)["content"]
        text = content if isinstance(content, str) else json.dumps(content, default=str)
        return FunctionResult(
            call_id=call.id, name=call.name, ok=bool(done), text=clean(text), heartbeat=True
        )

    def _finish(self, work: _Work) -> tuple[bool, dict[str, Any]]:
        try:
            return _finish_here(work) if self._caller is None else self._caller.run(work)
        except (asyncio.CancelledError, CancelledError):
            return False, {"content": "Error: the tool was cancelled."}


def _finish_here(work: _Work) -> tuple[bool, dict[str, Any]]:
    """Run a coroutine to its end in a thread of its own: this one may have a running loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(copy_context().run, asyncio.run, work).result()
