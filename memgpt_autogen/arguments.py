"""Arguments: what a program gives is held against the annotations, where it gives it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from datetime import date, datetime
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    validate_call,
)
from pydantic_core import PydanticCustomError

from memgpt_autogen.values import refusal

F = TypeVar("F", bound=Callable[..., Any])

_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)


def checked(function: F) -> F:
    """Let a function refuse arguments that are not of its annotated types.

    Nothing is converted: True is no number, and "5" neither. Each call costs some
    microseconds, the first one a millisecond.

    Raises:
        ConfigurationError: (the function) an argument is of another type. It says which one,
            what was given, and what it takes.
    """

    @functools.cache
    def arguments_checked() -> Callable[..., tuple[Any, Any]]:
        @functools.wraps(function)
        def arguments(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
            return args, kwargs

        hints = get_type_hints(function, include_extras=True)
        arguments.__annotations__ = {name: _as_it_is(hint) for name, hint in hints.items()}
        return validate_call(config=_STRICT)(arguments)

    @functools.wraps(function)
    def checking(*args: Any, **kwargs: Any) -> Any:
        try:
            args, kwargs = arguments_checked()(*args, **kwargs)
        except ValidationError as problem:
            # Of too many and too few arguments the call itself tells, as everywhere in Python.
            if not any("argument" in one["type"] for one in problem.errors()):
                names = inspect.signature(function).parameters
                raise refusal(function.__name__, problem, names) from None
        return function(*args, **kwargs)

    return cast("F", checking)


def _as_it_is(hint: Any) -> Any:
    """A type of whose models pydantic would make one of a dict; here they are to be given."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return InstanceOf[hint]  # type: ignore[misc] # at run time it is one
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(map(_as_it_is, get_args(hint)))]  # noqa: UP007 - of what it holds
    return hint


Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
NotNegative = Annotated[int, Field(ge=0)]


def day_or_time(value: object) -> date:
    """A date or a datetime, which may be given as text in ISO 8601.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, date):  # a datetime is one too
        return value
    if isinstance(value, str):
        text = value.strip()
        text = f"{text[:-1]}+00:00" if text[-1:] in ("Z", "z") else text
        for read in (date.fromisoformat, datetime.fromisoformat):
            try:
                return read(text)
            except ValueError:
                continue
    raise PydanticCustomError(
        "time", "a datetime, a date, or text in ISO 8601 such as 2026-05-08T17:04"
    )


When = Annotated[Union[datetime, date, str], BeforeValidator(day_or_time)]  # noqa: UP007 - 3.10
"""A moment, or the whole of a day; text is in ISO 8601."""
