"""Replies written the way OpenAI's chat completions API sends them, whole or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from .loopback import Response, json_response
from .profiles import PROFILES, Profile, call_body, shaped
from .replies import Reply
from .requests import ChatRequest, count_text

JSON = dict[str, Any]

CHUNK_CHARS = 16  # characters of text in one streamed chunk


def response(
    body: JSON,
    reply: Reply,
    *,
    model: str,
    usage: JSON | None,
    profile: Profile = PROFILES["openai"],
) -> Response:
    """The answer to the request `body`, streamed where that asks for a stream.

    Args:
        body: the request.
        reply: the message that answers it.
        model: the name under which it is answered.
        usage: the token counts to report.
        profile: the provider in whose manner it is answered.
    """
    reply = shaped(reply, profile)
    if not body.get("stream"):
        return json_response(200, _completion(reply, model, usage, profile))
    options = body.get("stream_options")
    wanted = isinstance(options, dict) and options.get("include_usage")
    events = _events(reply, model, usage if wanted else None, profile)
    return Response(200, events, "text/event-stream")


def usage_of(request: ChatRequest, reply: Reply) -> dict[str, int]:
    """The token counts that a provider reports."""
    texts = [reply.content, reply.refusal, reply.reasoning]
    texts += [text for c in reply.calls for text in (c.name, c.arguments)]
    completion = sum(count_text(text) for text in texts if text)
    prompt, total = request.prompt_tokens, request.prompt_tokens + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def models(name: str, window: int | None) -> JSON:
    """The list of models; `max_model_len` is where vLLM tells the window."""
    model: JSON = {"id": name, "object": "model", "created": 0, "owned_by": "memgpt-autogen"}
    if window is not None:
        model["max_model_len"] = window
    return {"object": "list", "data": [model]}


def _completion(reply: Reply, model: str, usage: JSON | None, profile: Profile) -> JSON:
    message: JSON = {"role": "assistant", "content": reply.content}
    if reply.refusal is not None:
        message["refusal"] = reply.refusal
    if reply.reasoning is not None:
        message[profile.thinks] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [call_body(c, i, profile) for i, c in enumerate(reply.calls)]
    choice = {"index": 0, "message": message, "logprobs": None}
    completion = {
        **_envelope(model, "chat.completion"),
        "choices": [{**choice, "finish_reason": reply.finish_reason}],
    }
    return completion if profile.usage == "absent" else {**completion, "usage": usage}


def _events(reply: Reply, model: str, usage: JSON | None, profile: Profile) -> Iterator[bytes]:
    """The reply as lines of an event stream, with the usage last, closed by [DONE]."""
    envelope = _envelope(model, "chat.completion.chunk")
    for delta in _deltas(reply, profile):
        reason = None if delta else reply.finish_reason
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        yield _event({**envelope, "choices": [choice]})
    if usage is not None:
        yield _event({**envelope, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _deltas(reply: Reply, profile: Profile) -> Iterator[JSON]:
    """What is new in each chunk; nothing is in the one that says why the reply ended."""
    yield {"role": "assistant", "content": None if reply.content is None else ""}
    for key, text in (
        (profile.thinks, reply.reasoning),
        ("content", reply.content),
        ("refusal", reply.refusal),
    ):
        for piece in _pieces(text or ""):
            yield {key: piece}
    for index, c in enumerate(reply.calls):
        body = call_body(c, index, profile)
        arguments = body["function"]["arguments"]
        if isinstance(arguments, str):
            body["function"]["arguments"] = ""
        yield {"tool_calls": [{"index": index, **body}]}
        for piece in _pieces(arguments) if isinstance(arguments, str) else ():
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


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), CHUNK_CHARS):
        yield text[start : start + CHUNK_CHARS]
