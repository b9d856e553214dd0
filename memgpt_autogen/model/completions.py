"""What a provider answers, as a value: a completion, or that the request was too large."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import openai

from memgpt_autogen.errors import ChatModelError, ContextOverflowError
from memgpt_autogen.steps import Completion, FunctionCall, Usage
from memgpt_autogen.storage.text import clean

# Codes: OpenAI, llama.cpp; texts: vLLM and
# OpenAI ("maximum context length"), Ollama ("context length"), Anthropic ("prompt is too
# long"), Gemini ("input token count … exceeds"), llama.cpp ("available context size").
_OVERFLOW_CODES = {"context_length_exceeded", "exceed_context_size_error"}
_REFUSALS = {400, 413, 422}  # HTTP: bad request, too large, not to be processed
_OVERFLOW_TEXT = re.compile(
    r"maximum context length|context.?length.{0,40}exceed|exceeds?.{0,60}context"
    r"|available context size|prompt is too long|input token count.{0,40}exceeds"
    r"|input (?:is )?too long|too many (?:input )?tokens",
    re.IGNORECASE | re.DOTALL,
)
# Limits over time are told in much the same words ("too many tokens, please wait").
_THROTTLE_TEXT = re.compile(
    r"rate.?limit|throttl|quota|per (?:second|minute|hour|day)|please wait|try again", re.IGNORECASE
)
_WINDOW_TEXT = re.compile(
    r"(?:maximum context length (?:is|of)|context size \(|maximum of|max_model_len[ =]+|> ?)"
    r"\s*(\d{2,8})",
    re.IGNORECASE,
)
_PROMPT_TEXT = re.compile(
    r"(?:resulted in|you requested|request \(|request has|prompt contains(?: at least)?|too long:)"
    r"\s*(\d{2,8})",
    re.IGNORECASE,
)


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
        retrieved=_fields(retrieved),
    )


def said_in(response: Any, retrieved: Any) -> Any:
    """What the client made of a response: a text or a message; None for nothing."""
    said = retrieved[0] if retrieved else None
    if said is None and retrieved and not _list(_get(response, "choices")):
        return ""  # a response of another kind than OpenAI's, whose client can read it
    return said


def _fields(message: Any) -> str | dict[str, Any] | None:
    """A text, or a message's fields as AutoGen would let them be the reply."""
    if hasattr(message, "model_dump"):
        message = message.model_dump()
    if isinstance(message, str):
        return clean(message)
    return dict(message) if isinstance(message, Mapping) else None


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


def overflow_of(problem: Exception) -> ContextOverflowError | None:
    """The overflow that an error of openai's or another library reports; None for other errors."""
    body = getattr(problem, "body", None)
    body = body if isinstance(body, Mapping) else {}
    if isinstance(problem, openai.APIError):
        is_overflow = _is_overflow(problem, body)
    else:  # of Anthropic's, of a client of one's own
        is_overflow = _is_native_overflow(problem)
    if not is_overflow:
        return None
    text = str(problem)
    return ContextOverflowError(
        text,
        window=_number(body.get("n_ctx"), _WINDOW_TEXT, text),
        prompt_tokens=_number(body.get("n_prompt_tokens"), _PROMPT_TEXT, text),
    )


def _is_overflow(problem: openai.APIError, body: Mapping[str, Any]) -> bool:
    named = {str(problem.code), str(problem.type), str(body.get("type")), str(body.get("code"))}
    refusals = (openai.BadRequestError, openai.UnprocessableEntityError, openai.InternalServerError)
    has_text = isinstance(problem, refusals) and _OVERFLOW_TEXT.search(str(problem))
    return bool(named & _OVERFLOW_CODES or has_text)


def _is_native_overflow(problem: Exception) -> bool:
    """Its text alone tells, so another status and words about limits over time speak against it."""
    text = str(problem)
    status = getattr(problem, "status_code", None) or getattr(problem, "code", None)
    is_other = isinstance(status, int) and 400 <= status < 600 and status not in _REFUSALS
    if is_other or isinstance(problem, OSError):
        return False
    return bool(_OVERFLOW_TEXT.search(text)) and not _THROTTLE_TEXT.search(text)


def _number(named: Any, pattern: re.Pattern[str], text: str) -> int | None:
    if isinstance(named, int):
        return named
    match = pattern.search(text)
    return int(match.group(1)) if match else None
