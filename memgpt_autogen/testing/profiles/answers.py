"""A reply in a provider's manner, and a prompt as a server that truncates leaves it."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

from memgpt_autogen.testing.replies import Call, Reply
from memgpt_autogen.testing.requests import ChatRequest, content_text, count_prompt, count_text

from .profile import Body, Profile


def shaped(reply: Reply, profile: Profile) -> Reply:
    """The reply as the provider hands it on; its calls have ids, its end a reason."""
    content, calls = reply.content, tuple(_with_id(one, profile) for one in reply.calls)
    thoughts = profile.thought if reply.reasoning is None else reply.reasoning
    if profile.thinks == "content" and thoughts is not None:
        content, thoughts = f"<think>\n{thoughts}\n</think>\n\n{content or ''}", None
    if profile.calls_in_text and calls:
        content, calls = "\n".join([*filter(None, [content]), *map(_as_text, calls)]), ()
    if content is None and calls:
        content = profile.content_beside_calls
    ended = reply.finish_reason or (profile.finish_with_calls if calls else "stop")
    return replace(reply, content=content, calls=calls, reasoning=thoughts, finish_reason=ended)


def _with_id(call: Call, profile: Profile) -> Call:
    if profile.call_ids in ("empty", "absent"):
        return replace(call, id="")
    made = uuid.uuid4().hex
    made = made[:9] if profile.call_ids == "nine" else f"call_{made[:24]}"
    return call if call.id is not None else replace(call, id=made)


def _as_text(call: Call) -> str:
    return f'<tool_call>\n{{"name": "{call.name}", "arguments": {call.arguments}}}\n</tool_call>'


def call_body(call: Call, number: int, profile: Profile) -> Body:
    """A call as it stands in a message, as the one of that number."""
    body: Body = {"id": call.id, "type": "function"}
    body["function"] = {"name": call.name, "arguments": _arguments(call.arguments, profile)}
    if profile.call_ids == "absent":
        del body["id"]
    if profile.signs_calls and number == 0:
        body["extra_content"] = {"google": {"thought_signature": uuid.uuid4().hex}}
    return body


def _arguments(text: str, profile: Profile) -> Any:
    if text == "{}":
        return profile.no_arguments
    if profile.arguments == "object":
        try:
            return json.loads(text)
        except ValueError:  # what the model wrote is no JSON: it can only be text
            return text
    return text


def truncated(body: Body, window: int) -> ChatRequest:
    """What Ollama's model sees of a prompt over the window.

    Whole messages go first, the oldest ahead, but no system message, not the last one and
    no call without its results. Where that is not enough, the rendered prompt is cut to its
    last half window, so that tools and system messages are gone as well. Sources: Ollama's
    server/prompt.go, ollama/ollama#17427.
    """
    messages = body["messages"]
    for index in range(len(messages)):
        start = _with_its_call(messages, index)
        system = [one for one in messages[:start] if one["role"] == "system"]
        kept = {**body, "messages": [*system, *messages[start:]]}
        if (size := count_prompt(kept)) <= window:
            return ChatRequest(kept, size)
    text, room = content_text(messages[-1].get("content")), window // 2
    while (size := count_text(text)) > room:
        text = text[len(text) - len(text) * room // size + 1 :]
    rest = {key: value for key, value in body.items() if not key.startswith(("tool", "parallel_"))}
    last = {"role": messages[-1]["role"], "content": text}
    return ChatRequest({**rest, "messages": [last]}, window // 2 + 2)


def _with_its_call(messages: list[Body], index: int) -> int:
    """The index of a message, or for a result that of the message with its call."""
    start = index
    while start > 0 and messages[start]["role"] == "tool":
        start -= 1
    return start if messages[start].get("tool_calls") else index
