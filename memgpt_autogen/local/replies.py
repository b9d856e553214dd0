"""llama.cpp's completions as OpenAI's API sends them, whole or as an event stream."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from memgpt_autogen.local.requests import ChatRequest
from memgpt_autogen.local.tools import Call

JSON = dict[str, Any]


def completion(request: ChatRequest, answer: JSON, model: str) -> JSON:
    """The body of an answer; calls are parsed back, token counts are llama.cpp's own."""
    choice = answer["choices"][0]
    text = str(choice["message"].get("content") or "")
    cut = choice.get("finish_reason") == "length"
    parsed: Call | str = request.toolbox.parse(text) if request.toolbox else text
    message: JSON = {"role": "assistant", "content": parsed}
    reason = "length" if cut else "stop"
    if isinstance(parsed, Call):
        message = {"role": "assistant", "content": None, "tool_calls": [parsed.to_openai()]}
        reason = "length" if cut else "tool_calls"
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex[:24]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": answer.get("usage"),
    }


def events(whole: JSON, *, usage: bool) -> Iterator[bytes]:
    """A whole answer as server-sent events: role, content or calls, reason, usage, [DONE]."""
    choice = whole["choices"][0]
    message = choice["message"]
    head = {**whole, "object": "chat.completion.chunk"}
    del head["choices"], head["usage"]
    first: JSON = {"role": "assistant", "content": message["content"]}
    if message.get("tool_calls"):
        first["tool_calls"] = [
            {"index": index, **call} for index, call in enumerate(message["tool_calls"])
        ]
    for delta, reason in ((first, None), ({}, choice["finish_reason"])):
        piece = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        yield _event({**head, "choices": [piece]})
    if usage:
        yield _event({**head, "choices": [], "usage": whole["usage"]})
    yield b"data: [DONE]\n\n"


def error(message: str, *, kind: str = "invalid_request_error") -> JSON:
    """An error body of the shape OpenAI's clients read."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _event(value: JSON) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"
