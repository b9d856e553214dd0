"""A chat request, checked, in the plain form that a small model's chat template takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.local.errors import RefusedError
from memgpt_autogen.local.tools import Toolbox, call_text, toolbox_of

JSON = dict[str, Any]

DEFAULT_MAX_TOKENS = 1024  # a small model that has lost the thread would fill the window

# Sampling settings that llama.cpp knows by the names OpenAI's API uses.
PASSED_ON = (
    "temperature",
    "top_p",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "top_k",
    "min_p",
    "repeat_penalty",
)


@dataclass(frozen=True)
class ChatRequest:
    """A checked request.

    Attributes:
        body: the request as it came.
        payload: what llama.cpp is asked.
        toolbox: the functions on offer; None: plain text.
        schema: what the completion must match, where functions are on offer.
    """

    body: JSON
    payload: JSON
    toolbox: Toolbox | None
    schema: JSON | None


def parse_request(body: bytes) -> ChatRequest:
    """The request in an HTTP body.

    Raises:
        RefusedError: it is no chat request, or asks for what this model cannot do.
    """
    try:
        data = json.loads(body)
    except ValueError as error:
        raise RefusedError(f"the body is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise RefusedError("the body is not a JSON object")
    return _parse(data)


def _parse(data: JSON) -> ChatRequest:
    messages = data.get("messages")
    if not isinstance(messages, list):
        raise RefusedError("messages must be a list")
    if data.get("n") not in (None, 1):
        raise RefusedError("n other than 1 is not supported")
    max_tokens = _max_tokens(data)
    tools = data.get("tools") or []
    if not tools and data.get("functions"):
        raise RefusedError("functions is not supported: use tools")
    if not isinstance(tools, list):
        raise RefusedError("tools must be a list")
    toolbox = toolbox_of(tools, data.get("tool_choice"))
    payload: JSON = {
        "messages": render(messages, toolbox),
        "max_tokens": max_tokens,
        "cache_prompt": True,
        **{key: data[key] for key in PASSED_ON if data.get(key) is not None},
    }
    if toolbox is None and data.get("response_format") is not None:
        payload["response_format"] = data["response_format"]
    schema = toolbox.schema(max_tokens) if toolbox else None
    return ChatRequest(data, payload, toolbox, schema)


def _max_tokens(data: JSON) -> int:
    for key in ("max_completion_tokens", "max_tokens"):
        value = data.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise RefusedError(f"{key} must be a whole number of at least 1")
        return value
    return DEFAULT_MAX_TOKENS


def render(messages: Sequence[Any], toolbox: Toolbox | None) -> list[dict[str, str]]:
    """System, user and assistant messages only, no two neighbours of one role.

    Calls become the JSON text that the model itself writes, results a line of the
    user. The functions are described at the very beginning: an edit at the end of the
    system message then leaves the prompt cache of all that stands before it.

    Raises:
        RefusedError: a message is malformed, in words for the client.
    """
    if not messages:
        raise RefusedError("messages is empty")
    rendered: list[dict[str, str]] = []
    if toolbox is not None:
        rendered.append({"role": "system", "content": toolbox.describe()})
    called: dict[str, str] = {}
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise RefusedError(f"messages[{number}] is not an object")
        role, text = _plain(message, number, called)
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
        raise RefusedError(f"messages[{number}].role {role!r} is unknown")
    return role, text


def _calls(message: Mapping[str, Any], called: dict[str, str]) -> list[str]:
    """The message's calls as text; their ids are noted, for the results to come."""
    functions = []
    for call in message.get("tool_calls") or []:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise RefusedError("each of tool_calls must hold a function")
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
        raise RefusedError("a message's content is neither text nor a list of parts")
    return "\n".join(_part(part) for part in content)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        raise RefusedError("a part of a message's content is not an object")
    if part.get("type") == "text":
        return str(part.get("text") or "")
    return f"[{str(part.get('type') or 'part').removesuffix('_url')}: not shown to this model]"
