"""A chat request, checked, and split into what the model runner takes and what we add."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.local.prompting import render
from memgpt_autogen.local.refusals import BadRequestError
from memgpt_autogen.local.tools import Toolbox, toolbox_of

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
        payload: what llama.cpp is asked.
        toolbox: the functions on offer; None: plain text.
        schema: what the completion must match, where functions are on offer.
    """

    payload: JSON
    toolbox: Toolbox | None
    schema: JSON | None
    stream: bool
    stream_usage: bool


def parse_request(body: bytes) -> ChatRequest:
    """The request in an HTTP body.

    Raises:
        BadRequestError: it is no chat request, or asks for what this model cannot do.
    """
    try:
        data = json.loads(body)
    except ValueError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise BadRequestError("the body is not a JSON object")
    return _parse(data)


def _parse(data: JSON) -> ChatRequest:
    messages = data.get("messages")
    if not isinstance(messages, list):
        raise BadRequestError("messages must be a list")
    if data.get("n") not in (None, 1):
        raise BadRequestError("n other than 1 is not supported")
    max_tokens = _max_tokens(data)
    tools = data.get("tools") or _old_functions(data)
    if not isinstance(tools, list):
        raise BadRequestError("tools must be a list")
    toolbox = toolbox_of(tools, data.get("tool_choice"))
    payload: JSON = {
        "messages": render(messages, toolbox),
        "max_tokens": max_tokens,
        "cache_prompt": True,
        **{key: data[key] for key in PASSED_ON if data.get(key) is not None},
    }
    if toolbox is None and data.get("response_format") is not None:
        payload["response_format"] = data["response_format"]
    options = data.get("stream_options")
    return ChatRequest(
        payload=payload,
        toolbox=toolbox,
        schema=toolbox.schema(max_tokens) if toolbox else None,
        stream=bool(data.get("stream")),
        stream_usage=bool(isinstance(options, Mapping) and options.get("include_usage")),
    )


def _max_tokens(data: JSON) -> int:
    for key in ("max_completion_tokens", "max_tokens"):
        value = data.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise BadRequestError(f"{key} must be a whole number of at least 1")
        return value
    return DEFAULT_MAX_TOKENS


def _old_functions(data: JSON) -> list[JSON]:
    if data.get("functions"):
        raise BadRequestError("functions is not supported: use tools")
    return []
