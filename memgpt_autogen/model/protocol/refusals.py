"""What a provider's error says of the request: too large, or at fault in itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import openai

from memgpt_autogen.errors import ContextOverflowError
from memgpt_autogen.model.protocol.rules import is_filtered

# Codes: OpenAI, llama.cpp; texts: vLLM and
# OpenAI ("maximum context length"), Ollama ("context length"), Anthropic ("prompt is too
# long"), Gemini ("input token count … exceeds"), llama.cpp ("available context size").
_OVERFLOW_CODES = {"context_length_exceeded", "exceed_context_size_error"}
# HTTP: bad request, too large, media type, not to be processed
_REFUSALS = {400, 413, 415, 422}
_OVERFLOW_TEXT = re.compile(
    r"maximum context length|context.?length.{0,40}exceed|exceeds?.{0,60}context"
    r"|available context size|prompt is too long|input token count.{0,40}exceeds"
    r"|input (?:is )?too long|too many (?:input )?tokens|too large for model with \d+"
    r"|context (?:size|window|length).{0,40}(?:exceed|overflow|too (?:small|large))",
    re.IGNORECASE | re.DOTALL,
)
# Limits over time are told in much the same words ("too many tokens, please wait").
_THROTTLE_TEXT = re.compile(
    r"rate.?limit|throttl|quota|per (?:second|minute|hour|day)|please wait|try again", re.IGNORECASE
)
_WINDOW_TEXT = re.compile(
    r"(?:maximum context length (?:is|of)|context size \(|maximum of|max_model_len[ =]+|> ?"
    r"|tokens allowed \(|too large for model with)"
    r"\s*(\d{2,8})",
    re.IGNORECASE,
)
_PROMPT_TEXT = re.compile(
    r"(?:resulted in|you requested|request \(|request has|prompt contains(?: at least)?|too long:"
    r"|token count \()"
    r"\s*(\d{2,8})",
    re.IGNORECASE,
)


# What is said of a request by a server that answers 404, 500 or 501 where others answer 400.
_AT_FAULT_TEXT = re.compile(
    r"jinja|chat.?template|template|alternat|roles? |tool.?(?:use|call|choice)|support.{0,20}tools"
    r"|image|vision|multimodal|mmproj|unsupported|not supported|invalid (?:request|message|param)",
    re.IGNORECASE,
)
# 400 for what is no fault of the request's (Gemini: a wrong key; others: an unpaid bill).
_NOT_ITS_FAULT_TEXT = re.compile(
    r"api.?key|unauthori[sz]ed|authenticat|rate.?limit|throttl|insufficient.?(?:quota|balance|funds)"
    r"|billing|too many requests|exceeded your",
    re.IGNORECASE,
)
_BLIND_TEXT = re.compile(
    r"(?:not|n't|cannot|only).{0,40}(?:image|vision|multi-?modal|text)|unsupported.{0,40}image"
    r"|image.{0,60}(?:not|n't|cannot|unsupported|only)|unknown variant|mmproj|only.{0,20}text"
    r"|must be a string|valid string|no endpoints|(?:missing|required).{0,40}(?:image|vision)",
    re.IGNORECASE | re.DOTALL,
)


def overflow_of(problem: Exception) -> ContextOverflowError | None:
    """The overflow that an error of openai's or another library reports; None for other errors."""
    problem = _told(problem)
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


def refusal_of(problem: Exception) -> str | None:
    """The words of a provider that says the request itself is at fault; None for other errors.

    So another request may be answered: HTTP 400, 413, 415 and 422, or an error of another
    status that speaks of the request. Not what a limit over time, a key or the network is
    to blame for.
    """
    problem = _told(problem)
    status = getattr(problem, "status_code", None) or getattr(problem, "code", None)
    if not isinstance(status, int):
        return None
    text = _words(problem)
    if _NOT_ITS_FAULT_TEXT.search(text) and not is_filtered(text):
        return None
    if status in _REFUSALS or (status in (404, 500, 501) and _AT_FAULT_TEXT.search(text)):
        return text
    return None


def is_too_large(problem: Exception) -> bool:
    """Whether the request has too many bytes, rather than tokens (HTTP 413)."""
    return getattr(_told(problem), "status_code", None) == 413


def takes_no_pictures(problem: Exception) -> bool:
    """Whether it says that the model can see none, rather than that one is at fault."""
    return _BLIND_TEXT.search(_words(_told(problem))) is not None


def gist(words: str) -> str:
    """What two refusals of one kind have in common: their words without numbers and ids."""
    return re.sub(r"[0-9a-f]*\d[\w-]*", "", words)


def _words(problem: BaseException) -> str:
    """An error's text with all that its body says, which may not be where openai looks for it."""
    body = getattr(problem, "body", None)
    response = getattr(problem, "response", None)
    whole = json.dumps(body, default=str) if body else str(getattr(response, "text", ""))
    return f"{problem} {whole}"[:4000]


def _told(problem: Exception) -> Exception:
    """The provider's own error, where AutoGen tripped over its body and raised another."""
    for one in _chain(problem):
        if isinstance(one, openai.APIStatusError):
            return one
    return problem


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__


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
