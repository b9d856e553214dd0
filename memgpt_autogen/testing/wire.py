"""Replies written the way OpenAI's chat completions API sends them, whole or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .loopback import Response, json_response
from .replies import Call, Reply
from .requests import ChatRequest, count_text

JSON = dict[str, Any]

CHUNK_CHARS = 16  # characters of text in one streamed chunk


def response(body: JSON, reply: Reply, *, model: str, usage: JSON) -> Response:
    """The answer to the request `body`, streamed where that asks for a stream.

    Args:
        body: the request.
        reply: the message that answers it.
        model: the name under which it is answered.
        usage: the token counts to report.
    """
    reply = _with_ids(reply)
    if not body.get("stream"):
        return json_response(200, _completion(reply, model, usage))
    options = body.get("stream_options")
    wanted = isinstance(options, dict) and options.get("include_usage")
    events = _events(reply, model, usage if wanted else None)
    return Response(200, events, "text/event-stream")


def usage_of(request: ChatRequest, reply: Reply) -> dict[str, int]:
    """The token counts that a provider reports."""
    texts = [reply.content, reply.refusal, reply.reasoning]
    texts += [text for c in reply.calls for text in (c.name, c.arguments)]
    completion = sum(count_text(text) for text in texts if text)
    prompt, total = request.prompt_tokens, request.prompt_tokens + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def models(name: str, window: int) -> JSON:
    """The list of models; `max_model_len` is where vLLM tells the window."""
    model = {"id": name, "object": "model", "created": 0, "owned_by": "memgpt-autogen"}
    return {"object": "list", "data": [{**model, "max_model_len": window}]}


def _with_ids(reply: Reply) -> Reply:
    """The reply with a unique id on each call that has none."""
    named = (
        replace(c, id=f"call_{uuid.uuid4().hex[:24]}") if c.id is None else c for c in reply.calls
    )
    return replace(reply, calls=tuple(named))


def _finish_reason(reply: Reply) -> str:
    """The reason given, else the one that fits what the message holds."""
    return reply.finish_reason or ("tool_calls" if reply.calls else "stop")


def _completion(reply: Reply, model: str, usage: JSON) -> JSON:
    message: JSON = {"role": "assistant", "content": reply.content}
    if reply.refusal is not None:
        message["refusal"] = reply.refusal
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [_call(c) for c in reply.calls]
    choice = {"index": 0, "message": message, "logprobs": None}
    return {
        **_envelope(model, "chat.completion"),
        "choices": [{**choice, "finish_reason": _finish_reason(reply)}],
        "usage": usage,
    }


def _events(reply: Reply, model: str, usage: JSON | None) -> Iterator[bytes]:
    """The reply as lines of an event stream, with the usage last, closed by [DONE]."""
    envelope = _envelope(model, "chat.completion.chunk")
    for delta in _deltas(reply):
        reason = None if delta else _finish_reason(reply)
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        yield _event({**envelope, "choices": [choice]})
    if usage is not None:
        yield _event({**envelope, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _deltas(reply: Reply) -> Iterator[JSON]:
    """What is new in each chunk; nothing is in the one that says why the reply ended."""
    yield {"role": "assistant", "content": None if reply.content is None else ""}
    for key, text in (
        ("reasoning_content", reply.reasoning),
        ("content", reply.content),
        ("refusal", reply.refusal),
    ):
        for piece in _pieces(text or ""):
            yield {key: piece}
    for index, c in enumerate(reply.calls):
        yield {"tool_calls": [{"index": index, **_call(replace(c, arguments=""))}]}
        for piece in _pieces(c.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    yield {}


def _event(chunk: JSON) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _envelope(model: str, kind: str) -> JSON:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex[:24]}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": None,
    }


def _call(c: Call) -> JSON:
    function = {"name": c.name, "arguments": c.arguments}
    return {"id": c.id, "type": "function", "function": function}


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), CHUNK_CHARS):
        yield text[start : start + CHUNK_CHARS]
