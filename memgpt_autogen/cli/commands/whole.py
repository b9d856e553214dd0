"""What is done to a whole agent or source: attach, forget, delete."""

from __future__ import annotations

from typing import Annotated

import typer

from memgpt_autogen.cli import late
from memgpt_autogen.cli.opening import open_engine
from memgpt_autogen.cli.options import (
    Agent,
    AgentOrSource,
    IsSource,
    Json,
    Memory,
    Source,
    Yes,
    complete_speakers,
    location,
)
from memgpt_autogen.cli.screen import counted, put_json, say, screen
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.address import is_server


def attach(agent: Agent, source: Source, memory: Memory = None) -> None:
    """Let an agent search a source from now on.

    \b
    [dim]Example[/]
      memgpt-autogen attach coder manual
    """
    with open_engine(agent, location(memory)) as engine:
        passages = engine.attach(source, writable=False)
    say(f"{agent} searches {source} now ({counted(passages, 'passage')}).")


def detach(agent: Agent, source: Source, memory: Memory = None) -> None:
    """Let an agent search a source no longer; the source stays.

    \b
    [dim]Example[/]
      memgpt-autogen detach coder manual
    """
    with open_engine(agent, location(memory)) as engine:
        found, attached = engine.detach(source), engine.queue.state.sources
    if not found:
        there = ", ".join(attached) or "none"
        raise ConfigurationError(f"{agent} has not attached {source!r}; attached are: {there}.")
    say(f"{agent} searches {source} no longer.")


def delete(
    name: AgentOrSource,
    source: IsSource = False,
    yes: Yes = False,
    memory: Memory = None,
) -> None:
    """Delete an agent, or a source, with all its files.

    Asks first. `export` keeps a copy; `forget` erases one speaker only.

    \b
    [dim]Examples[/]
      memgpt-autogen delete coder
      memgpt-autogen delete --source manual --yes
    """
    place = location(memory)
    if source:
        holds = counted(late.contents.contents(place, "sources", name).passages, "passage")
    else:
        holds = _holdings(place, name)
    if not yes:
        typer.confirm(f"Delete {name} with {holds} for ever?", abort=True, err=True)
    if source:
        where = late.remove.delete_source(place, name)
    else:
        where = late.agents.delete_agent(place, name).directory
    say(f"{name} is deleted ({where}).")


def _holdings(place: str, name: str) -> str:
    """What an agent remembers, in numbers; of one that is only on a server, nothing is known."""
    if is_server(place):
        about = late.agents.agent_at(place, name)
        messages, passages = about.messages, about.passages
    else:
        found = late.contents.contents(place, "agents", name)
        messages, passages = found.messages, found.passages
    return f"{counted(messages, 'message')} and {counted(passages, 'passage')}"


def forget(
    agent: Agent,
    speaker: Annotated[
        str,
        typer.Argument(
            help="Who is to be forgotten.", metavar="SPEAKER", autocompletion=complete_speakers
        ),
    ],
    yes: Yes = False,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Erase a speaker from an agent's memory: what they said, and what came of it.

    Asks first. The receipt says what was erased, and what was found
    afterwards.

    \b
    [dim]Example[/]
      memgpt-autogen forget coder Tessa
    """
    with late.memory.open_memory(location(memory), agent) as opened:
        said = opened.recall.speakers().get(speaker, 0)
    if not yes:
        what = f"{counted(said, 'message')} of theirs, and what came of them,"
        typer.confirm(f"Erase {speaker}: {what} for ever?", abort=True, err=True)
    with open_engine(agent, location(memory)) as engine:
        receipt = late.forget.forget(speaker, engine)
    if as_json:
        left = [vars(one) for one in receipt.left]
        put_json({**vars(receipt), "left": left, "complete": receipt.complete})
    else:
        _print_receipt(receipt)


def _print_receipt(receipt: late.forget.Receipt) -> None:
    out = screen()
    out.print(f"Erased of {receipt.speaker}:", style="bold")
    counts = (
        (receipt.recall_messages, "messages of theirs"),
        (receipt.recall_quotations, "messages of others that quote them"),
        (receipt.queue_entries, "entries of the queue"),
        (receipt.core_memory_lines, "lines of core memory"),
        (receipt.archival_passages, "archival passages"),
        (int(receipt.summary_reset), "summary of what left the queue"),
    )
    for count, what in counts:
        if count:
            out.print(f"{count:>7,}  {what}")
    out.print(
        "The files were overwritten."
        if receipt.files_overwritten
        else "What a server or object storage keeps of it is out of reach: on Chroma's, run `chroma"
        " vacuum`."
    )
    if receipt.left:
        out.print("Found afterwards, and left, as it may be somebody else's:", style="yellow")
        for one in receipt.left:
            out.print(f"  {one.tier} {one.place}: {', '.join(one.parts)}")
    elif receipt.complete:
        out.print("A search of all tiers and files found nothing more.", style="green")
