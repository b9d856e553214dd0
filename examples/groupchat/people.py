"""Three people in one group chat; the assistant remembers who likes what.

    \b
    python people.py                                  # three days, one by one
    python people.py "Bob: How do I like my reports?" # in a new process
    python people.py "Dora: I prefer short reports."  # somebody new

Each day is a chat of its own with an agent newly made: only the memory
stays. In a group each speaker has a core memory block, such as human:Ann.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from autogen import GroupChat, GroupChatManager
from models import MemoryOption, Model, ModelOption
from screen import Screen, stage
from talk import people_in, talk

from memgpt_autogen import MemGPTAgent

app = typer.Typer(add_completion=False)
DAYS = {
    "Monday: what they like": [
        "Ann: I prefer my reports as tables.",
        "Bob: I like my reports short, two sentences at the most.",
        "Cleo: I like charts in my reports, blue ones.",
    ],
    "Tuesday: something else": [
        "Bob: The printer on the second floor is out of paper.",
        "Ann: The meeting with the bank moved to room 4.",
    ],
    "Wednesday: who likes what?": [
        "Bob: How do I like my reports?",
        "Cleo: How do I like my reports?",
        "Ann: How do I like my reports?",
        "Ann: And how does Cleo like hers?",
    ],
}
ASSISTANT = (
    "You are the assistant of a small office. Several people talk to you in one chat: keep apart"
    " who likes what, each in the block of that person. When you are told something, say 'Noted'"
    " and the name, such as: Noted, Ann. When Ann asks what she likes, look into the block"
    " human:Ann and say: Ann, you like …"
)


def run(model: Model, messages: Sequence[str], memory: Path, screen: Screen) -> None:
    """One day: everyone says their messages to the assistant, in one group chat."""
    with MemGPTAgent(
        "assistant", ASSISTANT, model.llm_config, memory=memory, translator=screen
    ) as assistant:
        people = people_in(messages)
        chat = GroupChat(
            [*people.values(), assistant],
            [],
            max_round=2,  # a message and its answer
            speaker_selection_method=lambda last, chat: assistant,
        )
        screen.watch(*people.values(), assistant)
        talk(people, GroupChatManager(chat, llm_config=False, silent=True), messages)
        screen.blocks(assistant, "human:")
        screen.account(assistant)


@app.command(help=__doc__)
def main(
    messages: Annotated[list[str] | None, typer.Argument(help="'Name: words', in order.")] = None,
    model: ModelOption = "auto",
    memory: MemoryOption = Path(".memgpt"),
) -> None:
    with stage(model) as (chosen, screen):
        screen.introduce(model=chosen.label)
        for title, said in {"Today": messages}.items() if messages else DAYS.items():
            screen.title(title)
            run(chosen, said, memory, screen)


if __name__ == "__main__":
    app()
