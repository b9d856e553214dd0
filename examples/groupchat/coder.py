"""A user, a product manager and a coder; the coder remembers across runs.

    python coder.py                                       # the first task
    python coder.py "I am Dana and I like type hints."    # tell it something
    python coder.py "Who am I?"                           # in a new process

Set USE_MEMGPT=0 to put AutoGen's own AssistantAgent in the coder's place.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from autogen import AssistantAgent, GroupChat, GroupChatManager, UserProxyAgent
from autogen.coding import DockerCommandLineCodeExecutor, LocalCommandLineCodeExecutor
from autogen.io import IOStream
from models import CHOICES, Model, docker_works, open_model
from rich.console import Console
from screen import Quiet, Screen

from memgpt_autogen import MemGPTAgent

USE_MEMGPT = os.environ.get("USE_MEMGPT", "1") != "0"
FIRST_TASK = "Write a function to print the numbers 1 to 10."
CODER = (
    "You are a 10x Python engineer in a small team. When someone asks for code, send it whole,"
    " in one ```python block, and say in a sentence what it does."
)
MANAGER = (
    "You are the product manager of a small team. Say in one or two sentences what the coder"
    " should build. Never write code."
)


def make_coder(model: Model, memory: Path, screen: Screen) -> Any:
    """The coder: the class name and three arguments are all that changes."""
    if not USE_MEMGPT:
        return AssistantAgent("coder", CODER, model.llm_config)
    return MemGPTAgent(
        "coder",
        CODER,
        model.llm_config,
        memory=memory,
        persona="I am the coder of the team. I write small, tested functions.",
        translator=screen,
    )


def run(model: Model, messages: list[str], memory: Path, executor: Any, screen: Screen) -> None:
    """One group chat: each message of the user is answered before the next."""
    user = UserProxyAgent(
        "user",
        human_input_mode="NEVER",
        code_execution_config={"executor": executor} if executor else False,
        default_auto_reply="",
    )
    manager = AssistantAgent("product_manager", MANAGER, model.llm_config)
    coder = make_coder(model, memory, screen)

    def next_speaker(last: Any, chat: GroupChat) -> Any:
        """A task goes by the product manager; code the coder wrote goes back to be run."""
        if last is user and not str(chat.messages[-1]["content"]).startswith("exitcode"):
            is_task = "write" in str(chat.messages[-1]["content"]).lower()
            return manager if is_task else coder
        if last is manager:
            return coder
        ran = last is coder and executor and "```" in str(chat.messages[-1]["content"])
        return user if ran else None

    chat = GroupChat(
        [user, manager, coder],
        [],
        max_round=5,
        speaker_selection_method=next_speaker,
    )
    chat_manager = GroupChatManager(chat, llm_config=False, silent=True)
    for agent in (user, manager, coder):
        screen.watch(agent)
    for number, message in enumerate(messages):
        user.initiate_chat(chat_manager, message=message, clear_history=number == 0, silent=True)
    if USE_MEMGPT:
        screen.account(coder)
        coder.close()


def main(
    messages: Annotated[list[str] | None, typer.Argument(help="What you say, in order.")] = None,
    model: Annotated[str, typer.Option(help=" | ".join(CHOICES))] = "auto",
    memory: Annotated[Path, typer.Option(help="Where the memory lives.")] = Path(".memgpt"),
    run_code: Annotated[
        bool, typer.Option("--run-code", help="Run the model's code here, for 30 s at most.")
    ] = False,
) -> None:
    """Talk to a product manager and a coder who remembers you."""
    console = Console(width=min(Console().width, 80), highlight=False)
    with open_model(model, console) as chosen, tempfile.TemporaryDirectory() as folder:
        executor = None
        if docker_works():
            executor = DockerCommandLineCodeExecutor(timeout=30, work_dir=folder)
        elif run_code:
            executor = LocalCommandLineCodeExecutor(timeout=30, work_dir=folder)
        screen = Screen(console)
        screen.introduce(chosen.label, USE_MEMGPT, executor)
        with IOStream.set_default(Quiet()):
            run(chosen, messages or [FIRST_TASK], memory, executor, screen)


if __name__ == "__main__":
    typer.run(main)
