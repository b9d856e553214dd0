"""A chat request, checked, in the plain form that a small model's chat template takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.local.errors import RefusedError
from memgpt_autogen.model.protocol.json_tools import MalformedError, Toolbox, toolbox_of
from memgpt_autogen.model.protocol.plain_chat import plain

JSON = dict[str, Any]

DEFAULT_MAX_TOKENS = 1024  # a small model that has lost the thread would fill the window

_TYPES = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))

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
        schema: what the completion must match, where functions or a schema are given.
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
    try:
        return _parse(data)
    except MalformedError as malformed:
        raise RefusedError(str(malformed)) from malformed


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
        "messages": plain(messages, toolbox),
        "max_tokens": max_tokens,
        "cache_prompt": True,
        **{key: data[key] for key in PASSED_ON if data.get(key) is not None},
    }
    schema = toolbox.schema(max_tokens) if toolbox else _schema(data.get("response_format"))
    if schema is None and data.get("response_format") is not None:
        payload["response_format"] = data["response_format"]
    return ChatRequest(data, payload, toolbox, schema)


def _schema(response_format: Any) -> JSON | None:
    """The schema that an answer is to match, where the request gives one."""
    form = response_format if isinstance(response_format, dict) else {}
    given = form.get("json_schema") if form.get("type") == "json_schema" else None
    schema = given.get("schema") if isinstance(given, dict) else None
    if not isinstance(schema, dict):
        return None
    _check_types(schema)
    return schema


def _check_types(schema: JSON) -> None:
    """llama.cpp takes a type that JSON has not, and then holds the answer to nothing.

    Raises:
        RefusedError: there is one.
    """
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and str(kind) not in _TYPES:
            raise RefusedError(f"response_format: a schema has no type {kind!r}")
    inner = [schema.get("items"), schema.get("additionalProperties")]
    for key in ("properties", "$defs", "definitions"):
        named = schema.get(key)
        inner += named.values() if isinstance(named, dict) else ()
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        listed = schema.get(key)
        inner += listed if isinstance(listed, list) else ()
    for one in inner:
        if isinstance(one, dict):
            _check_types(one)


def _max_tokens(data: JSON) -> int:
    for key in ("max_completion_tokens", "max_tokens"):
        value = data.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise RefusedError(f"{key} must be a whole number of at least 1")
        return value
    return DEFAULT_MAX_TOKENS
