"""Questions: what a small model is asked before it speaks, one small thing at a time.

Each has an instruction and examples, as turns of a chat, which never change and so stay in the
server's prompt cache; the answer is one JSON object, held to a schema. Asked all at once, beside
all that is known, the same model copies what it knows and answers what nobody knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from memgpt_autogen.engine.functions import FUNCTIONS
from memgpt_autogen.engine.reading.function import OPEN_DOCUMENT
from memgpt_autogen.model.protocol.json_tools import arguments_schema, signature

JSON = dict[str, Any]
ChatMessage = dict[str, Any]
Tools = Sequence[Mapping[str, Any]]

NOTE, LOOK, KEEP, TALK = "note", "look", "keep", "talk"

MEMORY_FUNCTIONS = frozenset(function.name for function in (*FUNCTIONS, OPEN_DOCUMENT))
_FACT = 240  # characters
_ARGUMENTS = 1500  # characters of a tool's arguments
_SECTION = re.compile(r"^# (\w+)\n", re.MULTILINE)
_EXAMPLE = re.compile(r"((?:^> .*\n)+)(.+)", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """A question: its messages, and what its answer must match."""

    messages: Sequence[ChatMessage]
    schema: JSON


def act(
    agent: str,
    said: str,
    *,
    about: Sequence[str] = (),
    archives: Sequence[str] = (),
    choices: Sequence[str] = (NOTE, LOOK, KEEP, TALK),
    tools: Tools = (),
) -> Question:
    """What to do about what somebody said.

    Args:
        agent: the agent's name.
        said: the words, with the name of who said them.
        about: whom or what a fact may be about, where that is a choice.
        archives: shared ones in which something may be kept.
        choices: of ours, those on offer.
        tools: the user's.
    """
    fact = {"type": "string", "minLength": 1, "maxLength": _FACT}
    whom = {"about": {"type": "string", "enum": list(about)}} if len(about) > 1 else {}
    where = {"where": {"type": "string", "enum": ["own", *archives]}} if archives else {}
    options = {NOTE: _option(NOTE, fact=fact, **whom), KEEP: _option(KEEP, **where)}
    found = [options.get(name) or _option(name) for name in choices]
    found += [_tool(one["function"]) for one in tools]
    messages = examples("act", said, described(tools))
    messages[0]["content"] = messages[0]["content"].replace("{name}", agent)
    return Question(messages, {"anyOf": found} if len(found) > 1 else found[0])


def pick(lines: Sequence[str], asked: str, voice: str) -> Question:
    """Which of some lines answers a question; 0: none. `voice`: who answers it then."""
    found = _numbered("pick", lines, asked)
    found.messages[0]["content"] = f"{voice}\n{found.messages[0]['content']}"
    return found


def picked(question: Question, number: int, day: str, speaker: str) -> list[ChatMessage]:
    """The chat that goes on from a line that was picked to the words of the answer.

    The lines are read once for both; the day on which it was said is told of this one alone.
    """
    said = [f"Line {number} was said on {day}."] if day else []
    told = [*said, f"Now answer {speaker}." if speaker else "Now answer."]
    return [
        *question.messages,
        {"role": "assistant", "content": json.dumps({"line": number})},
        {"role": "user", "content": " ".join(told)},
    ]


def replace(lines: Sequence[str], fact: str, said: str) -> Question:
    """Which of some lines is not true any more because of a new one; 0: none."""
    return _numbered("replace", lines, f"New: {fact} ({said})")


def examples(section: str, last: str, further: str = "") -> list[ChatMessage]:
    """A section's instruction, its examples as turns of a chat, and what is asked now."""
    instruction, turns = _sections().get(section, ("", []))
    head = "\n".join(filter(None, (instruction, further)))
    messages = [{"role": "system", "content": head}] if head else []
    for asked, answer in turns:
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": answer})
    return [*messages, {"role": "user", "content": last}]


def own_tools(tools: Tools) -> list[Mapping[str, Any]]:
    """The user's tools among the functions of a turn."""
    return [one for one in tools if one["function"]["name"] not in MEMORY_FUNCTIONS]


def described(tools: Tools) -> str:
    """The user's tools, as an instruction names them."""
    lines = [f"- {signature(one['function'])}" for one in tools]
    form = 'Tools, where one does what they ask: {"do": "tool\'s name", "arguments": {...}}'
    return "\n".join([form, *lines]) if lines else ""


def _numbered(section: str, lines: Sequence[str], last: str) -> Question:
    # A small model names the number behind a line; of one before it, often the next line's.
    shown = [f"{line} [{number}]" for number, line in enumerate(lines, 1)]
    numbers = {"type": "integer", "enum": list(range(len(lines) + 1))}
    return Question(examples(section, "\n".join([*shown, last])), _object(line=numbers))


def _tool(function: Mapping[str, Any]) -> JSON:
    return _option(function["name"], arguments=arguments_schema(function, _ARGUMENTS))


def _option(name: str, **properties: Any) -> JSON:
    return _object(do={"type": "string", "const": name}, **properties)


def _object(**properties: Any) -> JSON:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@lru_cache
def _sections() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Of each section the instruction, and its examples as (asked, answer)."""
    text = (resources.files("memgpt_autogen") / "data" / "decide.txt").read_text("utf-8")
    _, *parts = _SECTION.split(text)
    found = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        turns = [
            ("\n".join(line[2:] for line in asked.splitlines()), answer.strip())
            for asked, answer in _EXAMPLE.findall(body)
        ]
        instruction = "" if body.startswith("> ") else body.split("\n> ", 1)[0].strip()
        found[name] = (instruction, turns)
    return found
