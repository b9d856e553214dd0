"""A librarian who answers from documents, and names the file.

    \b
    python documents.py                                  # about the handbook here
    python documents.py "Ann: What does a lost key cost?"
    python documents.py --folder ~/notes "When is the review?"

The folder is loaded into a source: later runs read new and changed files
only. Archival search finds its passages. Text and Markdown need nothing
else; PDF, Word and others need the extra "documents".
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

from memgpt_autogen import MemGPTAgent, load_source

app = typer.Typer(add_completion=False)
HANDBOOK = Path(__file__).with_name("handbook")
QUESTIONS = [
    "Ann: When is the workshop open on Saturdays?",
    "Bob: Who may use the laser cutter?",
    "Ann: What does a membership cost a year?",
]
LIBRARIAN = (
    "You answer questions from documents. At every question call archival_memory_search. Then tell"
    " what you found with send_message, with the file it stands in, such as: It costs 3 euros"
    " (prices.md). Store nothing: the documents stay where they are."
)


def run(model: Model, messages: Sequence[str], folder: Path, memory: Path, screen: Screen) -> None:
    """Everyone asks the librarian, in one group chat."""
    source = load_source(folder.resolve().name, folder, memory=memory)
    with MemGPTAgent(
        "librarian", LIBRARIAN, model.llm_config, memory=memory, translator=screen
    ) as librarian:
        librarian.attach(source.name)
        screen.introduce(
            model=model.label,
            files=f"{len(source.loaded)} read, {len(source.unchanged)} known from before",
            passages=str(source.passages),
        )
        people = people_in(messages)
        chat = GroupChat(
            [*people.values(), librarian],
            [],
            max_round=2,  # a question and its answer
            speaker_selection_method=lambda last, chat: librarian,
        )
        screen.watch(*people.values(), librarian)
        talk(people, GroupChatManager(chat, llm_config=False, silent=True), messages)
        screen.origin(librarian)


@app.command(help=__doc__)
def main(
    messages: Annotated[list[str] | None, typer.Argument(help="'Name: question', …")] = None,
    model: ModelOption = "auto",
    memory: MemoryOption = Path(".memgpt"),
    folder: Annotated[Path, typer.Option(help="Documents to load.", show_default=False)] = HANDBOOK,
) -> None:
    with stage(model) as (chosen, screen):
        run(chosen, messages or QUESTIONS, folder, memory, screen)


if __name__ == "__main__":
    app()
