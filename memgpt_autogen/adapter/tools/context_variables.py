"""AutoGen's context variables, for tools that run inside an agent's turn.

In a group chat of AutoGen's patterns and in its remote service an executor gives them to
the tools and takes them from a `ReplyResult`. Inside a turn the agent's own are meant.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

from autogen import ConversableAgent

try:  # AG2 0.9 and later
    from autogen.agentchat.group import ReplyResult
    from autogen.tools.dependency_injection import ChatContext
except ImportError:
    ReplyResult = ChatContext = None

_PARAMETER = "context_variables"


def with_variables(agent: ConversableAgent, tool: str) -> ConversableAgent:
    """The agent that is to run a tool: where the tool deals with context variables, a copy.

    The copy gives the tool the agent's own, which what it changes of them, or returns in a
    `ReplyResult`, changes.
    """
    function = getattr(agent.function_map[tool], "_origin", None)
    if ReplyResult is None or function is None or not _deals_with_them(function):
        return agent
    # As AutoGen registers a tool; it has no public names for it.
    written = inspect.unwrap(function)
    same = [each for each in agent.tools if inspect.unwrap(each.func) is written]
    names = {name for each in same for name in each._chat_context_param_names}  # noqa: SLF001
    giving = copy.copy(agent)
    giving._function_map = {  # noqa: SLF001
        **agent.function_map,
        tool: agent._wrap_function(  # noqa: SLF001
            _given(function, agent.context_variables), {name: ChatContext(agent) for name in names}
        ),
    }
    return giving


def _deals_with_them(function: Callable[..., Any]) -> bool:
    returned = inspect.unwrap(function).__annotations__.get("return")
    return _PARAMETER in inspect.signature(function).parameters or "ReplyResult" in str(returned)


def _given(function: Callable[..., Any], variables: Any) -> Any:
    """The function with the variables filled in, whose result is what the model is to read."""
    signature = inspect.signature(function)
    parameters = dict(signature.parameters)
    taken = {_PARAMETER: variables} if parameters.pop(_PARAMETER, None) else {}

    def told(result: Any) -> Any:
        if not isinstance(result, ReplyResult):
            return result
        if result.context_variables is not None:
            variables.update(result.context_variables.to_dict())
        return result.message

    def given(*args: Any, **kwargs: Any) -> Any:
        return told(function(*args, **{**kwargs, **taken}))

    async def given_later(*args: Any, **kwargs: Any) -> Any:
        return told(await function(*args, **{**kwargs, **taken}))

    found: Any = given_later if inspect.iscoroutinefunction(function) else given
    functools.update_wrapper(found, function)
    found.__signature__ = signature.replace(parameters=list(parameters.values()))
    return found
