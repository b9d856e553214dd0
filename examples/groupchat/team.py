"""A researcher, a coder and a reviewer who share an archive and a plan.

    \b
    python team.py                                       # a finding, a plan
    python team.py "Coder, what does the importer drop?" # in a new process
    python team.py "Reviewer, add to the plan: Ask for real data."

Each has a memory of its own. What one keeps in the archive "team" the
others find by searching. The block "plan" is seen and edited by all.
Call those who shall answer by name; if you call nobody, all answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from autogen import GroupChat, GroupChatManager
from models import MemoryOption, Model, ModelOption
from screen import Screen, stage
from talk import person, talk

from memgpt_autogen import MemGPTAgent

app = typer.Typer(add_completion=False)
FINDING = "Keep this finding for the team: The importer drops every row whose date is empty."
MEETING = [
    "Reviewer, add to the plan: First a test with empty dates.",
    "What is on the plan?",
]
RULES = (
    " Keep findings for the team with archival_memory_insert, archive 'team'. When you are asked"
    " what the team found out, call archival_memory_search. The block 'plan' is the plan of the"
    " whole team: add to it with core_memory_append. Answer in one sentence."
)
ROLES = {
    "researcher": "You are the researcher of a small team: you find out how things are.",
    "coder": "You are the coder of a small team: you build what the plan says.",
    "reviewer": "You are the reviewer of a small team: you look after tests and the plan.",
}


def run(model: Model, finding: str, messages: Sequence[str], memory: Path, screen: Screen) -> None:
    """The researcher hears the finding alone; then all meet in a group chat."""
    with ExitStack() as stack:
        team = [
            stack.enter_context(
                MemGPTAgent(name, role + RULES, model.llm_config, memory=memory, translator=screen)
            )
            for name, role in ROLES.items()
        ]
        for agent in team:
            agent.attach("team", writable=True)
            agent.attach_block("plan", "Goal: an importer that loses no data.")
        user = person("user")
        screen.watch(user, *team)
        if finding:
            screen.title("The researcher alone")
            user.initiate_chat(team[0], message=finding, max_turns=1, silent=True)

        def next_speaker(last: Any, chat: GroupChat) -> Any:
            """Those called by name answer in turn; if nobody is called, all do."""
            said = [one["content"] for one in chat.messages if one["name"] == user.name]
            called = [agent for agent in team if agent.name in said[-1].lower()] or team
            following = called[called.index(last) + 1 :] if last in called else called
            return following[0] if following else None

        screen.title("The team")
        chat = GroupChat([user, *team], [], max_round=4, speaker_selection_method=next_speaker)
        talk({"user": user}, GroupChatManager(chat, llm_config=False, silent=True), messages)
        screen.blocks(team[1], "plan")
        screen.note(f"passages in the archive 'team': {team[1].attach('team')}")


@app.command(help=__doc__)
def main(
    messages: Annotated[list[str] | None, typer.Argument(help="What you say, in order.")] = None,
    model: ModelOption = "auto",
    memory: MemoryOption = Path(".memgpt"),
    finding: Annotated[str, typer.Option(help="Told to the researcher alone, before.")] = "",
) -> None:
    with stage(model) as (chosen, screen):
        screen.introduce(model=chosen.label)
        run(chosen, finding or ("" if messages else FINDING), messages or MEETING, memory, screen)


if __name__ == "__main__":
    app()
