"""A chat in which nothing is left but words: for models whose server knows no calls.

Calls become the JSON text that the model itself writes, results a line of the user's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memgpt_autogen.model.protocol.json_tools import MalformedError, Toolbox, call_text


def worded(messages: Sequence[Any], toolbox: Toolbox | None) -> list[dict[str, Any]]:
    """The functions and these messages in words; users' pictures stay where they are.

    Calls become the JSON text that the model itself writes, results a line of the
    user. The functions are described at the very beginning: an edit at the end of the
    system message then leaves the prompt cache of all that stands before it.

    Raises:
        MalformedError: a message is malformed, in words for the client.
    """
    if not messages:
        raise MalformedError("messages is empty")
    called: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    if toolbox is not None:
        found.append({"role": "system", "content": toolbox.describe()})
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise MalformedError(f"messages[{number}] is not an object")
        role, text = _plain(message, number, called)
        parts = message.get("content")
        is_pictured = message.get("role") == "user" and _has_picture(parts)
        found.append({"role": role, "content": parts if is_pictured else text})
    return found


def plain(messages: Sequence[Any], toolbox: Toolbox | None) -> list[dict[str, str]]:
    """System, user and assistant messages of text only, no two neighbours of one role.

    Raises:
        MalformedError: a message is malformed, in words for the client.
    """
    rendered: list[dict[str, str]] = []
    for message in worded(messages, toolbox):
        role, text = message["role"], text_of(message["content"])
        if not text:
            continue
        if rendered and rendered[-1]["role"] == role:
            gap = "\n\n" if role == "system" else "\n"
            rendered[-1] = {"role": role, "content": f"{rendered[-1]['content']}{gap}{text}"}
        else:
            rendered.append({"role": role, "content": text})
    if all(message["role"] == "system" for message in rendered):
        # Some templates refuse a conversation in which nobody spoke.
        rendered.append({"role": "user", "content": "(begin)"})
    return rendered


def _has_picture(content: Any) -> bool:
    return isinstance(content, list) and any("image_url" in part for part in content)


def _plain(message: Mapping[str, Any], number: int, called: dict[str, str]) -> tuple[str, str]:
    role = message.get("role")
    text = text_of(message.get("content"))
    if role in ("system", "developer"):
        return "system", text
    if role in ("tool", "function"):
        name = called.get(str(message.get("tool_call_id"))) or message.get("name") or "the call"
        return "user", f"[result of {name}] {text}"
    if role == "assistant":
        return role, "\n".join(filter(None, [text, *_calls(message, called)]))
    if role != "user":
        raise MalformedError(f"messages[{number}].role {role!r} is unknown")
    return role, text


def _calls(message: Mapping[str, Any], called: dict[str, str]) -> list[str]:
    """The message's calls as text; their ids are noted, for the results to come."""
    functions = []
    for call in message.get("tool_calls") or []:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise MalformedError("each of tool_calls must hold a function")
        called[str(call.get("id"))] = str(function.get("name"))
        functions.append(function)
    if isinstance(old := message.get("function_call"), Mapping):
        functions.append(old)
    return [call_text(str(f.get("name")), str(f.get("arguments") or "")) for f in functions]


def text_of(content: Any) -> str:
    """The text of a message's content, whether plain or in parts; images are named only."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise MalformedError("a message's content is neither text nor a list of parts")
    return "\n".join(_part(part) for part in content)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        raise MalformedError("a part of a message's content is not an object")
    if part.get("type") == "text":
        return str(part.get("text") or "")
    return f"[{str(part.get('type') or 'part').removesuffix('_url')}: not shown to this model]"
