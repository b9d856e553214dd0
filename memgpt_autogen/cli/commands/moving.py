"""`export` and `import`: a whole agent in one file, and chats that were held elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import load_config
from memgpt_autogen.cli.opening import open_to_edit
from memgpt_autogen.cli.options import (
    Agent,
    Json,
    Memory,
    Yes,
    complete_agents,
    embedder,
    embedder_for,
    location,
)
from memgpt_autogen.cli.screen import counted, put_json, say, screen
from memgpt_autogen.errors import MemGPTError
from memgpt_autogen.sources.bar import progress_bar

_CHATS = "Chats"


def export(
    agent: Agent,
    file: Annotated[Path, typer.Argument(help="To be written.", metavar="FILE", dir_okay=False)],
    sources: Annotated[
        bool, typer.Option("--sources", help="With the documents that it searches.")
    ] = False,
    yes: Yes = False,
    memory: Memory = None,
) -> None:
    """Write all that an agent remembers to one file, to keep or to move.

    It holds no key and no vectors; what it holds of conversations can be
    read by anybody.

    \b
    [dim]Examples[/]
      memgpt-autogen export coder coder.jsonl
      memgpt-autogen import coder.jsonl --memory ~/elsewhere/.memgpt
    """
    if file.exists() and not yes:
        typer.confirm(f"{file} is there already. Replace it?", abort=True, err=True)
    place = location(memory)
    made_with = late.contents.contents(place, "agents", agent).embedder
    with progress_bar(f"writing {agent}") as bar:
        late.by_name.export_agent(
            agent,
            file,
            memory=place,
            embedder=embedder(load_config().embedder, made_with),
            include_sources=sources,
            progress=bar,
        )
    say(f"{agent} is in {file}.")


Shared = Annotated[
    Literal["keep", "replace", "refuse"],
    typer.Option(metavar="WAY", help="What is shared and differs: keep, replace, refuse."),
]
Into = Annotated[
    str | None,
    typer.Option(
        metavar="AGENT",
        help="Whose memory chats enter.",
        autocompletion=complete_agents,
        rich_help_panel=_CHATS,
    ),
]
You = Annotated[
    str, typer.Option(metavar="NAME", help="Who is their user.", rich_help_panel=_CHATS)
]
Assistant = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Who is their model.",
        show_default="ChatGPT, or assistant",
        rich_help_panel=_CHATS,
    ),
]


def import_(
    file: Annotated[
        Path, typer.Argument(help="An agent's file, or chats.", metavar="FILE", exists=True)
    ],
    shared: Shared = "keep",
    into: Into = None,
    you: You = "user",
    assistant: Assistant = None,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Restore an agent from a file that `export` wrote, or import chats.

    Chats are ChatGPT's data export (the ZIP file, its folder or
    conversations.json) or AutoGen's histories in JSON. They become messages
    that searches find; importing again adds only what is new.

    \b
    [dim]Examples[/]
      memgpt-autogen import coder.jsonl
      memgpt-autogen import conversations.json --into coder --you Dana
    """
    place = location(memory)
    if into is not None:
        _import_chats(file, into, place, (you, assistant), as_json=as_json)
        return
    try:
        with progress_bar(f"restoring {file.name}") as bar:
            agent = late.by_name.import_agent(
                file,
                memory=place,
                embedder=embedder(load_config().embedder),
                partial_restore_shared=shared,
                progress=bar,
            )
    except MemGPTError as problem:
        raise type(problem)(f"{problem} To import chats, say into whose memory: --into.") from None
    if as_json:
        put_json({"agent": agent, "memory": place})
    else:
        say(f"{agent} is at {place} now.")


def _import_chats(
    file: Path, into: str, place: str, names: tuple[str, str | None], *, as_json: bool
) -> None:
    with (
        open_to_edit(into, place, embedder_for(place, into)) as opened,
        progress_bar(f"importing {file.name}") as bar,
    ):
        you, assistant = names
        found = late.chats.import_chats(file, opened, you=you, assistant=assistant, progress=bar)
    if as_json:
        put_json(asdict(found))
        return
    out = screen()
    known = f", {found.known:,} were there already" if found.known else ""
    out.print(
        f"{counted(found.chats, 'chat')}: {counted(found.imported, 'message')} imported{known}."
    )
    for reason, count in found.skipped.items():
        out.print(f"{count:>7,}  {reason}, not imported", style="dim")
