"""What OpenAI's protocol demands of a request, of whatever provider."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def error_body(
    message: str, type: str | None, param: str | None = None, code: str | int | None = None
) -> dict[str, Any]:
    """An error in the form that OpenAI's clients read."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def violation(body: Any) -> str | None:
    """The first rule of the protocol that `body` breaks, in words; None when it is sound."""
    if not isinstance(body, dict):
        return "the body must be a JSON object"
    if not isinstance(body.get("model"), str):
        return "'model' must be a string"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "'messages' must be a list with at least one message"
    for index, message in enumerate(messages):
        if problem := _message_violation(message):
            return f"messages[{index}]: {problem}"
    return _pairing_violation(messages) or _tools_violation(body)


def readable(body: Any) -> bool:
    """Whether `body` holds messages of which one can tell roles, contents and calls."""
    messages = body.get("messages") if isinstance(body, dict) else None
    return isinstance(messages, list) and bool(messages) and all(map(_is_readable, messages))


def _is_readable(message: Any) -> bool:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        return False
    content, tool_calls = message.get("content"), message.get("tool_calls")
    known = content is None or isinstance(content, str) or _are_parts(content)
    return known and (tool_calls is None or isinstance(tool_calls, list))


def _message_violation(message: Any) -> str | None:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        return f"'role' must be one of {', '.join(ROLES)}"
    name, role, content = message.get("name"), message["role"], message.get("content")
    if name is not None and not (isinstance(name, str) and NAME.match(name)):
        return f"'name' must match {NAME.pattern}, got {name!r}"
    if message.get("tool_calls") is not None and (problem := _calls_violation(message)):
        return problem
    nullable = role == "assistant" and (message.get("tool_calls") or message.get("refusal"))
    if not (isinstance(content, str) or (content is None and nullable) or _are_parts(content)):
        return f"'content' of a {role} message must be a string or a list of parts"
    return None


def _are_parts(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("type"), str) for part in content
    )


def _calls_violation(message: dict[str, Any]) -> str | None:
    tool_calls = message["tool_calls"]
    if message["role"] != "assistant":
        return "only an assistant message may hold 'tool_calls'"
    if not isinstance(tool_calls, list) or not tool_calls:
        return "'tool_calls' must hold at least one call, or be left out"
    for tool_call in tool_calls:
        function = tool_call.get("function") if isinstance(tool_call, dict) else None
        if not isinstance(function, dict) or tool_call.get("type") != "function":
            return "each of 'tool_calls' must have the type 'function' and a 'function'"
        if not isinstance(tool_call.get("id"), str) or not tool_call["id"]:
            return "each of 'tool_calls' must have an 'id'"
        if not NAME.match(str(function.get("name"))):
            return f"a function's name must match {NAME.pattern}, got {function.get('name')!r}"
        if not isinstance(function.get("arguments"), str):
            return "a function's 'arguments' must be a string"
    return None


def _pairing_violation(messages: list[dict[str, Any]]) -> str | None:
    pending: Counter[str] = Counter()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            call_id = message.get("tool_call_id")
            if not isinstance(call_id, str) or not pending[call_id]:
                return (
                    f"messages[{index}]: a tool message must follow an assistant message whose "
                    f"'tool_calls' hold its 'tool_call_id' ({call_id!r})"
                )
            pending[call_id] -= 1
            continue
        if missing := sorted(pending.elements()):
            return f"messages[{index}]: no tool message answered {', '.join(missing)} before this"
        pending = Counter(tool_call["id"] for tool_call in message.get("tool_calls") or [])
    if missing := sorted(pending.elements()):
        return f"messages[{len(messages) - 1}]: no tool message answers {', '.join(missing)}"
    return None


def _tools_violation(body: dict[str, Any]) -> str | None:
    tools = body.get("tools")
    if tools is None:
        for key in ("tool_choice", "parallel_tool_calls"):
            if body.get(key) is not None:
                return f"'{key}' is only allowed when 'tools' are given"
        return None
    if not isinstance(tools, list) or not tools:
        return "'tools' must hold at least one tool, or be left out"
    names = []
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not NAME.match(str(function.get("name"))):
            return f"tools[{index}]: a function with a name that matches {NAME.pattern} is needed"
        names.append(function["name"])
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        return f"'tools' offer {', '.join(twice)} more than once"
    return None


def completion_limit(body: dict[str, Any]) -> int:
    """Tokens that the request reserves for the reply; 0 where it names none."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    return limit if isinstance(limit, int) else 0
