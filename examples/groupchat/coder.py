"""A user, a product manager and a coder; the coder remembers across runs.

    \b
    python coder.py                                       # the first task
    python coder.py "I am Dana and I like type hints."    # tell it something
    python coder.py "Who am I?"                           # in a new process

Set USE_MEMGPT=0 to put AutoGen's own AssistantAgent in the coder's place.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from autogen import AssistantAgent, GroupChat, GroupChatManager, UserProxyAgent
from models import NOT_RUN, MemoryOption, Model, ModelOption, RunCodeOption, open_executor
from screen import Screen, stage

from memgpt_autogen import MemGPTAgent

USE_MEMGPT = os.environ.get("USE_MEMGPT", "1") != "0"
app = typer.Typer(add_completion=False)
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
    screen.watch(user, manager, coder)
    for number, message in enumerate(messages):
        user.initiate_chat(chat_manager, message=message, clear_history=number == 0, silent=True)
    if USE_MEMGPT:
        screen.origin(coder)
        screen.account(coder)
        coder.close()


@app.command(help=__doc__)
def main(
    messages: Annotated[list[str] | None, typer.Argument(help="What you say, in order.")] = None,
    model: ModelOption = "auto",
    memory: MemoryOption = Path(".memgpt"),
    run_code: RunCodeOption = False,
) -> None:
    with stage(model) as (chosen, screen), open_executor(run_code) as executor:
        screen.introduce(
            model=chosen.label,
            coder="MemGPTAgent" if USE_MEMGPT else "AssistantAgent",
            code=type(executor).__name__ if executor else NOT_RUN,
        )
        run(chosen, messages or [FIRST_TASK], memory, executor, screen)


if __name__ == "__main__":
    app()
