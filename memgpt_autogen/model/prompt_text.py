"""A prompt as plain text, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_Json = Mapping[str, Any]


def prompt_text(messages: Sequence[_Json], tools: Sequence[_Json] = ()) -> str:
    """The messages in their order, each as it is under its role, and the functions in short."""
    parts = [_message(number, one) for number, one in enumerate(messages, 1)]
    if tools:
        parts.insert(1, "\n".join(["--- functions ---", *map(_function, tools)]))
    return "\n\n".join(parts)


def _message(number: int, message: _Json) -> str:
    role = str(message.get("role"))
    if message.get("tool_call_id"):
        role += f", result of {message['tool_call_id']}"
    calls = [_call(one) for one in message.get("tool_calls") or ()]
    return "\n".join([f"--- {number}: {role} ---", *_texts(message.get("content")), *calls])


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        yield str(part.get("text") or f"({part.get('type')})")  # a picture, "(image_url)"


def _call(call: _Json) -> str:
    function = call.get("function") or {}
    return f"(call {call.get('id')}) {function.get('name')} {function.get('arguments')}"


def _function(tool: _Json) -> str:
    """A function in short, such as `send_message(message): Speak to the others.`."""
    function = tool.get("function") or {}
    names = ", ".join((function.get("parameters") or {}).get("properties") or {})
    return f"{function.get('name')}({names}): {function.get('description') or ''}"
