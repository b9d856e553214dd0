"""The user's tools: those of an AutoGen agent's client, and how the agent runs them."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from autogen import Agent, ConversableAgent, OpenAIWrapper

from memgpt_autogen.caller import Caller
from memgpt_autogen.safeguards import TOOL_BLOCKED, guarded_call, guarded_result
from memgpt_autogen.steps import FunctionCall, FunctionResult
from memgpt_autogen.storage.text import clean

_TOOL_KEYS = ("tools", "functions")
_CHOICE_KEYS = ("tool_choice", "parallel_tool_calls")
_TEMPLATE_KEYS = ("allow_format_str_template",)
_ALL_KEYS = (*_TOOL_KEYS, *_CHOICE_KEYS, *_TEMPLATE_KEYS)
_Work = Coroutine[Any, Any, tuple[bool, dict[str, Any]]]


class AutoGenToolbox:
    """The tools that were registered with an agent, in AutoGen's own ways.

    `register_for_llm`, `functions=[…]` and `llm_config["tools"]` put a tool before the
    model; `register_for_execution` and `function_map` let this agent run it. A tool
    it may not run is left to another agent.

    Args:
        chat: whose chat it is. In a group chat made by one of AutoGen's patterns all tools
            are left to the group: it fills in context variables and follows handoffs.
        further: tools for this turn only, in the OpenAI `tools` format.
        alone: nobody is there to run the tools that the agent may not run.
        caller: who awaits the turn; asynchronous tools run on its event loop.
    """

    def __init__(
        self,
        agent: ConversableAgent,
        client: OpenAIWrapper,
        *,
        chat: Agent | None = None,
        further: Sequence[Mapping[str, Any]] = (),
        alone: bool = False,
        caller: Caller | None = None,
    ) -> None:
        # Weak: it is kept after the turn, and what keeps it must not keep the agent alive.
        self._agent = weakref.proxy(agent)
        self._caller = caller
        self._left_to_group = chat is not None and getattr(agent, "_group_manager", None) is chat
        tools = tools_of(client)
        names = {tool["function"]["name"] for tool in tools}
        tools += [dict(tool) for tool in further if tool["function"]["name"] not in names]
        if alone:
            tools = [tool for tool in tools if self.runs(tool["function"]["name"])]
        self.schemas: Sequence[dict[str, Any]] = tools

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


def tools_of(client: OpenAIWrapper) -> list[dict[str, Any]]:
    """The tools in a client's configuration, old-style functions among them."""
    config = configs_of(client)[0]
    tools = [dict(tool) for tool in config.get("tools") or ()]
    functions = [{"type": "function", "function": dict(f)} for f in config.get("functions") or ()]
    return [*tools, *functions]


class ToollessClient:
    """A client that sends only the tools it is given with a call.

    AutoGen lets the tools of the configuration win over those of a call (0.2, 0.9) or
    adds the two up (0.14), so memory functions would be dropped or doubled. It would also
    take the whole main context for templates.
    """

    def __init__(self, client: OpenAIWrapper) -> None:
        self._client = client

    def extract_text_or_completion_object(self, response: Any) -> Any:
        """`OpenAIWrapper.extract_text_or_completion_object`."""
        return self._client.extract_text_or_completion_object(response)

    def create(self, **arguments: Any) -> Any:
        """`OpenAIWrapper.create`; the usage is counted in the agent's own client."""
        # Without tools, providers refuse what is said about the choice of one.
        keys = (*_TOOL_KEYS, *_TEMPLATE_KEYS) if arguments.get("tools") else _ALL_KEYS
        configs = configs_of(self._client)
        if not any(key in config for config in configs for key in keys):
            return self._client.create(**arguments)
        bare = copy.copy(self._client)
        bare._config_list = [  # noqa: SLF001 - AutoGen has no way to leave them out
            {key: value for key, value in config.items() if key not in keys} for config in configs
        ]
        try:
            return bare.create(**arguments)
        finally:  # the usage, and whose turn it is where the entries take turns
            kept = {key: value for key, value in vars(bare).items() if key != "_config_list"}
            vars(self._client).update(kept)


def configs_of(client: OpenAIWrapper) -> list[dict[str, Any]]:
    """The entries of a client's config_list; one empty entry for a stand-in that has none."""
    configs = getattr(client, "_config_list", None)
    return list(configs) if isinstance(configs, Sequence) and configs else [{}]


def formats_texts(client: OpenAIWrapper) -> bool:
    """Whether texts are templates for `str.format`, where a message brings a context."""
    return bool(configs_of(client)[0].get("allow_format_str_template"))


def _finish_here(work: _Work) -> tuple[bool, dict[str, Any]]:
    """Run a coroutine to its end in a thread of its own: this one may have a running loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(copy_context().run, asyncio.run, work).result()
