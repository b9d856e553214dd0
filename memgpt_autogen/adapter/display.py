"""What a developer may see of an agent's inside: AutoGen events, or prints before 0.8.7."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autogen.io.base import IOStream

from memgpt_autogen.steps import Eviction, Step

try:  # AG2 0.8.7 and later; see docs.ag2.ai on events
    from autogen.events.base_event import BaseEvent, wrap_event
except ImportError:
    BaseEvent = wrap_event = None

Printer = Callable[..., Any]

MEMORY_EDITS = {
    "core_memory_append": "{name}: + {content}",
    "core_memory_replace": "{name}: {old_content!r} → {new_content!r}",
    "archival_memory_insert": "archival memory: + {content}",
}


def show_step(agent: str, step: Step, *, monologue: bool, calls: bool) -> None:
    """Show a step's inner monologue and its function calls with their results."""
    if monologue and step.monologue:
        _emit("monologue", agent, step.monologue)
    if not calls:
        return
    results = {result.call_id: result for result in step.results}
    for call in step.calls:
        result = results.get(call.id)
        if call.name == "send_message" and result is not None and result.ok:
            continue
        _emit("call", agent, f"{call.name} {call.arguments}")
        if result is not None:
            _emit("result", agent, result.text)
            if result.ok and call.name in MEMORY_EDITS:
                _emit("edit", agent, MEMORY_EDITS[call.name].format(**json.loads(call.arguments)))


def show_eviction(agent: str, eviction: Eviction) -> None:
    """Show that messages left the queue, and the summary that stands for them."""
    _emit(
        "eviction",
        agent,
        f"{eviction.entries} entries left the queue, {eviction.tokens_before} →"
        f" {eviction.tokens_after} tokens",
    )
    _emit("summary", agent, eviction.summary)


@contextmanager
def shown_from_threads() -> Iterator[None]:
    """Let threads that are started here show things in an async run.

    The stream of AutoGen's `a_run` is a queue of the event loop: what a thread puts there,
    its reader sees only when something else wakes the loop.
    """
    stream = IOStream.get_default()
    if not inspect.iscoroutinefunction(stream.input):
        yield
        return
    with IOStream.set_default(_LoopStream(stream, asyncio.get_running_loop())):
        yield


class _LoopStream:
    """An AutoGen stream whose `send` and `print` run in the loop that it belongs to."""

    def __init__(self, stream: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop
        self.input = stream.input

    def send(self, message: Any) -> None:
        self._call(self._stream.send, message)

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        self._call(functools.partial(self._stream.print, *objects, sep=sep, end=end, flush=flush))

    def _call(self, show: Callable[..., Any], *arguments: Any) -> None:
        # A turn that was cancelled may outlive the loop, and then nobody is there to see it.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(show, *arguments)


def _emit(kind: str, agent: str, text: str) -> None:
    stream = IOStream.get_default()
    if _EVENTS:
        stream.send(_EVENTS[kind](agent=agent, text=text))
    else:
        stream.print(_line(kind, agent, text), flush=True)


def _line(kind: str, agent: str, text: str) -> str:
    return f"[{agent} · {kind}] {text}"


def _event_class(kind: str, name: str, doc: str) -> Any:
    """An AutoGen event class; AutoGen derives the event's type from the class's name."""

    def print_(self: Any, f: Printer | None = None) -> None:
        (f or print)(_line(kind, self.agent, self.text), flush=True)

    body = {
        "__doc__": doc,
        "__module__": __name__,
        "__annotations__": {"agent": str, "text": str},
        "print": print_,
    }
    return wrap_event(type(name, (BaseEvent,), body))


_EVENTS: dict[str, Any] = {}
if wrap_event is not None:
    _EVENTS = {
        "monologue": _event_class("monologue", "MemGPTMonologueEvent", "Inner monologue."),
        "call": _event_class("call", "MemGPTFunctionCallEvent", "A memory function is called."),
        "result": _event_class("result", "MemGPTFunctionResultEvent", "What the call led to."),
        "edit": _event_class("edit", "MemGPTMemoryEditEvent", "Core or archival memory changed."),
        "eviction": _event_class("eviction", "MemGPTEvictionEvent", "Messages left the queue."),
        "summary": _event_class("summary", "MemGPTSummaryEvent", "What stands for what left."),
    }
