"""Many async chats with one MemGPTAgent: are all answered, and is the event loop kept free?

Thirty-two users start a chat with `a_initiate_chat` at the same moment, each with a
code of its own, and each must hear that code once and no other. The model answers at
once, from another process, so nothing but the agent's own work is under way. The
first round is cold (the embedding model is read in it), ten more are warm, in
alternation with the same chats with one AssistantAgent.
`loopwatch.py` tells how blocked time is measured: the figure is the median of the
rounds' longest holds. Beside it a loop with nothing to do; and for each
operation of a turn that runs in an extension, how long it alone keeps every other
thread waiting (`gil.py`).
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from statistics import median
from typing import Annotated, Any

import typer
from autogen import AssistantAgent, ConversableAgent
from autogen.io import IOStream
from gil import suspects
from harness import WINDOW, ModelProcess, Quiet, machine, write_results
from loopwatch import LoopWatch, watched
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scripts import CODE
from texts import message

from memgpt_autogen import MemGPTAgent

Round = dict[str, Any]
Rounds = dict[str, list[Round]]

BOUND = 50.0  # milliseconds


async def one_chat(user: ConversableAgent, agent: ConversableAgent, number: int) -> bool:
    """Whether the user heard one answer, and that it was for them."""
    chat = await user.a_initiate_chat(
        agent, message=f"I am chat-{number}. {message(number)}", max_turns=1, silent=True
    )
    answers = [one["content"] for one in chat.chat_history if one.get("name") == agent.name]
    codes = [CODE.findall(answer or "") for answer in answers]
    return codes == [[f"chat-{number}"]]


async def one_round(agent: ConversableAgent, users: list[ConversableAgent], first: int) -> Round:
    """All users start a chat at the same moment."""
    begin, cpu = time.perf_counter(), time.process_time()
    with watched(LoopWatch()) as watch:
        right = await asyncio.gather(
            *(one_chat(user, agent, first + index) for index, user in enumerate(users))
        )
        await asyncio.sleep(0.01)
    return {
        "right": sum(right),
        "seconds": time.perf_counter() - begin,
        "cpu_seconds": time.process_time() - cpu,
        "longest_ms": watch.longest.ms,
        "longest_with_core_ms": watch.longest_with_core,
        "over_10_ms": watch.over(10),
        "over_bound": watch.over(BOUND),
        "longest": watch.parted(),
    }


async def idle(seconds: float) -> float:
    """The longest gap of a loop with nothing to do: what the machine itself adds."""
    with watched(LoopWatch()) as watch:
        await asyncio.sleep(seconds)
    return watch.longest.ms


async def rounds(agents: Mapping[str, ConversableAgent], chats: int, count: int) -> Rounds:
    """A cold round of each agent, then several of each in alternation, on one loop."""
    users = {
        name: [
            ConversableAgent(f"user{number}", llm_config=False, human_input_mode="NEVER")
            for number in range(chats)
        ]
        for name in agents
    }
    found: Rounds = {name: [] for name in agents}
    for number in track(range(count + 1), description=f"{chats} chats", transient=True):
        for name, agent in agents.items():
            found[name].append(await one_round(agent, users[name], first=number * chats))
    return found


def summed(found: list[Round], chats: int) -> dict[str, Any]:
    """One agent's rounds; the first is cold and stands apart."""
    cold, *warm = found
    return {
        "rounds": warm,
        "cold_ms": cold["longest_ms"],
        "right": sum(one["right"] for one in found),
        "of": chats * len(found),
        "median_ms": median(one["longest_ms"] for one in warm),
        "median_with_core_ms": median(one["longest_with_core_ms"] for one in warm),
        "longest_ms": max(one["longest_ms"] for one in warm),
    }


def run(chats: int, count: int) -> dict[str, Any]:
    scripts = {"MemGPTAgent": ("managed echo", WINDOW), "AssistantAgent": ("plain echo", None)}
    with (
        IOStream.set_default(Quiet()),
        ModelProcess(scripts) as model,
        tempfile.TemporaryDirectory() as folder,
        MemGPTAgent(
            "assistant",
            llm_config=model.configs["MemGPTAgent"],
            memory=folder,
            context_window=WINDOW,
        ) as managed,
    ):
        plain = AssistantAgent("assistant", llm_config=model.configs["AssistantAgent"])
        figures: dict[str, Any] = {"idle_longest_ms": asyncio.run(idle(1.0))}
        agents = {"MemGPTAgent": managed, "AssistantAgent": plain}
        for name, found in asyncio.run(rounds(agents, chats, count)).items():
            figures[name] = summed(found, chats)
    figures["held"] = suspects()
    return figures


def table(figures: dict[str, Any], chats: int) -> Table:
    table = Table(title=f"{chats} async chats at once", title_justify="left", width=78)
    table.add_column("")
    for heading in ("answered", "loop blocked, ms: median of rounds", "with a core", "longest"):
        table.add_column(heading, justify="right")
    table.add_row("nothing to do", "", f"{figures['idle_longest_ms']:.1f}")
    for name in ("MemGPTAgent", "AssistantAgent"):
        one = figures[name]
        cells = [one[part] for part in ("median_ms", "median_with_core_ms", "longest_ms")]
        table.add_row(name, f"{one['right']} of {one['of']}", *(f"{cell:.1f}" for cell in cells))
    return table


def held_table(held: dict[str, dict[str, float]]) -> Table:
    table = Table(title="Another thread waits, ms", title_justify="left", width=78)
    for heading in ("while one runs", "its time, median", "max", "wait, p99", "wait, max"):
        table.add_column(heading, justify="right" if table.columns else "left")
    for name, one in held.items():
        table.add_row(name, *(f"{value:.1f}" for value in one.values()))
    return table


def main(
    chats: Annotated[int, typer.Option(min=1, help="Chats at once.")] = 32,
    count: Annotated[int, typer.Option("--rounds", min=1, help="Warm rounds of each.")] = 10,
) -> None:
    """Async chats with one MemGPTAgent at once; how long the event loop was blocked."""
    where = machine()
    figures = run(chats, count)
    console = Console(width=min(Console().width, 80))
    console.print(table(figures, chats))
    console.print(held_table(figures["held"]))
    write_results("concurrency", where, {"chats": chats, "bound_ms": BOUND, **figures})


if __name__ == "__main__":
    typer.run(main)
