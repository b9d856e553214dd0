"""What may be wrong with a request's messages; each check makes the `find` of a rule."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from memgpt_autogen.testing.requests import content_text

from .profile import THINKING_OFF, Body, Fields, Find

SYSTEM = ("system", "developer")


def calls_of(message: Body) -> list[Body]:
    """The calls of a message."""
    return [one for one in message.get("tool_calls") or [] if isinstance(one, dict)]


def message(wrong: Callable[[Body], bool]) -> Find:
    """A message that is `wrong`."""

    def find(body: Body) -> Fields | None:
        wrongs = (index for index, one in enumerate(body["messages"]) if wrong(one))
        return next((_place(body, index) for index in wrongs), None)

    return find


def _place(body: Body, index: int) -> dict[str, Any]:
    """A message's place; the column is where a parser stops at it."""
    one, column = body["messages"][index], len(json.dumps(body["messages"][: index + 1]))
    content = content_text(one.get("content"))
    return {"index": index, "column": column, "role": one["role"], "text": content}


def spoken(roles: list[str]) -> list[str]:
    """Without those of system messages."""
    return [role for role in roles if role not in SYSTEM]


def roles(wrong: Callable[[list[str]], bool]) -> Find:
    """A sequence of roles that is `wrong`."""
    return lambda body: {} if wrong(_roles(body)) else None


def _roles(body: Body) -> list[str]:
    return [str(one["role"]) for one in body["messages"]]


def order(after: Mapping[str, str]) -> Find:
    """A role that may not follow the one before; `after` lists those that may."""

    def find(body: Body) -> Fields | None:
        for index, (before, role) in enumerate(pairwise(_roles(body))):
            if role not in after.get(before, role).split():
                return {"before": before, "role": role, "first": index, "second": index + 1}
        return None

    return find


def not_alternating(body: Body) -> Fields | None:
    """User and assistant out of turn, where messages with calls and results do not count."""
    turns = [one["role"] for one in body["messages"] if not calls_of(one)]
    turns = [role for role in turns if role in ("user", "assistant")]
    wrong = any((role == "user") != (turn % 2 == 0) for turn, role in enumerate(turns))
    return {} if wrong else None


def ends_with_assistant(body: Body) -> Fields | None:
    """An assistant's message at the end that is no call and not marked as a prefix."""
    last = body["messages"][-1]
    unasked = last["role"] == "assistant" and not last.get("prefix") and not calls_of(last)
    return {"role": last["role"]} if unasked else None


def space_at_end(body: Body) -> Fields | None:
    """An assistant's text at the end that ends in white space."""
    text = content_text(body["messages"][-1].get("content"))
    return {} if _roles(body)[-1] == "assistant" and text != text.rstrip() else None


# --- calls and their results


def _each_call(body: Body) -> Iterator[tuple[int, int, Body]]:
    for index, one in enumerate(body["messages"]):
        for number, call in enumerate(calls_of(one)):
            yield index, number, call


def _function(call: Body) -> Body:
    function = call.get("function")
    return function if isinstance(function, dict) else {}


def call_ids(pattern: str) -> Find:
    """An id of a call, or the one that a result names, which does not match."""

    def find(body: Body) -> Fields | None:
        given = [(index, number, call.get("id")) for index, number, call in _each_call(body)]
        results = ((i, m) for i, m in enumerate(body["messages"]) if m["role"] == "tool")
        given += [(index, 0, one.get("tool_call_id")) for index, one in results]
        for index, number, name in given:
            if not re.fullmatch(pattern, str(name)):
                return {"index": index, "call": number, "id": name, "length": len(str(name))}
        return None

    return find


def unanswered(body: Body) -> Fields | None:
    """A call without its result right behind."""
    for index, one in enumerate(body["messages"]):
        missing = [str(call.get("id")) for call in calls_of(one)]
        for answer in body["messages"][index + 1 :]:
            if answer["role"] != "tool":
                break
            if answer.get("tool_call_id") in missing:
                missing.remove(answer["tool_call_id"])
        if missing:
            return {"index": index, "id": ", ".join(missing)}
    return None


def unasked(body: Body) -> Fields | None:
    """A result without its call before."""
    pending: list[str] = []
    for index, one in enumerate(body["messages"]):
        if one["role"] != "tool":
            pending = [str(call.get("id")) for call in calls_of(one)]
        elif one.get("tool_call_id") in pending:
            pending.remove(one["tool_call_id"])
        else:
            return {"index": index, "id": one.get("tool_call_id")}
    return None


def calls_without_tools(body: Body) -> Fields | None:
    """Calls or results among the messages, and no tools on offer."""
    called = "tool" in _roles(body) or any(_each_call(body))
    return {} if called and not body.get("tools") else None


def bad_arguments(body: Body) -> Fields | None:
    """Arguments of a past call that are no JSON object."""
    for index, number, call in _each_call(body):
        problem = "the arguments are no object"
        try:
            if isinstance(json.loads(str(_function(call).get("arguments"))), dict):
                continue
        except json.JSONDecodeError as error:
            problem = str(error)
        return {"index": index, "call": number, "problem": problem}
    return None


def misplaced_calls(body: Body) -> Fields | None:
    """Calls that follow neither the user nor a result."""
    before = ["", *_roles(body)]
    calling = [before[index] for index, _, _ in _each_call(body)]
    return {} if any(role not in ("user", "tool") for role in calling) else None


def unsigned_calls(body: Body) -> Fields | None:
    """The first call of a message without its signature, since the user's last message."""
    spoken = [one for one in body["messages"] if one["role"] not in SYSTEM]
    start = max((i for i, one in enumerate(spoken) if one["role"] == "user"), default=-1)
    for position, one in enumerate(spoken[start + 1 :], start + 2):
        for call in calls_of(one)[:1]:
            google = (call.get("extra_content") or {}).get("google") or {}
            if not google.get("thought_signature"):
                return {"name": _function(call).get("name"), "position": position}
    return None


def thoughts_missing(body: Body) -> Fields | None:
    """A message with calls without the thoughts that came with it, unless thinking is off."""
    if body.get("thinking") == THINKING_OFF:
        return None
    known = ("reasoning_content" in one for one in body["messages"] if calls_of(one))
    return None if all(known) else {}


# --- content


def text(wrong: Callable[[str], bool]) -> Find:
    """A text that is `wrong`, in a message that has no calls and is no result."""

    def found(one: Body) -> bool:
        content = one.get("content")
        if calls_of(one) or one["role"] == "tool" or content is None:
            return False
        parts = content if isinstance(content, list) else [{"text": content}]
        return any(wrong(str(part["text"])) for part in parts if "text" in part)

    return message(found)


def contains(words: str) -> Find:
    """A message in which `words` occur; it is what the refusal is about."""
    find = message(lambda one: words in content_text(one.get("content")))

    def about(body: Body) -> Fields | None:
        found = find(body)
        return found and {"subject": found["text"]}

    return about


def images(wrong: Callable[[str], bool]) -> Find:
    """An image whose address is `wrong`; its size is that of its data in base64."""

    def find(body: Body) -> Fields | None:
        for index, one in enumerate(body["messages"]):
            content = one.get("content")
            for number, part in enumerate(content if isinstance(content, list) else []):
                image = part.get("image_url") if part.get("type") == "image_url" else None
                address = str(image.get("url") if isinstance(image, dict) else image or "")
                if address and wrong(address):
                    return {**_place(body, index), "part": number, "size": data_size(address)}
        return None

    return find


def data_size(address: str) -> int:
    """Bytes of the base64 in a data: address."""
    return len(address.partition(";base64,")[2])
