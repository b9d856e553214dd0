"""Write what the documents take from the code: api.md, settings.md, trees and tables of others.

    python -m tools.reference            writes them
    python -m tools.reference --check    only says which would change, and what is amiss

docs/errors.md is written by hand but for its tree; here it is held against the classes:
each has one section, with its cause and the way out. So is docs/providers.md but for its tables.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

from pydantic import BaseModel

import memgpt_autogen
from memgpt_autogen import Settings
from memgpt_autogen.events import Event
from tools import providers_page
from tools.docstrings import (
    Docstring,
    classes_of,
    field_types,
    fields_of,
    function_signature,
    is_value,
    markdown,
    signature,
    typed_value,
)
from tools.errors_page import PAGE, amiss, errors, with_tree

DOCS = Path(__file__).resolve().parent.parent / "docs"
PACKAGE = memgpt_autogen.__name__
# What a program meets as an agent's attributes and results, beside the exported names.
MEMORY = {
    "CoreMemory": "memory.core",
    "Block": "memory.blocks",
    "RecallStorage": "memory.recall",
    "Message": "memory.recall",
    "ArchivalStorage": "memory.archival",
    "Passage": "memory.archival",
    "Page": "memory.page",
}
AGENT = "MemGPTAgent"
# Of the capability, what it has beyond the agent; the rest of it is between it and its agent.
CAPABILITY = {"MemGPTCapability": ("add_to_agent", "agent")}
AGENTS = (AGENT, *CAPABILITY)

API = """\
# API

Written from the docstrings by `make reference`. Whatever is not listed here, and every name
that begins with an underscore, may change without notice.

Arguments are checked: one of another type than its annotation is a ConfigurationError. `Positive`
is a whole number from 1 on, `NotNegative` one from 0 on. `When` is a datetime, a date, or either as
text in ISO 8601, such as `2026-05-08T17:04`; without a zone it is local, and a date is a whole day.
"""

SETTINGS = """\
# Settings

Written from the class `Settings` by `make reference`.

{about}

```python
from memgpt_autogen import MemGPTAgent, Settings

settings = Settings(location="./team-memory", max_steps=6, turn_token_budget=20_000)
agent = MemGPTAgent("coder", llm_config=llm_config, memory=settings)
```

`memory="./team-memory"` is short for `memory=Settings(location="./team-memory")`. Settings are
not stored with the memory: an agent that is reopened has those it is given then.

| name | type | default | what it is |
|---|---|---|---|
"""


class Reference:
    """The text of docs/api.md; it remembers what has been described."""

    def __init__(self) -> None:
        exported = {name: getattr(memgpt_autogen, name) for name in memgpt_autogen.__all__}
        memory = {
            name: getattr(import_module(f"{PACKAGE}.{home}"), name) for name, home in MEMORY.items()
        }
        self._exported = exported
        self._named = memory | exported
        self._described: set[object] = set()

    def text(self) -> str:
        chapters = self._chapters()
        contents = [
            f"- {title}: {', '.join(f'[{name}](#{name.lower()})' for name in names)}"
            for title, names in chapters.items()
        ]
        parts = [API, "\n".join([*contents, "- [Errors](#errors)"])]
        for title, names in chapters.items():
            parts.append(f"## {title}")
            for name in names:
                parts.extend(self._thing(name, self._named[name]))
        return "\n\n".join(part.strip("\n") for part in [*parts, *self._errors()]) + "\n"

    def _chapters(self) -> dict[str, list[str]]:
        """Every name but the errors', in its chapter."""
        rest = {
            name: thing
            for name, thing in self._exported.items()
            if name not in AGENTS and name not in MEMORY and not _is_error(thing)
        }
        events = [name for name, thing in rest.items() if _is_a(thing, Event)]
        events.sort(key=lambda name: (name != "Event", name))
        steps = [name for name, thing in rest.items() if _home(thing) == f"{PACKAGE}.steps"]
        others = [name for name in rest if name not in {*events, *steps}]
        chapters = {
            "The agent": list(AGENTS),
            "Its memory": list(MEMORY),
            "Events": events,
            "Steps of a turn": steps,
            "Further names": others,
        }
        return {title: names for title, names in chapters.items() if names}

    def _thing(self, name: str, thing: Any) -> Iterator[str]:
        yield f"### {name}"
        if name not in self._exported:
            yield f"In `{_home(thing)}`."
        if thing is Settings:
            yield "Each setting is described in [settings.md](settings.md)."
        elif isinstance(thing, type):
            yield from self._class(name, thing)
        elif callable(thing):
            yield _code(function_signature(name, thing, bound=False))
            yield from Docstring.of(thing).markdown(_error_link)

    def _class(self, name: str, thing: type) -> Iterator[str]:
        if issubclass(thing, Enum):
            yield _code("\n".join(f"{name}.{one.name} = {typed_value(one.value)}" for one in thing))
        elif name in self._exported or is_value(thing):
            yield from map(_code, _constructor(name, thing))
        yield from Docstring.of(thing).markdown(_error_link)
        bases = [base.__name__ for base in thing.__mro__[1:] if base in self._described]
        if bases:
            yield f"A kind of [{bases[0]}](#{bases[0].lower()})."
        self._described.add(thing)
        members = dict(_public(thing))
        if name in CAPABILITY:
            shared = [f"`{one}`" for one, _ in _public(self._named[AGENT]) if one in members]
            members = {one: members[one] for one in CAPABILITY[name] if one in members}
            yield f"It has these as [{AGENT}](#{AGENT.lower()}) has them: {', '.join(shared)}."
        for attribute, value in members.items():
            if value not in self._described:
                self._described.add(value)
                yield f"#### `{attribute}`"
                yield _code(_declared(attribute, value))
                yield from Docstring.of(_function(value)).markdown(_error_link)

    def _errors(self) -> Iterator[str]:
        yield "## Errors"
        yield "Each with its cause and the way out in [errors.md](errors.md)."
        found = [name for name, thing in self._exported.items() if _is_error(thing)]
        lines = [
            f"- {_error_link(name)}: {markdown(Docstring.of(self._named[name]).summary)}"
            for name in found
        ]
        yield "\n".join(lines)


def _home(thing: Any) -> str:
    return str(getattr(thing, "__module__", ""))


def _is_a(thing: Any, base: type) -> bool:
    return isinstance(thing, type) and issubclass(thing, base)


def _is_error(thing: Any) -> bool:
    return _is_a(thing, Exception)


def _code(text: str) -> str:
    return f"```py\n{text}\n```"


def _error_link(name: str) -> str:
    known = name in {one.__name__ for one in errors()}
    return f"[`{name}`](errors.md#{name.lower()})" if known else f"`{name}`"


def _function(value: object) -> FunctionType | None:
    """The function behind a method, a class method or a property."""
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    return value if isinstance(value, FunctionType) else None


def _public(thing: type) -> Iterator[tuple[str, object]]:
    """The methods and properties that have docstrings of their own, in the source's order."""
    seen: set[str] = set()
    for owner in classes_of(thing):
        for name, value in vars(owner).items():
            function = _function(value)
            special = name.startswith("__") and name.endswith("__") and name != "__init__"
            if function is None or name in seen or (name.startswith("_") and not special):
                continue
            seen.add(name)
            if function.__doc__ and inspect.unwrap(function).__module__.startswith(PACKAGE):
                yield name, value


def _declared(name: str, value: object) -> str:
    function = _function(value)
    assert function is not None
    if isinstance(value, property):
        return f"{name}: {inspect.unwrap(function).__annotations__.get('return', 'Any')}"
    return function_signature(name, function, bound=not isinstance(value, staticmethod))


def _constructor(name: str, thing: type) -> Iterator[str]:
    """How it is made; nothing for a protocol, which is not."""
    if getattr(thing, "_is_protocol", False):
        return
    has_own = issubclass(thing, BaseModel) and "__init__" in vars(thing)
    if is_value(thing) and not has_own:
        yield signature(name, fields_of(thing))
        return
    made = [vars(owner)["__init__"] for owner in classes_of(thing) if "__init__" in vars(owner)]
    if made:
        yield function_signature(name, made[0], bound=True)


def settings() -> str:
    """The text of docs/settings.md."""
    types = field_types(Settings)
    rows = []
    for name, field in Settings.model_fields.items():
        kind = types[name].replace("|", "\\|")
        limits = ", ".join(_limits(field.metadata))
        about = markdown(field.description or "").replace("|", "\\|")
        rows.append(
            f"| `{name}` | `{kind}`{f', {limits}' if limits else ''} |"
            f" `{typed_value(field.default)}` | {about} |"
        )
    about = markdown(Docstring.of(Settings).text)
    return SETTINGS.format(about=about) + "\n".join(rows) + "\n"


def _limits(metadata: Sequence[Any]) -> Iterator[str]:
    words = {"ge": "at least", "gt": "over", "le": "at most", "lt": "under"}
    for limit in metadata:
        for sign, word in words.items():
            if hasattr(limit, sign):
                yield f"{word} {getattr(limit, sign)}"


def documents() -> dict[Path, str]:
    """The files, with the text that they should have."""
    return {
        DOCS / "api.md": Reference().text(),
        DOCS / "settings.md": settings(),
        PAGE: with_tree(PAGE.read_text("utf-8")),
        providers_page.PAGE: providers_page.with_tables(providers_page.PAGE.read_text("utf-8")),
    }


def main(arguments: Sequence[str]) -> int:
    wanted = documents()
    changed = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    problems = [*amiss(wanted[PAGE]), *providers_page.missing(wanted[providers_page.PAGE])]
    if "--check" in arguments:
        problems += [f"docs/{path.name} is out of date: run 'make reference'" for path in changed]
    else:
        for path in changed:
            path.write_text(wanted[path], "utf-8")
            print(f"wrote docs/{path.name}")
    print("\n".join(problems) or "the reference is what the code says")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
