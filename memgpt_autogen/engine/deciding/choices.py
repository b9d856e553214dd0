"""Choices: what a small model may do next, and the calls of functions that each stands for.

A choice is one JSON object, `{"do": "search"}`, held to a schema that offers only what makes
sense now: no correction of facts that nobody has, no note on anybody who has not just spoken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.engine.deciding.situation import Situation
from memgpt_autogen.engine.functions import FUNCTIONS
from memgpt_autogen.model.protocol.json_tools import arguments_schema, signature
from memgpt_autogen.model.protocol.written import dumped, read_json
from memgpt_autogen.steps import FunctionCall

JSON = dict[str, Any]

NOTE, CORRECT, ANSWER, SEARCH = "note", "correct", "answer", "search"
KEEP, TALK, UNKNOWN = "keep", "talk", "unknown"

_MEMORY_FUNCTIONS = frozenset(function.name for function in FUNCTIONS)
_FACT = 160  # characters of one fact
_FACTS = 3  # of one message
_LINES = 4  # that one answer is made of
_QUERY = 300  # characters
_LONG = 120  # characters of a message that is worth keeping whole
_ARGUMENTS = 1500  # characters of a tool's arguments
_FIRST_PERSON = re.compile(r"\b(?:I|I'm|I've|I'll|I'd|[Mm]y|me|[Mm]ine|myself)\b")


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        name: of one of ours, or of a tool of the user's.
        values: what goes with it.
    """

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Choices:
    """What a model may do in a situation.

    Attributes:
        situation: what it is about.
        tools: the user's, in the OpenAI `tools` format.
        archives: shared ones that may be written to.
        archival: there is something to find in archival storage.
    """

    situation: Situation
    tools: Sequence[Mapping[str, Any]] = ()
    archives: Sequence[str] = ()
    archival: bool = False

    def schema(self) -> JSON:
        """What the model's answer must match."""
        options = [*self._own(), *(self._tool(tool["function"]) for tool in self.tools)]
        return {"anyOf": options} if len(options) > 1 else options[0]

    def read(self, text: str) -> Choice:
        """The choice in an answer; where it is none of those on offer, to talk."""
        value = read_json(text)
        name = value.get("do") if isinstance(value, dict) else None
        names = {one["properties"]["do"]["const"] for one in self._own()}
        names |= {tool["function"]["name"] for tool in self.tools}
        if name not in names:
            return Choice(UNKNOWN if self.situation.has_searched else TALK, {})
        return Choice(str(name), {key: one for key, one in value.items() if key != "do"})

    def calls(self, choice: Choice) -> tuple[FunctionCall, ...]:
        """The functions to be called; none where it is time to speak."""
        if choice.name == NOTE:
            return tuple(self._notes(choice.values))
        if choice.name == CORRECT:
            return tuple(self._correction(choice.values))
        if choice.name == SEARCH:
            return tuple(self._searches())
        if choice.name == KEEP:
            return (self._kept(choice.values),)
        if choice.name in {tool["function"]["name"] for tool in self.tools}:
            return (_call(choice.name, choice.values.get("arguments") or {}),)
        return ()

    # --- what is on offer ------------------------------------------------------------

    def _own(self) -> list[JSON]:
        situation, blocks = self.situation, self.situation.blocks
        found: list[JSON] = []
        fact = {"type": "string", "minLength": 1, "maxLength": _FACT}
        if blocks and not situation.has_stored:
            facts = {"type": "array", "items": fact, "minItems": 1, "maxItems": _FACTS}
            found.append(_option(NOTE, about={"type": "string", "enum": list(blocks)}, facts=facts))
            if wrong := self._correctable():
                found.append(_option(CORRECT, line={"type": "integer", "enum": wrong}, fact=fact))
        if lines := list(range(1, len(situation.lines) + 1)):
            most = min(len(lines), _LINES)
            numbers = {
                "type": "array",
                "items": {"type": "integer", "enum": lines},
                "minItems": 1,
                "maxItems": most,
            }
            found.append(_option(ANSWER, lines=numbers))
        if not situation.has_searched:
            found.append(_option(SEARCH))
        if not situation.has_stored and len(situation.last.text) > _LONG:
            where = {"type": "string", "enum": ["own", *self.archives]}
            found.append(_option(KEEP, **({"where": where} if self.archives else {})))
        found.append(_option(UNKNOWN if situation.has_searched else TALK))
        return found

    def _correctable(self) -> list[int]:
        """The numbers of the lines that who has just spoken may correct."""
        blocks = self.situation.blocks.values()
        known = enumerate(self.situation.known, 1)
        return [number for number, line in known if line.block in blocks]

    def _tool(self, function: Mapping[str, Any]) -> JSON:
        arguments = arguments_schema(function, _ARGUMENTS)
        return _option(function["name"], arguments=arguments)

    # --- what it stands for ------------------------------------------------------------

    def _notes(self, values: Mapping[str, Any]) -> list[FunctionCall]:
        blocks = self.situation.blocks
        about = str(values.get("about"))
        about = about if about in blocks else next(iter(blocks))
        facts = values.get("facts")
        texts = [one for one in facts if isinstance(one, str)] if isinstance(facts, list) else []
        return [
            _call("core_memory_append", {"name": blocks[about], "content": self._told(text, about)})
            for text in dict.fromkeys(map(str.strip, texts))
            if text
        ]

    def _correction(self, values: Mapping[str, Any]) -> list[FunctionCall]:
        number, fact = values.get("line"), values.get("fact")
        if number not in self._correctable() or not isinstance(fact, str) or not fact.strip():
            return []
        line = self.situation.known[number - 1]
        told = self._told(fact.strip(), self.situation.last.speaker)
        content = {"name": line.block, "old_content": line.text, "new_content": told}
        return [_call("core_memory_replace", content)]

    def _told(self, fact: str, speaker: str) -> str:
        """A fact in the third person; words in the first are somebody's own, so quoted."""
        return f"{speaker} said: {fact}" if _FIRST_PERSON.search(fact) else fact

    def _searches(self) -> list[FunctionCall]:
        query = " ".join(self.situation.last.text.split())[:_QUERY]
        names = ["conversation_search", *(["archival_memory_search"] if self.archival else [])]
        return [_call(name, {"query": query}) for name in names]

    def _kept(self, values: Mapping[str, Any]) -> FunctionCall:
        last, where = self.situation.last, values.get("where")
        place = {"archive": where} if where in self.archives else {}
        return _call("archival_memory_insert", {"content": f"{last.speaker}: {last.text}", **place})


def own_tools(tools: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The user's tools among the functions of a turn."""
    return [one for one in tools if one["function"]["name"] not in _MEMORY_FUNCTIONS]


def described(tools: Sequence[Mapping[str, Any]]) -> str:
    """The user's tools, as the instructions name them."""
    lines = [f"- {signature(dict(one['function']))}" for one in tools]
    example = '{"do": "its name", "arguments": {...}}'
    head = f"Tools, where one does what is asked: {example}"
    return "\n".join([head, *lines]) if lines else ""


def _option(name: str, **properties: Any) -> JSON:
    properties = {"do": {"type": "string", "const": name}, **properties}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _call(name: str, arguments: Mapping[str, Any]) -> FunctionCall:
    memory = {"request_heartbeat": True} if name in _MEMORY_FUNCTIONS else {}
    return FunctionCall(id="", name=name, arguments=dumped({**arguments, **memory}))
