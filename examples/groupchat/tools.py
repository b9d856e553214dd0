"""A clerk with tools of two kinds and a program to run, who remembers what came out.

    \b
    python tools.py --run-code                          # two tools and a program
    python tools.py "How many bolts were in stock?"     # in a new process

Calls of tools are messages of the group chat, as with any AutoGen agent:
stock_of is run by the store, days_left by the clerk itself, and both see the
results. Code that the clerk writes goes to the store too, which runs it in
Docker or, with --run-code, here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from autogen import GroupChat, GroupChatManager, register_function
from models import NOT_RUN, MemoryOption, Model, ModelOption, RunCodeOption, open_executor
from screen import Screen, stage
from talk import person, talk

from memgpt_autogen import MemGPTAgent

app = typer.Typer(add_completion=False)
STOCK = {"bolts": 1200, "nuts": 950, "washers": 4000}
TASKS = [
    "How many bolts are in stock?",
    "How many days are left with 1200 bolts if we use 40 a day?",
    "Write a program that adds up the numbers 1 to 100.",
]
CLERK = (
    "You are the clerk of a small factory. Call stock_of for what is in the store now and"
    " days_left to see how long it lasts. When you are asked what came out before, look into"
    " your memory instead. When someone asks for a program, send it whole, in one ```python block"
    " that prints its result. When the store has run it, say what it printed."
)


def stock_of(item: Annotated[Literal["bolts", "nuts", "washers"], "what to count"]) -> str:
    """Count what is in the store now."""
    return f"{STOCK[item]} {item} are in stock."


def days_left(
    pieces: Annotated[int, "how many there are"], per_day: Annotated[int, "how many a day takes"]
) -> str:
    """Say how many days a stock lasts."""
    return f"{pieces} pieces last {pieces // per_day} days at {per_day} a day."


def run(model: Model, messages: Sequence[str], memory: Path, executor: Any, screen: Screen) -> None:
    """One group chat of the user, the clerk and the store."""
    user, store = person("user"), person("store", executor)
    with MemGPTAgent("clerk", CLERK, model.llm_config, memory=memory, translator=screen) as clerk:
        for function, runner in ((days_left, clerk), (stock_of, store)):
            register_function(
                function, caller=clerk, executor=runner, description=str(function.__doc__)
            )

        def next_speaker(last: Any, chat: GroupChat) -> Any:
            """Calls of tools go to who can run them, code to the store, results to the clerk."""
            message = chat.messages[-1]
            if message.get("tool_calls"):
                return "round_robin"  # among those who can, says AutoGen
            if last is not clerk or message["role"] == "tool":
                return clerk
            return store if executor and "```" in str(message["content"]) else None

        chat = GroupChat(
            [user, clerk, store], [], max_round=6, speaker_selection_method=next_speaker
        )
        screen.watch(user, clerk, store)
        manager = GroupChatManager(chat, llm_config=False, silent=True)
        talk({"user": user}, manager, messages)
        screen.account(clerk)


@app.command(help=__doc__)
def main(
    messages: Annotated[list[str] | None, typer.Argument(help="What you ask, in order.")] = None,
    model: ModelOption = "auto",
    memory: MemoryOption = Path(".memgpt"),
    run_code: RunCodeOption = False,
) -> None:
    with stage(model) as (chosen, screen), open_executor(run_code) as executor:
        screen.introduce(model=chosen.label, code=type(executor).__name__ if executor else NOT_RUN)
        run(chosen, messages or TASKS, memory, executor, screen)


if __name__ == "__main__":
    app()
