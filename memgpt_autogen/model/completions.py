"""A provider's response as a completion, whatever client brought it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memgpt_autogen.errors import ChatModelError
from memgpt_autogen.steps import Completion, FunctionCall, Usage
from memgpt_autogen.storage.text import clean


def read_completion(response: Any, retrieved: Any = None) -> Completion:
    """A provider's response as a value; missing and null fields are empty.

    Args:
        response: as the client gave it.
        retrieved: what the client makes of it (its `message_retrieval`): a text or a message.

    Raises:
        ChatModelError: there is no message in it.
    """
    choices = _list(_get(response, "choices")) or [None]
    original = _get(choices[0], "message")
    message = original if retrieved is None or isinstance(retrieved, str) else retrieved
    if message is None and retrieved is None:
        raise ChatModelError("the model's answer holds no message")
    text = retrieved if isinstance(retrieved, str) else _get(message, "content")
    calls = [_get(call, "function") for call in _list(_get(message, "tool_calls"))]
    ids = [_get(call, "id") for call in _list(_get(message, "tool_calls"))]
    old_style = _get(message, "function_call")
    if isinstance(_get(old_style, "name"), str) and not calls:
        calls, ids = [old_style], [None]
    said = _text(text) or _text(_get(message, "refusal"))
    return Completion(
        text=said.strip() if calls else said,
        reasoning=_text(_get(original, "reasoning_content") or _get(original, "reasoning")).strip(),
        calls=tuple(
            FunctionCall(
                id=str(call_id or ""),
                name=str(_get(function, "name") or ""),
                arguments=clean(_get(function, "arguments") or ""),
            )
            for call_id, function in zip(ids, calls, strict=True)
            if function is not None
        ),
        usage=_usage(_get(response, "usage")),
        cut=_get(choices[0] or response, "finish_reason") == "length",
    )


def said_in(response: Any, retrieved: Any) -> Any:
    """What the client made of a response: a text or a message; None for nothing."""
    said = retrieved[0] if retrieved else None
    if said is None and retrieved and not _list(_get(response, "choices")):
        return ""  # a response of another kind than OpenAI's, whose client can read it
    return said


def _usage(usage: Any) -> Usage | None:
    prompt = _get(usage, "prompt_tokens")
    if not prompt or not isinstance(prompt, int):
        return None
    return Usage(prompt_tokens=prompt, completion_tokens=_get(usage, "completion_tokens") or 0)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(_get(part, "text") or "") for part in content).strip()
    return clean(content) if isinstance(content, str) and content.strip() else ""


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _get(value: Any, name: str) -> Any:
    """A field of an object or a mapping; custom model clients return either."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
