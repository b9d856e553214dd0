"""What a provider answers, as a value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from memgpt_autogen.errors import ChatModelError
from memgpt_autogen.model.protocol.written import dumped, without_thoughts, written_calls
from memgpt_autogen.steps import Completion, FunctionCall, Usage
from memgpt_autogen.storage.text import clean

_THOUGHTS = ("reasoning_content", "reasoning")  # where servers put what is not said
_MOST_TOKENS = 10**8  # of a call: ten times the widest window there is


def read_completion(
    response: Any, retrieved: Any = None, offered: Collection[str] = ()
) -> Completion:
    """A provider's response as a value; missing and null fields are empty.

    Thoughts that stand in the content are reasoning, and where there are no other calls, the
    calls of offered functions that were left in it are calls (`written`).

    Args:
        response: as the client gave it.
        retrieved: what the client makes of it (its `message_retrieval`): a text or a message.
        offered: names of the functions that may be called.

    Raises:
        ChatModelError: there is no message in it.
    """
    choices = _list(_get(response, "choices")) or [None]
    original = _get(choices[0], "message")
    message = original if retrieved is None or isinstance(retrieved, str) else retrieved
    if message is None and retrieved is None:
        raise ChatModelError("the model's answer holds no message")
    text = retrieved if isinstance(retrieved, str) else _get(message, "content")
    thoughts, said = without_thoughts(_text(text) or _text(_get(message, "refusal")))
    cut = _get(choices[0] or response, "finish_reason") == "length"
    made = _calls(message)
    if not made and not cut:
        said, written = written_calls(said, offered)
        made = [FunctionCall(id="", name=name, arguments=clean(text)) for name, text in written]
    field = next(filter(None, (_get(original, name) for name in _THOUGHTS)), None)
    return Completion(
        text=said.strip() if made else said,
        reasoning="\n".join(filter(None, [_text(field).strip(), thoughts])),
        calls=tuple(made),
        usage=_usage(_get(response, "usage")),
        cut=cut,
        retrieved=_fields(retrieved),
    )


def _calls(message: Any) -> list[FunctionCall]:
    calls = [
        (_get(call, "function"), _get(call, "id"), _get(call, "extra_content"))
        for call in _list(_get(message, "tool_calls"))
    ]
    old_style = _get(message, "function_call")
    if isinstance(_get(old_style, "name"), str) and not calls:
        calls = [(old_style, None, None)]
    return [
        FunctionCall(
            id=str(call_id or ""),
            name=clean(str(_get(function, "name") or "")),
            arguments=_arguments(_get(function, "arguments")),
            extra=_arguments(extra),
        )
        for function, call_id, extra in calls
        if function is not None
    ]


def _arguments(given: Any) -> str:
    """A call's arguments as JSON; some servers send the values themselves."""
    if isinstance(given, str):
        return clean(given)
    if given is None:
        return ""
    return clean(dumped(given))


def said_in(response: Any, retrieved: Any) -> Any:
    """What the client made of a response: a text or a message; None for nothing."""
    said = retrieved[0] if retrieved else None
    if said is None and retrieved and not _list(_get(response, "choices")):
        return ""  # a response of another kind than OpenAI's, whose client can read it
    return said


def _fields(message: Any) -> str | dict[str, Any] | None:
    """A text, or a message's fields as AutoGen would let them be the reply."""
    if hasattr(message, "model_dump"):
        message = message.model_dump(warnings=False)  # a server may send anything
    if isinstance(message, str):
        return clean(message)
    if not isinstance(message, Mapping):
        return None
    return {key: value for key, value in message.items() if key not in _THOUGHTS}


def _usage(usage: Any) -> Usage | None:
    prompt, completion = (
        _count(_get(usage, f"{part}_tokens")) for part in ("prompt", "completion")
    )
    return Usage(prompt_tokens=prompt, completion_tokens=completion) if prompt else None


def _count(tokens: Any) -> int:
    """A count as a server gives it; 0 where it is none that a call can have."""
    counted = isinstance(tokens, int) and not isinstance(tokens, bool)
    return tokens if counted and 0 < tokens <= _MOST_TOKENS else 0


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(_get(part, "text") or "") for part in content).strip()
    return clean(content) if isinstance(content, str) and content.strip() else ""


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _get(value: Any, name: str) -> Any:
    """A field of an object or a mapping; custom model clients return either."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
