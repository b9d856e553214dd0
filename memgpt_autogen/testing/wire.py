"""Replies written the way OpenAI's chat completions API sends them, whole or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from .replies import Call, Reply
from .requests import ChatRequest, count_text

CHUNK_CHARS = 16  # characters of text in one streamed chunk


def with_ids(reply: Reply) -> Reply:
    """The reply with a unique id on each call that has none."""
    named = tuple(
        Call(c.name, c.arguments, f"call_{uuid.uuid4().hex[:24]}" if c.id is None else c.id)
        for c in reply.calls
    )
    return Reply(reply.content, named, reply.refusal, reply.reasoning, reply.finish_reason)


def finish_reason(reply: Reply) -> str:
    """The reason given, else the one that fits what the message holds."""
    return reply.finish_reason or ("tool_calls" if reply.calls else "stop")


def usage(request: ChatRequest, reply: Reply) -> dict[str, int]:
    """The token counts that the provider reports."""
    texts = [reply.content, reply.refusal, reply.reasoning]
    texts += [text for c in reply.calls for text in (c.name, c.arguments)]
    completion = sum(count_text(text) for text in texts if text)
    return {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": request.prompt_tokens + completion,
    }


def completion(request: ChatRequest, reply: Reply) -> dict[str, Any]:
    """The body of a response that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.content}
    if reply.refusal is not None:
        message["refusal"] = reply.refusal
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [_call(c) for c in reply.calls]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason(reply),
    }
    return {
        **_envelope(request, "chat.completion"),
        "choices": [choice],
        "usage": usage(request, reply),
    }


def chunks(request: ChatRequest, reply: Reply) -> Iterator[dict[str, Any]]:
    """The chunks of a streamed response, with the usage last when it was asked for."""
    envelope = _envelope(request, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**envelope, "choices": [choice]}

    yield chunk({"role": "assistant", "content": None if reply.content is None else ""})
    for key, text in (
        ("reasoning_content", reply.reasoning),
        ("content", reply.content),
        ("refusal", reply.refusal),
    ):
        for piece in _pieces(text or ""):
            yield chunk({key: piece})
    for index, c in enumerate(reply.calls):
        head = {"index": index, **_call(Call(c.name, "", c.id))}
        yield chunk({"tool_calls": [head]})
        for piece in _pieces(c.arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, finish_reason(reply))
    if (request.body.get("stream_options") or {}).get("include_usage"):
        yield {**envelope, "choices": [], "usage": usage(request, reply)}


def server_sent_events(request: ChatRequest, reply: Reply) -> Iterator[bytes]:
    """The chunks as lines of an event stream, closed by [DONE]."""
    for chunk in chunks(request, reply):
        yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def models(name: str, window: int) -> dict[str, Any]:
    """The list of models; `max_model_len` is where vLLM tells the window."""
    model = {"id": name, "object": "model", "created": 0, "owned_by": "memgpt-autogen"}
    return {"object": "list", "data": [{**model, "max_model_len": window}]}


def _envelope(request: ChatRequest, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex[:24]}",
        "object": kind,
        "created": int(time.time()),
        "model": request.model,
        "system_fingerprint": None,
    }


def _call(c: Call) -> dict[str, Any]:
    return {
        "id": c.id,
        "type": "function",
        "function": {"name": c.name, "arguments": c.arguments},
    }


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), CHUNK_CHARS):
        yield text[start : start + CHUNK_CHARS]
