"""Docstrings and signatures, read from the source and written as Markdown for GitHub.

Nothing here depends on what a name evaluates to: a signature is given as it was typed, so it
is the same whatever AutoGen is installed and wherever a default value lies in memory.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

SECTIONS = ("Args", "Attributes", "Returns", "Raises")
_SECTION = re.compile(rf"^({'|'.join(SECTIONS)}):$")
_ITEM = re.compile(r"^(\*{0,2}\w[\w.]*): (.+)$", re.DOTALL)
_CODE = re.compile(r"(`[^`]*`)")
_WIDTH = 96


@dataclasses.dataclass(frozen=True)
class Docstring:
    """What a docstring says: its text, and the items of its sections by their titles."""

    text: str
    sections: dict[str, tuple[tuple[str, str], ...]]

    @classmethod
    def of(cls, thing: Any) -> Docstring:
        """The docstring of a class, function or property itself, none that it inherits."""
        text, sections = "", {}
        for title, body in _parts(inspect.cleandoc(getattr(thing, "__doc__", None) or "")):
            if title:
                sections[title] = tuple(_items(body))
            else:
                text = body
        return cls(text, sections)

    @property
    def summary(self) -> str:
        """The first sentence, or line where it has no end."""
        first = " ".join(self.text.split("\n\n")[0].split())
        return re.split(r"(?<=[.!?])\s+(?=[A-Z])", first)[0]

    def markdown(self, link: Callable[[str], str]) -> Iterator[str]:
        """Paragraphs and lists; `link` makes what is shown of a raised error's name."""
        if self.text:
            yield markdown(self.text)
        for title, items in self.sections.items():
            named = link if title == "Raises" else _code
            lines = [f"- {named(name)}: {markdown(text)}" for name, text in items]
            yield "\n".join([f"**{title}**", "", *lines])


def markdown(text: str) -> str:
    """A docstring's text, in which nothing is taken for HTML."""
    return "\n".join(line if line.startswith("    ") else _shown(line) for line in text.split("\n"))


def _shown(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def _code(name: str) -> str:
    return f"`{name}`"


def _parts(doc: str) -> Iterator[tuple[str, str]]:
    """The text before the sections under the title "", then each section's body."""
    title, body = "", list[str]()
    for line in doc.split("\n"):
        if found := _SECTION.match(line):
            yield title, _body(body)
            title, body = found[1], []
        else:
            body.append(line)
    yield title, _body(body)


def _body(lines: list[str]) -> str:
    return textwrap.dedent("\n".join(lines)).strip()


def _items(body: str) -> Iterator[tuple[str, str]]:
    """Name and text of each item; further lines of an item are indented."""
    for block in re.split(r"\n(?=\S)", body):
        found = _ITEM.match(block)
        if found is None:
            raise ValueError(f"no item of the form 'name: text' in a docstring: {block!r}")
        yield found[1], " ".join(found[2].split())


def function_signature(name: str, function: Any, *, bound: bool) -> str:
    """A function's signature as typed; a method's without its `self` where it is `bound`."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    parameters = list(_parameters(node.args, source))[1 if bound else 0 :]
    returns = "" if node.returns is None else _typed(node.returns, source)
    ahead = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return signature(f"{ahead}{name}", parameters, "" if returns == "None" else returns)


def signature(name: str, parameters: Iterable[str], returns: str = "") -> str:
    """On one line where it fits, else a line for each parameter."""
    given = list(parameters)
    end = f") -> {returns}" if returns else ")"
    line = f"{name}({', '.join(given)}{end}"
    if len(line) <= _WIDTH or not given:
        return line
    return "\n".join([f"{name}(", *(f"    {one}," for one in given), end])


def _typed(node: ast.expr, source: str) -> str:
    return " ".join((ast.get_source_segment(source, node) or ast.unparse(node)).split())


def _parameters(arguments: ast.arguments, source: str) -> Iterator[str]:
    def shown(one: ast.arg, default: ast.expr | None, stars: str = "") -> str:
        text = stars + one.arg
        if one.annotation is not None:
            text += f": {_typed(one.annotation, source)}"
        if default is not None:
            text += f"{' = ' if one.annotation else '='}{_typed(default, source)}"
        return text

    places = [*arguments.posonlyargs, *arguments.args]
    without = [None] * (len(places) - len(arguments.defaults))
    for number, (one, default) in enumerate(
        zip(places, [*without, *arguments.defaults], strict=True), start=1
    ):
        yield shown(one, default)
        if number == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg:
        yield shown(arguments.vararg, None, "*")
    elif arguments.kwonlyargs:
        yield "*"
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield shown(one, default)
    if arguments.kwarg:
        yield shown(arguments.kwarg, None, "**")


def classes_of(thing: type) -> list[type]:
    """A class and its bases, as far as they are of the same package."""
    package = thing.__module__.split(".")[0]
    return [one for one in thing.__mro__ if one.__module__.split(".")[0] == package]


def is_value(thing: type) -> bool:
    return dataclasses.is_dataclass(thing) or issubclass(thing, BaseModel)


def fields_of(thing: Any) -> Iterator[str]:
    """The fields of a dataclass or a model as parameters, with types and defaults."""
    types = field_types(thing)
    if issubclass(thing, BaseModel):
        fields = [(name, *_default(field)) for name, field in thing.model_fields.items()]
    else:
        fields = [(field.name, *_default(field)) for field in dataclasses.fields(thing)]
    for name, has_default, default in fields:
        yield f"{name}: {types[name]}" + (f" = {default}" if has_default else "")


def _default(field: Any) -> tuple[bool, str]:
    """Whether a field of a dataclass or a model has a default, and how it is typed."""
    missing = (None, dataclasses.MISSING)
    if field.default_factory not in missing:
        return True, "..."
    return field.default not in (PydanticUndefined, dataclasses.MISSING), typed_value(field.default)


def field_types(thing: type) -> dict[str, str]:
    """The types of its fields, as typed in the source."""
    types: dict[str, str] = {}
    for owner in reversed(classes_of(thing)):
        typed = vars(owner).get("__annotations__", {})
        types |= {name: str(value).replace("'", '"') for name, value in typed.items()}
    return types


def typed_value(value: object) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
