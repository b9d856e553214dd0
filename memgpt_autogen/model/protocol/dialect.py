"""Dialect: a prompt in the form that one model's server takes, by its rules.

The rules' sources: docs/providers.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memgpt_autogen.model.protocol.json_tools import toolbox_of
from memgpt_autogen.model.protocol.plain_chat import worded
from memgpt_autogen.model.protocol.rules import ServerRules

Message = dict[str, Any]

THOUGHTS, EXTRA = "reasoning_content", "extra_content"  # fields beside OpenAI's
# For a call that another model made (https://ai.google.dev/gemini-api/docs/thought-signatures).
_UNSIGNED = {"google": {"thought_signature": "skip_thought_signature_validator"}}
SENT = "Sent."  # the result of a call of send_message that was done
BEGIN = "(The conversation goes on.)"
GO_ON = "(Go on.)"
NOTED = "Noted."

# Of a schema, what every provider takes (Gemini: https://ai.google.dev/api/caching#Schema).
_KEYWORDS = ("type", "description", "enum", "items", "properties", "required")


def shaped(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    rules: ServerRules,
    *,
    max_tokens: int = 1024,
) -> tuple[list[Message], list[Mapping[str, Any]], dict[str, Any]]:
    """(messages, tools, further parameters) as the server takes them."""
    further: dict[str, Any] = {}
    found = [_known_fields(message, rules) for message in messages]
    offered = list(tools) if rules.schema_keywords else [_lean_tool(one) for one in tools]
    toolbox = None if rules.tools else toolbox_of(tools, None)
    if toolbox is not None:
        found, offered = alternating(worded(found, toolbox)), []
        further = response_format(rules, toolbox.schema(max_tokens))
    elif rules.alternate:
        found = alternating(found)
    return found if rules.system else _without_system(found), offered, further


def _known_fields(message: Mapping[str, Any], rules: ServerRules) -> Message:
    """A message with the fields, beside OpenAI's, that this server wants; a copy."""
    found = dict(message)
    thoughts, calls = found.pop(THOUGHTS, ""), found.get("tool_calls")
    if not calls:
        return found
    if rules.thoughts:
        found[THOUGHTS] = thoughts
    if rules.beside_calls != "any":
        found["content"] = found["content"] or "" if rules.beside_calls == "text" else None
    found["tool_calls"] = [
        {key: value for key, value in call.items() if key != EXTRA} for call in calls
    ]
    if rules.signatures:  # of the first call, where there are several
        extra = calls[0].get(EXTRA)
        found["tool_calls"][0][EXTRA] = json.loads(extra) if extra else _UNSIGNED
    return found


def alternating(messages: Sequence[Message]) -> list[Message]:
    """The same with user and assistant in turn, as strict chat templates ask.

    One call a message, each with its result behind it; what was said by `send_message` is a
    plain message of the assistant's; neighbours of one role are one message.
    """
    found: list[Message] = []
    for message in _spoken(messages):
        last = found[-1] if found else {"role": ""}
        role = message["role"]
        if role == last["role"] and role != "tool" and not last.get("tool_calls"):
            found[-1] = _joined(last, message)
            continue
        if role == "assistant" and last["role"] in ("", "system"):
            found.append({"role": "user", "content": BEGIN})
        if role == "user" and last["role"] == "tool":
            found.append({"role": "assistant", "content": NOTED})
        found.append(message if message.get("content") or role == "assistant" else _filled(message))
    if not found or found[-1]["role"] in ("system", "assistant"):
        found.append({"role": "user", "content": GO_ON})
    return found


def _spoken(messages: Sequence[Message]) -> Iterator[Message]:
    """Messages of one call each, and what `send_message` sent as plain ones."""
    results = {one.get("tool_call_id"): one for one in messages if one["role"] == "tool"}
    for message in messages:
        if message["role"] == "tool":
            continue
        calls = message.get("tool_calls") or ()
        if not calls:
            yield message
            continue
        said: list[str] = []
        thought = message.get("content")
        for call in calls:
            text = _sent(call, results.get(call["id"]))
            if text is not None:
                said.append(text)
                continue
            yield {**message, "content": thought, "tool_calls": [call]}
            thought = None if thought is None else ""
            if call["id"] in results:
                yield results[call["id"]]
        if said:
            yield {"role": "assistant", "content": "\n\n".join(said)}


def _sent(call: Mapping[str, Any], result: Mapping[str, Any] | None) -> str | None:
    """What a call of `send_message` said; None for another call, and for one that failed."""
    if call["function"]["name"] != "send_message" or result is None:
        return None
    try:
        said = json.loads(call["function"]["arguments"]).get("message")
    except (ValueError, AttributeError):
        return None
    return said if isinstance(said, str) and result.get("content") == SENT else None


def _joined(first: Message, second: Message) -> Message:
    one, other = first.get("content"), second.get("content")
    if isinstance(one, list) or isinstance(other, list):
        content: Any = [*_parts(one), *_parts(other)]
    else:
        content = "\n".join(filter(None, (one, other))) or None
    return {**first, **second, "content": content}


def _parts(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _filled(message: Message) -> Message:
    """A message with a content that is not empty: several servers refuse those."""
    return {**message, "content": "(empty)"}


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The system message in front of the first user's."""
    found: list[Message] = []
    for message in messages:
        role = "user" if message["role"] == "system" else message["role"]
        changed = {**message, "role": role}
        if role == "user" and found and found[-1]["role"] == "user":
            found[-1] = _joined(found[-1], changed)
        else:
            found.append(changed)
    return found


def response_format(rules: ServerRules, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter that holds an answer to a schema, as far as the server takes one."""
    if rules.response_format == "none":
        return {}
    if rules.response_format == "object":
        return {"response_format": {"type": "json_object"}}
    form = {"name": "call", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def _lean_tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool["function"]
    parameters = _lean(function.get("parameters") or {"type": "object", "properties": {}})
    return {**tool, "function": {**function, "parameters": parameters}}


def _lean(schema: Any) -> Any:
    """A schema in which nothing is left but what every provider takes."""
    if not isinstance(schema, Mapping):
        return {"type": "string"}
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if isinstance(choices, list) and "type" not in schema:
        plain_ones = [one for one in choices if one.get("type") not in (None, "null")]
        schema = {**schema, **(plain_ones[0] if plain_ones else {"type": "string"})}
    lean = {key: value for key, value in schema.items() if key in _KEYWORDS}
    kind = lean.get("type", "string")
    kinds = kind if isinstance(kind, list) else [kind]
    lean["type"] = next((one for one in kinds if one != "null"), "string")
    if "properties" in lean:
        lean["properties"] = {key: _lean(value) for key, value in lean["properties"].items()}
        lean["required"] = [one for one in lean.get("required") or () if one in lean["properties"]]
    if "items" in lean or lean["type"] == "array":
        lean["items"] = _lean(lean.get("items") or {"type": "string"})
    if "enum" in lean:
        lean["enum"] = [str(one) for one in lean["enum"]]
        lean["type"] = "string"
    return lean
