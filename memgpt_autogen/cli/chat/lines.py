"""What a step looks like on the screen: lines of a kind each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from memgpt_autogen import frames
from memgpt_autogen.steps import Step

Kind = Literal["said", "thought", "added", "removed", "looked", "found", "failed", "note"]

_FOUND = 600  # characters that are shown of what a search found
_SEARCHES = ("conversation_search", "conversation_search_date", "archival_memory_search")


@dataclass(frozen=True)
class Line:
    """One thing that happened: its kind, and its text, which may have several lines."""

    kind: Kind
    text: str


def lines_of(step: Step) -> Iterator[Line]:
    """A step in the order of its events: thoughts, edits, searches, messages."""
    if step.monologue:
        yield Line("thought", step.monologue)
    results = {result.call_id: result for result in step.results}
    for call in step.calls:
        result = results.get(call.id)
        if result is not None and not result.ok:
            yield Line("failed", f"{call.name}: {frames.clip(result.text, _FOUND)}")
        elif call.name != "send_message":
            yield from _deed(call.name, _arguments(call.arguments), result.text if result else "")
    for text in step.sent:
        yield Line("said", text)


def edited(before: str, after: str) -> Iterator[Line]:
    """The lines of a text that went and that came."""
    old, new = before.splitlines(), after.splitlines()
    yield from (Line("removed", one) for one in old if one not in new)
    yield from (Line("added", one) for one in new if one not in old)


def _deed(name: str, given: Mapping[str, Any], result: str) -> Iterator[Line]:
    block = given.get("name")
    if name == "core_memory_append":
        yield Line("added", f"{block}: {given.get('content')}")
    elif name == "core_memory_replace":
        yield Line("removed", f"{block}: {given.get('old_content')}")
        if given.get("new_content"):
            yield Line("added", f"{block}: {given['new_content']}")
    elif name == "archival_memory_insert":
        yield Line("added", f"archive: {given.get('content')}")
    elif name in _SEARCHES:
        asked = given.get("query") or f"{given.get('start_date')} to {given.get('end_date')}"
        yield Line("looked", f"{name.partition('_')[0]}: {asked}")
        yield Line("found", frames.clip(result, _FOUND))
    else:
        yield Line("note", f"{name}: {frames.clip(result, _FOUND)}")


def _arguments(text: str) -> Mapping[str, Any]:
    found = json.loads(text or "{}")
    return found if isinstance(found, dict) else {}
