"""Values: what programs make and are given; checked when made, short when shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import PurePath
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from memgpt_autogen.errors import ConfigurationError


class _Short(Repr):
    """Long texts and lists are cut, times are given to the minute."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring, self.maxother = 80, 240  # characters
        self.maxtuple = self.maxlist = 3

    def repr_datetime(self, moment: datetime, _level: int) -> str:
        return f"{moment:%Y-%m-%d %H:%M}"


short = _Short().repr


class Brief:
    """A dataclass or a model whose repr is short; fields at their default are left out."""

    def __repr__(self) -> str:
        kind = type(self)
        fields = getattr(kind, "model_fields", {}) or getattr(kind, "__dataclass_fields__", {})
        told = ((name, getattr(self, name), field.default) for name, field in fields.items())
        parts = (f"{name}={short(value)}" for name, value, usual in told if value != usual)
        return f"{type(self).__name__}({', '.join(parts)})"

    __str__ = __repr__


class Value(Brief, BaseModel):
    """A frozen value. What is wrong with one that a program makes is a ConfigurationError."""

    model_config = ConfigDict(frozen=True)

    if not TYPE_CHECKING:  # type checkers go by the fields

        def __init__(self, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as problem:
                kind = type(self)
                raise refusal(kind.__name__, problem, kind.model_fields) from None

        __init__.__pydantic_base_init__ = True  # what was saved is read as any model is


# What an argument takes, by what pydantic calls the fault; other faults in pydantic's words.
_TAKES = {
    "bool_type": "True or False",
    "callable_type": "a function",
    "extra_forbidden": "one of {names}",
    "float_type": "a number",
    "greater_than": "a number over {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "int_type": "a whole number",
    "less_than": "a number under {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "missing": "one, for it has no default",
    "sequence_str": "a list of texts",
    "string_type": "a text",
}
_KINDS = {"Collection": "a list", "Sequence": "a list", "Settings": "Settings"}
_PLAIN = (str, bytes, int, float, date, PurePath, type(None))  # anything else may hold secrets


def refusal(name: str, problem: ValidationError, names: Iterable[str]) -> ConfigurationError:
    """The error that says which arguments of `name` are wrong, and what they take.

    Args:
        name: of a function or a class.
        problem: what pydantic found.
        names: the arguments there are, in their order.
    """
    known = list(names)
    faults: dict[str, list[ErrorDetails]] = {}
    for one in problem.errors(include_url=False):
        at = one["loc"][0]
        faults.setdefault(known[at] if isinstance(at, int) else at, []).append(one)
    told = []
    for argument, found in faults.items():
        found = [one for one in found if _places(one)] or found  # noqa: PLW2901 - what is nearest
        given = _given(argument, found[0])
        takes = dict.fromkeys(_takes(one, known) for one in found)
        told.append(
            f"{given if name == '__init__' else f'{name}({given})'}: give {' or '.join(takes)}"
        )
    return ConfigurationError(f"{'; '.join(told)}.")


def _given(argument: str, fault: ErrorDetails) -> str:
    """`tags.0=5`: the argument, the place in it, and what stands there."""
    path, value = ".".join((argument, *_places(fault))), fault["input"]
    if fault["type"] == "missing":
        return path
    kind = value if isinstance(value, type) else type(value)
    return f"{path}={short(value) if isinstance(value, _PLAIN) else kind.__name__}"


def _places(fault: ErrorDetails) -> list[str]:
    """Where in a list a fault is."""
    return [str(one) for one in fault["loc"][1:] if isinstance(one, int)]


def _takes(fault: ErrorDetails, names: Iterable[str]) -> str:
    text = _TAKES.get(fault["type"])
    if text is not None:
        return text.format(**fault.get("ctx", {}), names=", ".join(names))
    if fault["type"] == "is_instance_of":
        name = str(fault["ctx"]["class"])
        return _KINDS.get(name) or f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
    return fault["msg"].removeprefix("Input should be ")
