"""What the rehearsal model reads from a request: who said what, blocks, results, tools."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.testing import ChatRequest
from memgpt_autogen.testing.requests import content_text

_STAMP = r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] "
_LINE = re.compile(rf"^{_STAMP}(?P<speaker>[^:]+): (?P<text>.*)", re.DOTALL)
_BLOCK = re.compile(r"<([^<>/]+?)(?: shared)?(?: read-only)?>\n(.*?)\n?</\1>", re.DOTALL)
_EDIT = re.compile(r"block '([^']+)' (?:now reads|is back and reads):\n(.*)", re.DOTALL)
_EMPTY = re.compile(r"(?:new block, |block )'([^']+)'(?:: keep there| is empty now)")
_ATTACHED = re.compile(r"\(document\) The (source|shared archive) '([^']+)' with")
_FOUND = re.compile(rf"^(?:\(before\) |\(after\) )?{_STAMP}(?:\(note\) )?", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]{3,}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Words that say nothing of what a question is about.
_COMMON = re.compile(
    r"^(the|and|are|was|were|what|who|whom|which|how|when|where|did|does|have|has|you|your|for"
    r"|with|from|that|this|about|like|tell|know|remember|again|last|time|asked|many|much|can|may"
    r"|there)$"
)


@dataclass(frozen=True)
class Heard:
    """One thing that somebody said."""

    speaker: str
    text: str


def heard(request: ChatRequest) -> list[Heard]:
    """What people said since the agent last spoke."""
    said: list[Heard] = []
    for message in reversed(request.messages):
        if message.get("role") == "assistant" and _spoke(message):
            break
        match = _LINE.match(content_text(message.get("content")))
        if message.get("role") == "user" and match and "(system" not in match["speaker"]:
            said.insert(0, Heard(match["speaker"], match["text"]))
    return said


def called(request: ChatRequest) -> list[str]:
    """The names of the functions called since the agent last spoke, in order."""
    names: list[str] = []
    for message in reversed(request.messages):
        if message.get("role") == "assistant":
            if _spoke(message):
                break
            names = [*_names(message), *names]
    return names


def _spoke(message: dict[str, Any]) -> bool:
    return not _names(message) or "send_message" in _names(message)


def _names(message: dict[str, Any]) -> list[str]:
    return [str(each["function"]["name"]) for each in message.get("tool_calls") or ()]


def blocks(request: ChatRequest) -> dict[str, list[str]]:
    """The lines of each core memory block, as the prompt shows it or a later edit left it."""
    found: dict[str, list[str]] = {}
    for message in request.messages:
        text = content_text(message.get("content"))
        if message.get("role") == "system":
            found.update({name: lines_of(value) for name, value in _BLOCK.findall(text)})
        elif message.get("role") == "tool" or "(system alert)" in text:
            if edit := _EDIT.search(text):
                found[edit[1]] = lines_of(edit[2])
            elif empty := _EMPTY.search(text):
                found[empty[1]] = []
    return found


def lines_of(value: str) -> list[str]:
    """The lines of a block, which are shown indented."""
    return [line.strip() for line in value.splitlines()]


def attached(request: ChatRequest) -> list[str]:
    """The sources and shared archives that the agent was told of."""
    return [name for _, name in _ATTACHED.findall(request.text)]


def shared_archive(request: ChatRequest) -> str:
    """A shared archive that the agent may write to; "" if there is none."""
    archives = [name for kind, name in _ATTACHED.findall(request.text) if kind != "source"]
    offered = any(
        "archive" in tool["function"].get("parameters", {}).get("properties", {})
        for tool in request.tools
    )
    return archives[-1] if archives and offered else ""


def passages(result: str) -> list[str]:
    """What a search found, one text each, without its time."""
    starts = [match.end() for match in _FOUND.finditer(result)]
    ends = [match.start() for match in _FOUND.finditer(result)][1:]
    return [result[a:b].strip() for a, b in zip(starts, [*ends, None], strict=False)]


def topics(text: str) -> set[str]:
    """The beginnings of the words that say what a text is about."""
    return {word[:4] for word in _WORD.findall(text.lower()) if not _COMMON.match(word)}


def closest(texts: Sequence[str], question: str) -> str | None:
    """The text that shares most words with a question; None where none shares any."""
    wanted = topics(question)
    best = max(texts, key=lambda text: len(wanted & topics(text)), default="")
    return best if wanted & topics(best) else None


def fitting_tool(request: ChatRequest, words: str, known: Collection[str]) -> Any:
    """A tool of the user's whose name the words hold, with its arguments; or None.

    Numbers are taken in their order; of listed values the one that the words name.
    """
    for tool in request.tools:
        function = tool["function"]
        if function["name"] in known:
            continue
        asked = set(_WORD.findall(function["name"].replace("_", " ")))
        arguments = _arguments(function.get("parameters") or {}, words)
        if asked and asked <= set(_WORD.findall(words.lower())) and arguments is not None:
            return function["name"], arguments
    return None


def _arguments(parameters: dict[str, Any], words: str) -> dict[str, Any] | None:
    numbers = iter(_NUMBER.findall(words))
    values: dict[str, Any] = {}
    for name, schema in (parameters.get("properties") or {}).items():
        value: Any = None
        if schema.get("type") in ("integer", "number"):
            number = next(numbers, None)
            value = None if number is None else json.loads(number)
        elif "enum" in schema:
            value = next((one for one in schema["enum"] if str(one).lower() in words.lower()), None)
        else:
            value = words
        if value is not None:
            values[name] = value
        elif name in parameters.get("required", ()):
            return None
    return values
