"""How far one turn walks through the package: the modules it enters, and how often it changes.

A new agent gets two messages from AutoGen, each by `user.initiate_chat`: the first it
answers at once in plain text, for the second it searches recall storage, reads what was
found and answers. The script, the texts and the order are
fixed, so the figures are the same in each run.

Each turn is traced with `sys.setprofile`. What counts is a call of a function that stands
in a file of `memgpt_autogen`; not those of `memgpt_autogen.testing`, which is the model
here, and not what a dataclass has generated. Entering a generator again is a call. Then

- *modules* is how many modules have such a function called at least once;
- *changes* is how often one call is in another module than the call before it in the same
  thread. A return is no call: a walk from A into B, back to A and on into C has two changes,
  A to B to C, unless A calls a function of its own in between;
- *without compr.* are the changes when list, set and dict comprehensions, which
  have frames of their own before Python 3.12 and none from then on, are left out. This is
  the figure to compare between Pythons.

Threads of the package that serve the turn count like the caller's own, and their changes
are added. Threads that work behind it, whoever waits (`--behind`), and the model's do not.

At commit 42becb6, on Python 3.11, this gives 36 modules and 189 changes for the reply, 55
and 473 for the search and reply; the figures that were told of that code before this
script, without their definition, are 36 and 187, 55 and 479.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from autogen import UserProxyAgent
from autogen.io import IOStream
from harness import WINDOW, Quiet
from rich.console import Console
from rich.table import Table

import memgpt_autogen
from memgpt_autogen import MemGPTAgent
from memgpt_autogen.testing import ScriptedModel, call, say

PACKAGE = f"{Path(memgpt_autogen.__file__).parent}{os.sep}"
MODEL = f"testing{os.sep}"
BEHIND = ("memgpt index", "memgpt-index")
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")
TOP_PAIRS = 15

SCRIPT = [
    say("Nice to meet you, Dana."),
    call("conversation_search", query="Dana's name", request_heartbeat=True),
    say("You are Dana."),
]
TURNS = {
    "message, reply": "Hello, my name is Dana.",
    "message, search, reply": "What is my name?",
}


@dataclass(frozen=True)
class Call:
    """A function that was entered; `module` is its name below the package."""

    module: str
    function: str


Calls = list[Call]


@dataclass
class Walk:
    """The calls of one turn, thread by thread."""

    title: str
    threads: dict[str, Calls] = field(default_factory=dict)

    def modules(self) -> set[str]:
        return {one.module for calls in self.threads.values() for one in calls}

    def changes(self, *, comprehensions: bool = True) -> Iterator[tuple[str, str]]:
        """From which module to which, in order."""
        for calls in self.threads.values():
            counted = [
                one.module for one in calls if comprehensions or one.function not in COMPREHENSIONS
            ]
            yield from ((here, there) for here, there in pairwise(counted) if here != there)


class Tracer:
    """Records the package's calls, in all threads that start while it is installed."""

    def __init__(self, behind: tuple[str, ...]) -> None:
        self._behind = behind
        self._calls: dict[threading.Thread, Calls] = {}
        self._models: set[threading.Thread] = set()
        self._on = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def walk(self, title: str, turn: Callable[[], object]) -> Walk:
        self._calls = {}
        self._on = True
        try:
            turn()
        finally:
            self._on = False
        counted = {
            thread.name: calls
            for thread, calls in self._calls.items()
            if thread not in self._models and not thread.name.startswith(self._behind)
        }
        return Walk(title, counted)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        file = frame.f_code.co_filename
        if not file.startswith(PACKAGE):
            return
        file, thread = file.removeprefix(PACKAGE), threading.current_thread()
        if file.startswith(MODEL):
            self._models.add(thread)
        elif self._on:
            module = file.removesuffix(".py").replace(os.sep, ".")
            self._calls.setdefault(thread, []).append(Call(module, frame.f_code.co_name))


def walks(behind: tuple[str, ...]) -> list[Walk]:
    """Both turns of a new agent."""
    tracer = Tracer(behind)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as memory,
        ScriptedModel(SCRIPT, window=WINDOW) as model,
    ):
        llm_config = model.llm_config  # before tracing: this thread is not the model's
        with tracer.installed():
            agent = MemGPTAgent("coder", llm_config=llm_config, memory=memory)
            user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)

            def say_to_agent(text: str) -> None:
                user.initiate_chat(agent, message=text, max_turns=1, silent=True)

            found = [
                tracer.walk(title, lambda text=text: say_to_agent(text))  # type: ignore[misc]
                for title, text in TURNS.items()
            ]
        agent.close()
    return found


def overview(found: list[Walk]) -> Table:
    table = Table("turn", title="How far a turn walks")
    for column in ("modules", "changes", "without compr.", "calls", "threads"):
        table.add_column(column, justify="right")
    for walk in found:
        without = sum(1 for _ in walk.changes(comprehensions=False))
        table.add_row(
            walk.title,
            str(len(walk.modules())),
            str(sum(1 for _ in walk.changes())),
            str(without),
            str(sum(len(calls) for calls in walk.threads.values())),
            str(len(walk.threads)),
        )
    return table


def pairs_of(walk: Walk) -> Table:
    """The modules between which the walk goes back and forth most."""
    table = Table("one", "other", title=f"{walk.title}: changes between two modules")
    for column in ("there", "back", "both"):
        table.add_column(column, justify="right")
    ways = Counter(walk.changes())
    both: Counter[tuple[str, str]] = Counter()
    for (here, there), count in ways.items():
        both[min(here, there), max(here, there)] += count
    for (one, other), count in both.most_common(TOP_PAIRS):
        table.add_row(one, other, str(ways[one, other]), str(ways[other, one]), str(count))
    return table


def path_of(walk: Walk) -> Iterator[str]:
    """A line for each stay in a module: its name, and the functions called there."""
    for thread, calls in walk.threads.items():
        yield f"\n{walk.title}, in {thread}"
        for number, (module, stay) in enumerate(groupby(calls, key=lambda one: one.module)):
            yield f"{number:4d} {module:28s} {', '.join(_shortened(list(stay)))}"


def _shortened(stay: Calls) -> Iterator[str]:
    for function, times in groupby(one.function for one in stay):
        count = sum(1 for _ in times)
        yield function if count == 1 else f"{function} ×{count}"


def main(
    pairs: Annotated[bool, typer.Option("--pairs", help="Who goes back and forth.")] = False,
    path: Annotated[bool, typer.Option("--path", help="The whole walk, in order.")] = False,
    behind: Annotated[
        list[str] | None, typer.Option(help="How names of threads begin that are left out.")
    ] = None,
) -> None:
    """The modules that one turn enters, and how often it changes from one to another."""
    IOStream.set_global_default(Quiet())
    found = walks(tuple(behind or BEHIND))
    console = Console()
    console.print(overview(found))
    for walk in found:
        if pairs:
            console.print(pairs_of(walk))
        if path:
            console.print("\n".join(path_of(walk)), soft_wrap=True, markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
