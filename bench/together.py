"""Two processes and one memory: does one wait for the other, and is an edit seen?

One process runs the agent. In the midst of its turn, while the model thinks, the other
process opens the memory, reads a block, searches by words and by meaning, and edits the
block; then the model answers with a call that asks for a heartbeat, and the next request
must hold the edit. How long each deed of the visitor takes is measured, and how long the
owner takes from the model's answer to its next request, a search included, in turns with
a visitor and in turns without one, in alternation.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Annotated, Any

import typer
from autogen import ConversableAgent
from autogen.io import IOStream
from harness import HERE, WINDOW, LineProcess, Quiet, grid, machine, write_results
from inside import as_other_process
from rich.console import Console
from texts import message, reply

from memgpt_autogen import MemGPTAgent, MemGPTError
from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, calls, send
from memgpt_autogen.testing.replies import Reply

NAME = "assistant"
ROUNDS = 10
BOUND = 100.0  # milliseconds

Times = dict[str, list[float]]


class HeldModel:
    """A model that thinks until it is released, calls a function, and then answers."""

    def __init__(self) -> None:
        self.thinking = threading.Event()
        self.released = threading.Event()
        self.next_request = ""
        self.step_ms = 0.0
        self._answered = 0.0

    def __call__(self, request: ChatRequest) -> Reply:
        if not request.tools:
            return Reply(content="A summary.")
        if request.last["role"] != "tool":
            self.thinking.set()
            self.released.wait()
            self._answered = time.perf_counter()
            return calls(call("conversation_search", query="garden", request_heartbeat=True))
        self.step_ms = 1000 * (time.perf_counter() - self._answered)
        self.next_request = json.dumps(request.messages)
        return send(reply(1))

    def again(self) -> None:
        self.thinking.clear()
        self.released.clear()


def own(given: dict[str, Any]) -> None:
    """The owner: a turn for each line of the input, told in its chat."""
    user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER")
    with MemGPTAgent(NAME, memory=given["folder"], **given["arguments"]) as agent:
        user.initiate_chat(agent, message=message(0), max_turns=1, silent=True)
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            user.initiate_chat(
                agent, message=line.strip(), max_turns=1, silent=True, clear_history=False
            )
            print(json.dumps("done"), flush=True)


def visit(folder: str, edit: str, times: Times) -> None:
    """Read, search and edit another process's memory."""

    def timed(deed: str, act: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        done = act()
        times.setdefault(deed, []).append(1000 * (time.perf_counter() - begin))
        return done

    visitor = timed("open", lambda: as_other_process(NAME, folder))
    try:
        timed("read a block", lambda: visitor.core_memory["human"].value)
        timed("search by words", lambda: visitor.recall.search("garden bridge", by="words"))
        timed("search by meaning", lambda: visitor.recall.search("a garden", by="meaning"))
        timed("edit a block", lambda: visitor.core_memory.set("human", edit))
    finally:
        timed("close", visitor.close)


@contextmanager
def owner(model: ScriptedModel, folder: str) -> Iterator[LineProcess]:
    arguments = {"llm_config": model.llm_config, "context_window": WINDOW}
    given = json.dumps({"folder": folder, "arguments": arguments})
    with LineProcess(sys.executable, str(HERE / "together.py"), "--owner", given) as process:
        process.read()
        yield process


def run(rounds: int) -> dict[str, Any]:
    held = HeldModel()
    held.released.set()  # for the first turn
    times: Times = {}
    steps: dict[bool, list[float]] = {True: [], False: []}
    seen, refused = 0, ""
    with (
        ScriptedModel(held, WINDOW, model_name="gpt-4o") as model,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        owner(model, folder) as process,
        ThreadPoolExecutor(1) as pool,
    ):
        for number in range(2 * rounds):
            visited = number % 2 == 1
            held.again()
            turn = pool.submit(process.send, message(number + 1))
            held.thinking.wait()
            edit = f"Edit number {number} of the other process."
            try:
                if visited:
                    visit(folder, edit, times)
            except MemGPTError as problem:
                refused = f"{type(problem).__name__}: {problem}"
            held.released.set()
            turn.result()
            steps[visited].append(held.step_ms)
            seen += visited and edit in held.next_request
    return {
        "rounds": rounds,
        "seen": seen,
        "refused": refused,
        "visitor": {deed: {"median": median(ms), "max": max(ms)} for deed, ms in times.items()},
        "owner": {
            name: {"median": median(steps[visited]), "max": max(steps[visited])}
            for name, visited in (("alone", False), ("visited", True))
        },
    }


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Turns with a visitor.")] = ROUNDS,
    owner_of: Annotated[str, typer.Option("--owner", hidden=True)] = "",
) -> None:
    """Two processes and one memory: what each waits, and whether an edit is seen."""
    if owner_of:
        with IOStream.set_default(Quiet()):
            own(json.loads(owner_of))
        return
    where = machine()
    found = run(rounds)
    deeds = {f"visitor: {deed}": one for deed, one in found["visitor"].items()}
    deeds |= {f"owner's step, {name}": one for name, one in found["owner"].items()}
    rows = [[name, f"{one['median']:.1f}", f"{one['max']:.1f}"] for name, one in deeds.items()]
    title = f"Two processes, ms; edits seen at the next model call: {found['seen']} of {rounds}"
    table = {"title": title, "columns": ["", "median", "longest"], "rows": rows}
    console = Console(width=min(Console().width, 100))
    console.print(grid(table))
    if found["refused"]:
        console.print(f"The visitor was refused: {found['refused']}")
    write_results("together", where, {**found, "tables": [table]})


if __name__ == "__main__":
    typer.run(main)
