"""How providers report that a request is larger than the model's context window."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import openai

from memgpt_autogen.errors import ContextOverflowError

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


def overflow_of(problem: Exception) -> ContextOverflowError | None:
    """The overflow that an error of openai's or another library reports; None for other errors."""
    if isinstance(problem, openai.APIError):
        return _openai_overflow(problem)
    return _native_overflow(problem)  # of Anthropic's, of a client of one's own


def _openai_overflow(problem: openai.APIError) -> ContextOverflowError | None:
    body = problem.body if isinstance(problem.body, Mapping) else {}
    named = {str(problem.code), str(problem.type), str(body.get("type")), str(body.get("code"))}
    text = str(problem)
    is_refusal = isinstance(problem, openai.BadRequestError | openai.UnprocessableEntityError)
    if not named & _OVERFLOW_CODES and not (
        (is_refusal or isinstance(problem, openai.InternalServerError))
        and _OVERFLOW_TEXT.search(text)
    ):
        return None
    return ContextOverflowError(
        text,
        window=_number(body.get("n_ctx"), _WINDOW_TEXT, text),
        prompt_tokens=_number(body.get("n_prompt_tokens"), _PROMPT_TEXT, text),
    )


def _native_overflow(problem: Exception) -> ContextOverflowError | None:
    """Its text alone tells, so another status and words about limits over time speak against it."""
    text = str(problem)
    status = getattr(problem, "status_code", None) or getattr(problem, "code", None)
    is_other = isinstance(status, int) and 400 <= status < 600 and status not in _REFUSALS
    if is_other or isinstance(problem, OSError):
        return None
    if not _OVERFLOW_TEXT.search(text) or _THROTTLE_TEXT.search(text):
        return None
    return ContextOverflowError(
        text,
        window=_number(None, _WINDOW_TEXT, text),
        prompt_tokens=_number(None, _PROMPT_TEXT, text),
    )


def _number(named: Any, pattern: re.Pattern[str], text: str) -> int | None:
    if isinstance(named, int):
        return named
    match = pattern.search(text)
    return int(match.group(1)) if match else None
