"""The function executor: validate a call, run it, package the result.

Whatever the model does wrong becomes a result it can act on; nothing is half
applied (MemGPT, arXiv 2310.08560, section 2.3 "Function executor").
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from pydantic import ValidationError

from memgpt_autogen.engine.functions import FUNCTIONS, Function, Workspace
from memgpt_autogen.engine.reading.documents import has_documents
from memgpt_autogen.engine.reading.function import OPEN_DOCUMENT
from memgpt_autogen.errors import ConfigurationError, ModelMistake
from memgpt_autogen.memory.state import Counters
from memgpt_autogen.steps import Completion, FunctionCall, FunctionResult, Step
from memgpt_autogen.storage.text import clean

BROKEN_OFF = "Error: broken off before it ended; parts of it may have been done."

_FUNCTIONS = {function.name: function for function in (*FUNCTIONS, OPEN_DOCUMENT)}


class Toolbox(Protocol):
    """The user's own tools, beside the memory functions."""

    @property
    def schemas(self) -> Sequence[dict[str, Any]]:
        """The tools in the OpenAI `tools` format."""
        ...

    def runs(self, name: str, beside: Collection[str]) -> bool:
        """Whether a tool is run here, inside the turn, where a completion calls these."""
        ...

    def run(self, call: FunctionCall) -> FunctionResult:
        """Run it; a tool's failure is a result with `ok` False."""
        ...


class Executor:
    """Runs calls against a workspace, and the user's tools that the agent may run itself."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._toolbox: Toolbox | None = None
        self._turns = 0
        self.schemas: Sequence[dict[str, Any]] = self._own()

    def _own(self) -> Sequence[dict[str, Any]]:
        archival = self._workspace.archival
        return _schemas(tuple(archival.archives), has_documents(archival))

    def equip(self, toolbox: Toolbox | None) -> None:
        """Offer the user's tools beside the memory functions, in a fixed order.

        Raises:
            ConfigurationError: a tool has the name of a memory function.
        """
        tools = [] if toolbox is None else list(toolbox.schemas)
        refuse_clashes(tools)
        self._toolbox = toolbox
        schemas = [*self._own(), *tools]
        if schemas != self.schemas:
            self.schemas = schemas

    @contextmanager
    def equipped(self, toolbox: Toolbox | None) -> Iterator[None]:
        """Offer the user's tools for a turn; a turn around it gets its own back after."""
        before = self._toolbox
        self.equip(toolbox)
        self._turns += 1
        try:
            yield
        finally:
            self._turns -= 1
            if self._turns:
                self.equip(before)
            else:  # the schemas stay, so that an overview counts them
                self._toolbox = None

    def execute(
        self, call: FunctionCall, beside: Sequence[FunctionCall] = ()
    ) -> FunctionResult | None:
        """Run one call; a mistake of the model is a result with `ok` False, never an error.

        None for a tool of the user's that is to run in the chat. `beside` are all calls of the
        completion.
        """
        if self._toolbox is not None and call.name not in _FUNCTIONS:
            runs = self._toolbox.runs(call.name, {each.name for each in (call, *beside)})
            offered = {tool["function"]["name"] for tool in self._toolbox.schemas}
            if (runs or call.name in offered) and not _fits_autogen(call.arguments):
                text = f"Error: the arguments of {call.name} must be a plain JSON object."
                return FunctionResult(call_id=call.id, name=call.name, ok=False, text=text)
            if runs:
                return self._toolbox.run(call)
            if call.name in offered:
                return None
        try:
            function = self._find(call.name)
            arguments = _validate(function, call.arguments)
            self._workspace.call_id = call.id
            text = function.handler(self._workspace, arguments)
        except ModelMistake as mistake:
            return FunctionResult(
                call_id=call.id, name=call.name, ok=False, text=f"Error: {mistake}", framed=True
            )
        return FunctionResult(
            call_id=call.id,
            name=call.name,
            ok=True,
            text=text,
            heartbeat=function.heartbeat(arguments),
            framed=True,
        )

    def _find(self, name: str) -> Function[Any]:
        try:
            return _FUNCTIONS[name]
        except KeyError:
            names = ", ".join(tool["function"]["name"] for tool in self.schemas)
            raise ModelMistake(
                f"there is no function {name!r}; the functions are {names}."
            ) from None


@lru_cache(maxsize=16)
def _schemas(archives: tuple[str, ...], has_documents: bool) -> Sequence[dict[str, Any]]:
    """The memory functions as the model sees them where there are these shared archives."""
    offered = [*FUNCTIONS, OPEN_DOCUMENT] if has_documents else FUNCTIONS
    return [function.schema({"archive": archives}) for function in offered]


def refuse_clashes(tools: Iterable[Mapping[str, Any]]) -> None:
    """Refuse tools, in the OpenAI `tools` format, with the name of a memory function.

    Raises:
        ConfigurationError: there is one.
    """
    for tool in tools:
        name = (tool.get("function") or {}).get("name")
        if name in _FUNCTIONS:
            raise ConfigurationError(
                f"the tool {name!r} has the name of a memory function: register it under another"
                " name"
            )


def _validate(function: Function[Any], text: str) -> Any:
    try:
        values = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as problem:
        raise ModelMistake(
            f"the arguments of {function.name} are no valid JSON ({problem}); nothing was done."
            " If the reply was cut off, use shorter arguments."
        ) from None
    if isinstance(values, dict):  # half an emoji, cut by the model, fits no storage
        values = {k: clean(v) if isinstance(v, str) else v for k, v in values.items()}
    else:
        raise ModelMistake(f"the arguments of {function.name} must be a JSON object.")
    try:
        return function.arguments.model_validate(values)
    except ValidationError as problem:
        raise ModelMistake(_complaint(function, problem)) from None


def _complaint(function: Function[Any], problem: ValidationError) -> str:
    """What is wrong with the arguments, one clause each, and what is expected."""
    clauses = [
        f"{'.'.join(str(part) for part in error['loc']) or 'arguments'}: {error['msg'].lower()}"
        for error in problem.errors(include_url=False, include_input=False)
    ]
    expected = ", ".join(function.arguments.model_fields)
    return f"{function.name} was not run ({'; '.join(clauses)}). Its arguments are: {expected}."


def _fits_autogen(arguments: str) -> bool:
    """Whether AutoGen can run a call with them, or say what is wrong; it repairs some JSON."""
    try:
        return isinstance(json.loads(arguments or "{}"), dict)
    except json.JSONDecodeError:
        return True
    except (ValueError, RecursionError):
        return False


def is_object(text: str) -> bool:
    """Whether a text is a JSON object that can be written again, so not too deep."""
    try:
        value = json.loads(text)
        json.dumps(value)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict)


class CallNumbers:
    """Gives calls ids: models repeat theirs, and providers refuse repeats.

    Args:
        agent: its name; results of tools come back by id through a chat, where other
            agents number calls too.
        counters: say how many there were.
    """

    def __init__(self, agent: str, counters: Counters) -> None:
        self._counters = counters
        name = agent.encode("utf-8", "replace")
        self._mark = hashlib.blake2b(name, digest_size=2).hexdigest()

    def numbered(self, call: FunctionCall) -> FunctionCall:
        """The call under the next id."""
        self._counters.calls_numbered += 1
        number = np.base_repr(self._counters.calls_numbered, 36).lower()
        # Mistral takes nothing but nine letters and digits.
        return call.model_copy(update={"id": f"{self._mark}{number:0>5}"})


def step_of(
    completion: Completion,
    calls: Sequence[FunctionCall],
    results: Sequence[FunctionResult],
    sent: Sequence[str],
) -> Step:
    """The step that a completion's calls came to."""
    return Step(
        text=completion.text,
        reasoning=completion.reasoning,
        calls=tuple(_presentable(call) for call in calls),
        results=tuple(results),
        sent=tuple(sent),
        usage=completion.usage,
        withheld=completion.withheld,
    )


def broken_off(call: FunctionCall) -> FunctionResult:
    """The result of a call that an exception broke off."""
    return FunctionResult(call_id=call.id, name=call.name, ok=False, text=BROKEN_OFF)


def _presentable(call: FunctionCall) -> FunctionCall:
    """The call as later requests may quote it: providers refuse broken JSON and odd names."""
    sound = is_object(call.arguments)
    quoted = {"arguments_that_are_no_json": call.arguments[:200]} if call.arguments else {}
    return call.model_copy(
        update={
            "name": re.sub(r"[^a-zA-Z0-9_-]", "_", call.name)[:64] or "unnamed",
            "arguments": call.arguments if sound else json.dumps(quoted),
        }
    )
