"""Looking: the agents, a context window, the sources, the steps of the last turns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.errors import StorageError
from memgpt_autogen.inspector.access import Access
from memgpt_autogen.inspector.pages import Asked, Page, about
from memgpt_autogen.memory.state import KEPT_TURNS
from memgpt_autogen.storage.address import without_credentials
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.directory import Section
from memgpt_autogen.upkeep.reading.contents import Contents, contents
from memgpt_autogen.upkeep.reading.context import context_window

_BAR = 1000  # the width of the bar, in its own units


@dataclass(frozen=True)
class Listed:
    """An agent or a source in a list: what there is of it, or why that is not known."""

    name: str
    found: Contents | None
    problem: str = ""


def agents(access: Access, _asked: Asked) -> Page:
    """The agents, and the sources."""
    values = {
        "place": without_credentials(access.location),
        "agents": _listed(access, "agents"),
        "sources": _listed(access, "sources"),
    }
    return Page("agents.html", values)


def _listed(access: Access, section: Section) -> list[Listed]:
    found = list[Listed]()
    for name in names_at(access.location, section):
        try:
            found.append(Listed(name, contents(access.location, section, name)))
        except StorageError as problem:
            found.append(Listed(name, None, str(problem)))
    return found


@dataclass(frozen=True)
class Part:
    """A part of the prompt: its tokens, and where it stands in the bar."""

    name: str
    tokens: int
    start: float
    width: float

    @property
    def kind(self) -> str:
        return self.name.replace(" ", "-")


def context(access: Access, asked: Asked) -> Page:
    """What fills the context window: as a bar, and as text."""
    usual = access.window
    with access.memory(asked.get("agent")) as memory:
        window = asked.number("window", 0, 1, 100_000_000) or usual
        found = context_window(memory, access.model, window)
        parts, start = list[Part](), 0.0
        whole = max(found.overview.window, found.overview.total)
        for name, tokens in found.overview.sections.items():
            width = _BAR * tokens / whole
            parts.append(Part(name, tokens, start, width))
            start += width
        values = {
            "overview": found.overview,
            "free": found.overview.window - found.overview.total,
            "parts": parts,
            "bar": _BAR,
            "prompt": found.text,
            "model": access.model,
        }
        return Page("context.html", about(memory, "context") | values)


def sources(access: Access, asked: Asked) -> Page:
    """What the agent searches besides its own passages, and what it might."""
    with access.memory(asked.get("agent")) as memory:
        attached, archives = memory.archival.attached, memory.archival.archives
        found = [one for one in _listed(access, "sources") if one.name in attached]
        there = names_at(access.location, "sources")
        values = {
            "sources": found,
            "archives": archives,
            "missing": memory.missing,
            "others": [one for one in there if one not in attached],
            "blocks": memory.saved.values.shared_blocks,
        }
        return Page("sources.html", about(memory, "sources") | values)


def steps(access: Access, asked: Asked) -> Page:
    """The steps of the last turns, the latest turn first."""
    with access.memory(asked.get("agent")) as memory:
        state = memory.saved.values
        turns = [
            (number, [(step, {one.call_id: one for one in step.results}) for step in steps])
            for number, steps in sorted(state.turns.items(), reverse=True)
        ]
        values: dict[str, Any] = {"turns": turns, "counters": state.counters, "kept": KEPT_TURNS}
        return Page("steps.html", about(memory, "steps") | values | {"arguments": _arguments})


def _arguments(written: str) -> list[tuple[str, str]]:
    """A call's arguments by name; as they were written, where they are none."""
    try:
        found = json.loads(written)
    except ValueError:
        return [("", written)]
    if not isinstance(found, dict):
        return [("", written)]
    return [(name, one if isinstance(one, str) else json.dumps(one)) for name, one in found.items()]
