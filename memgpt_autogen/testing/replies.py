"""What a scripted model can answer: small frozen values and the functions that build them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any


class Step:
    """What a script is made of: a message, a bare call in place of one, or a failure."""


@dataclass(frozen=True)
class Call(Step):
    """One function call of the model.

    Attributes:
        name: the function's name.
        arguments: the arguments as the model wrote them, JSON or broken JSON.
        id: the call's id; None lets the server make a unique one.
    """

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True)
class Reply(Step):
    """One assistant message; `finish_reason` None means the one that fits the content."""

    content: str | None = None
    calls: tuple[Call, ...] = ()
    refusal: str | None = None
    reasoning: str | None = None
    finish_reason: str | None = None


@dataclass(frozen=True)
class Failure(Step):
    """An error response in OpenAI's form; the client is told not to retry it by itself."""

    status: int
    message: str
    code: str | int | None = None
    type: str | None = None


@dataclass(frozen=True)
class Malformed(Step):
    """A response with status 200 whose body is no chat completion."""

    body: str


@dataclass(frozen=True)
class Slow(Step):
    """Another step, answered only after `seconds`."""

    step: Step
    seconds: float


def say(text: str) -> Reply:
    """Plain text without a function call."""
    return Reply(content=text)


def call(name: str, /, *, id: str | None = None, **arguments: Any) -> Call:
    """A call of the function `name`; `id` is the call's id, all else its arguments."""
    return Call(name, json.dumps(arguments, ensure_ascii=False), id)


def raw_call(name: str, arguments: str, /, *, id: str | None = None) -> Call:
    """A call whose arguments are sent exactly as written, valid JSON or not."""
    return Call(name, arguments, id)


def calls(*several: Call, monologue: str | None = None) -> Reply:
    """Several calls in one message, beside an inner monologue as its content."""
    return Reply(content=monologue, calls=several)


def send(message: str, *, monologue: str | None = None) -> Reply:
    """The call of send_message, beside an inner monologue as the content."""
    return calls(call("send_message", message=message), monologue=monologue)


def refusal(text: str) -> Reply:
    """A refusal: content null, the reason in the field `refusal`."""
    return Reply(refusal=text)


def empty() -> Reply:
    """Neither content nor a call."""
    return Reply()


def cut(partial: str | Step) -> Reply:
    """A text or a call that ended at the token limit (finish_reason "length")."""
    reply = Reply(content=partial) if isinstance(partial, str) else as_reply(partial)
    return replace(reply, finish_reason="length")


def reasoning(text: str, reply: Step | None = None) -> Reply:
    """`reply` with the `reasoning_content` that reasoning models send beside it."""
    return replace(Reply() if reply is None else as_reply(reply), reasoning=text)


_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def fail(
    status: int,
    code: str | int | None = None,
    type: str | None = None,
    message: str = "scripted failure",
) -> Failure:
    """An error response, such as 429, 500, or 400 with code "context_length_exceeded".

    Args:
        status: the HTTP status.
        code: the body's `code`; null where it is None.
        type: the body's `type`; by default the one that OpenAI sends with this status.
        message: the body's `message`.
    """
    return Failure(status, message, code, type or _TYPES.get(status, "server_error"))


def malformed(body: str = '{"object": "not.a.completion"}') -> Malformed:
    """A 200 with a body that is no completion, as broken proxies send it."""
    return Malformed(body)


def slow(step: Step, seconds: float) -> Slow:
    """`step`, answered after `seconds`; for time-outs and turns that overlap."""
    return Slow(step, seconds)


def as_reply(step: Step) -> Reply:
    """A bare call as the message that holds it; TypeError for what is no message."""
    if isinstance(step, Call):
        return Reply(calls=(step,))
    if isinstance(step, Reply):
        return step
    raise TypeError(f"a message or a call is needed here, not {step!r}")
