"""OpenAI `tools` for a model that cannot call them: a text block, and the schema of an answer.

A small model writes valid calls when its output is held to a JSON schema; its own
tool template yields none (measured: 0 of 6 calls, against 40 of 40 by schema).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.model.protocol.written import read_json, written_calls
from memgpt_autogen.steps import FunctionCall

JSON = dict[str, Any]

REPLY = "reply"  # the key of a plain answer where calling is a choice
CALL_OVERHEAD_TOKENS = 60  # name, keys, brackets and short arguments of a call
CHARS_PER_TOKEN = 2.0  # on the small side: code and escapes take more tokens than prose
LARGEST_INTEGER = 99_999
LONGEST_STRING = 1800  # llama.cpp refuses grammars that repeat more than 2,000 times


class MalformedError(ValueError):
    """A request that is not of OpenAI's form, in words for whoever sent it."""


@dataclass(frozen=True)
class Toolbox:
    """The functions a request offers, and whether plain text may answer instead."""

    functions: tuple[JSON, ...]
    may_reply: bool

    @property
    def names(self) -> frozenset[str]:
        return frozenset(function["name"] for function in self.functions)

    def describe(self) -> str:
        """A compact block for the beginning of the system message."""
        lines = [signature(function) for function in self.functions]
        form = 'You act by calling one function, as JSON: {"name": "...", "arguments": {...}}.'
        if self.may_reply:
            form += f' Or you answer in words: {{"{REPLY}": "..."}}.'
        return "\n".join([form, "Functions:", *lines])

    def schema(self, max_tokens: int) -> JSON:
        """What the completion must match, its strings short enough to end by `max_tokens`."""
        room = int(max(max_tokens - CALL_OVERHEAD_TOKENS, 16) * CHARS_PER_TOKEN)
        choices = [_call_schema(function, room) for function in self.functions]
        if self.may_reply:
            text = {"type": "string", "minLength": 1, "maxLength": min(room, LONGEST_STRING)}
            choices.append(_object({REPLY: text}, [REPLY]))
        return {"anyOf": choices} if len(choices) > 1 else choices[0]

    def parse(self, text: str, *, cut: bool = False) -> FunctionCall | str:
        """The call in a completion, or the words of a plain answer.

        What is broken in the usual ways is repaired, but for a completion that was `cut`:
        inside a call that gives the call with cut arguments, as OpenAI's does.
        """
        if cut:
            return self._parse_cut(text)
        _, found = written_calls(text, self.names)
        if found:
            return FunctionCall(id="", name=found[0].name, arguments=found[0].arguments)
        value = read_json(text)
        if isinstance(value, dict) and isinstance(value.get(REPLY), str):
            return str(value[REPLY])
        return text

    def _parse_cut(self, text: str) -> FunctionCall | str:
        call = re.match(r'\s*\{\s*"name"\s*:\s*"([^"]+)"\s*,\s*"arguments"\s*:\s*', text)
        if call and call.group(1) in self.names:
            arguments = text[call.end() :]
            with contextlib.suppress(ValueError):  # only the very end may be missing
                arguments = json.dumps(json.loads(text)["arguments"], ensure_ascii=False)
            return FunctionCall(id="", name=call.group(1), arguments=arguments)
        reply = re.match(rf'\s*\{{\s*"{REPLY}"\s*:\s*"', text)
        if self.may_reply and reply:
            return _unescape(text[reply.end() :])
        return text


def toolbox_of(tools: Sequence[Any], choice: Any) -> Toolbox | None:
    """What `tools` and `tool_choice` of a request ask for; None: plain text only.

    Under `auto` a plain answer is a choice too, unless one function is `send_message`:
    who speaks through a function needs no second way.

    Raises:
        MalformedError: `tools` or `tool_choice` are malformed, in words for the client.
    """
    functions = tuple(_function(tool) for tool in tools)
    if not functions or choice == "none":
        return None
    if isinstance(choice, Mapping):
        name = (choice.get("function") or {}).get("name")
        functions = tuple(f for f in functions if f["name"] == name)
        if not functions:
            raise MalformedError(f"tool_choice names {name!r}, which is not among the tools")
        return Toolbox(functions, may_reply=False)
    if choice not in (None, "auto", "required"):
        raise MalformedError(f"tool_choice {choice!r} is not none, auto, required or a function")
    speaks = any(function["name"] == "send_message" for function in functions)
    return Toolbox(functions, may_reply=choice != "required" and not speaks)


def call_text(name: str, arguments: str) -> str:
    """A call as the model writes it, so that its own earlier calls hit the prompt cache."""
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        value = arguments
    return json.dumps({"name": name, "arguments": value}, ensure_ascii=False)


def _function(tool: Any) -> JSON:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise MalformedError(
            'each of tools must be {"type": "function", "function": {"name": ...}}'
        )
    parameters = function.get("parameters") or {}
    properties = parameters.get("properties") or {} if isinstance(parameters, Mapping) else None
    if not isinstance(properties, Mapping):
        raise MalformedError(
            f"the parameters of {function['name']} are no JSON schema of an object"
        )
    return dict(function)


def signature(function: Mapping[str, Any]) -> str:
    """A function on one line, its optional arguments marked."""
    parameters = function.get("parameters") or {}
    required = parameters.get("required") or []
    arguments = []
    for name, schema in _required_first(parameters).items():
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        optional = "" if name in required else "?"
        arguments.append(f"{name}{optional}: {kind}" if isinstance(kind, str) else name + optional)
    text = " ".join(str(function.get("description") or "").split())
    return f"{function['name']}({', '.join(arguments)})" + (f" - {text}" if text else "")


def _required_first(parameters: Mapping[str, Any]) -> JSON:
    """The properties, optional ones last.

    The model must write them in the schema's order; one it passed by is lost.
    """
    properties: JSON = parameters.get("properties") or {}
    required = parameters.get("required") or []
    return dict(sorted(properties.items(), key=lambda item: item[0] not in required))


def arguments_schema(function: Mapping[str, Any], room: int) -> JSON:
    """What the arguments of a function must match, their strings of `room` characters in all."""
    parameters = function.get("parameters") or {}
    properties = _required_first(parameters)
    strings = sum(1 for schema in properties.values() if _is_free_string(schema))
    share = min(room // max(strings, 1), LONGEST_STRING)
    return {
        **{key: value for key, value in parameters.items() if key.startswith("$")},
        **_object(
            {name: _bounded(schema, share) for name, schema in properties.items()},
            parameters.get("required") or [],
        ),
    }


def _call_schema(function: JSON, room: int) -> JSON:
    arguments = arguments_schema(function, room)
    return _object({"name": {"const": function["name"]}, "arguments": arguments})


def _object(properties: JSON, required: Sequence[str] | None = None) -> JSON:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else list(required),
        "additionalProperties": False,
    }


def _is_free_string(schema: Any) -> bool:
    return (
        isinstance(schema, Mapping)
        and schema.get("type") == "string"
        and not any(key in schema for key in ("enum", "const", "pattern", "format"))
    )


def _bounded(schema: Any, limit: int) -> Any:
    """The schema with an end: a small model may go on with letters or digits for ever."""
    if _is_free_string(schema):
        return {**schema, "maxLength": min(schema.get("maxLength", limit), limit)}
    if isinstance(schema, Mapping) and schema.get("type") == "integer" and "maximum" not in schema:
        return {**schema, "maximum": max(LARGEST_INTEGER, schema.get("minimum", 0))}
    return schema


def _unescape(cut: str) -> str:
    """The text of a JSON string that lacks its end."""
    for drop in range(7):  # an escape such as \\u00e9 may be cut in its middle
        try:
            return str(json.loads(f'"{cut[: len(cut) - drop]}"'))
        except ValueError:
            continue
    return cut
