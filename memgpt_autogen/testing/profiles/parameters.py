"""Checks of a request's parameters and tools; each makes the `find` of a rule."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .profile import THINKING_OFF, Body, Fields, Find


def unsupported(*parameters: str, but: Any = None) -> Find:
    """One of these parameters, with another value than `but`."""

    def find(body: Body) -> Fields | None:
        for name in parameters:
            if body.get(name) not in (None, but):
                return {"name": name, "value": body[name], "subject": name}
        return None

    return find


def together(*parameters: str) -> Find:
    """All of these parameters at once."""
    return lambda body: {} if all(body.get(name) is not None for name in parameters) else None


def unknown(parameters: str, fields: Mapping[str, str]) -> Find:
    """A parameter, or a field of a message of that role, that is not listed; null counts."""

    def found(body: Body) -> Iterator[Fields]:
        for name in body:
            if name not in parameters.split():
                yield {"loc": ["body", name], "input": body[name], "subject": name}
        for index, message in enumerate(body["messages"]):
            role = message["role"]
            for name in message if role in fields else ():
                if name not in fields[role].split():
                    place = ["body", "messages", index, role, name]
                    yield {"loc": place, "input": message[name], "subject": name}

    def find(body: Body) -> Fields | None:
        return next(found(body), None)

    return find


def forced_choice(body: Body) -> Fields | None:
    """A tool_choice that demands a call."""
    free = body.get("thinking") == THINKING_OFF or body.get("tool_choice") in (None, "auto", "none")
    return None if free else {}


def request_bytes(limit: int) -> Find:
    """A request of more than `limit` bytes."""

    def find(body: Body) -> Fields | None:
        size = len(json.dumps(body, ensure_ascii=False).encode())
        return {"size": size} if size > limit else None

    return find


# --- tools


def _functions(body: Body) -> list[Body]:
    tools = body.get("tools")
    declared = [tool.get("function") for tool in tools or [] if isinstance(tool, dict)]
    return [one for one in declared if isinstance(one, dict)]


def tools(body: Body) -> Fields | None:
    """Tools on offer."""
    return {} if body.get("tools") else None


def tool_count(limit: int) -> Find:
    """More than `limit` tools."""

    def find(body: Body) -> Fields | None:
        count = len(body.get("tools") or [])
        return {"count": count} if count > limit else None

    return find


def names(pattern: str) -> Find:
    """A function whose name does not match."""
    sound = re.compile(pattern)

    def find(body: Body) -> Fields | None:
        for number, one in enumerate(_functions(body)):
            if not sound.fullmatch(str(one.get("name"))):
                return {"tool": number, "name": one.get("name")}
        return None

    return find


# --- schemas of the parameters


def schemas(wrong: Callable[[Body], Fields | None], *, below: bool = True) -> Find:
    """A schema of a function's parameters that is `wrong`, or, with `below`, one inside it."""

    def find(body: Body) -> Fields | None:
        for number, one in enumerate(_functions(body)):
            for path, schema in _schemas(one.get("parameters"), ""):
                if (found := wrong(schema)) is not None and (below or not path):
                    return {"tool": number, "path": path, **found}
        return None

    return find


def _schemas(schema: Any, path: str) -> Iterator[tuple[str, Body]]:
    """A schema and those inside it, each with its place as Google names it."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    inside = schema.get("properties")
    for number, inner in enumerate(inside.values() if isinstance(inside, dict) else ()):
        yield from _schemas(inner, f"{path}.properties[{number}].value")
    yield from _schemas(schema.get("items"), f"{path}.items")
    for number, inner in enumerate(schema.get("anyOf") or []):
        yield from _schemas(inner, f"{path}.any_of[{number}]")


def keyword(*names: str) -> Callable[[Body], Fields | None]:
    """A schema with one of these keywords."""

    def wrong(schema: Body) -> Fields | None:
        return next(({"keyword": one, "subject": one} for one in names if one in schema), None)

    return wrong


def list_of_types(schema: Body) -> Fields | None:
    """A schema with several types."""
    return {} if isinstance(schema.get("type"), list) else None


def enum_of_others(schema: Body) -> Fields | None:
    """A schema that enumerates other values than strings."""
    for number, value in enumerate(schema.get("enum") or []):
        if not isinstance(value, str):
            return {"position": number, "value": value}
    return None


def empty_object(schema: Body) -> Fields | None:
    """An object without properties."""
    return {} if schema.get("type") == "object" and not schema.get("properties") else None
