"""What is done to a whole agent or source: load, attach, export, forget, delete."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import load_config
from memgpt_autogen.cli.opening import open_engine
from memgpt_autogen.cli.options import (
    Agent,
    Json,
    Memory,
    Source,
    Yes,
    complete_agents,
    complete_speakers,
    embedder,
    location,
)
from memgpt_autogen.cli.screen import counted, progress, put_json, say, screen
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.address import is_server


def load(
    paths: Annotated[
        list[Path], typer.Argument(help="Files and folders.", metavar="PATH...", exists=True)
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Of the source.")],
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="PATTERN", help="As in a .gitignore; may be repeated."),
    ] = None,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Load files and folders into a source, for agents to search.

    Text, Markdown, code and mail are read as they are; PDF, Word, HTML and
    others need the extra \\[documents]. What cannot be read is named. Loading
    a folder again takes in what is new or has changed, and removes what has
    left it.

    \b
    [dim]Examples[/]
      memgpt-autogen load docs/ README.md --name manual --ignore "*.log"
      memgpt-autogen attach coder manual
    """
    config, place = load_config(), location(memory)
    made_with = None
    if name in late.catalog.names_at(place, "sources"):
        made_with = late.contents.contents(place, "sources", name).embedder
    with progress(f"loading {name}") as bar:
        found = late.load.load_source(
            name,
            list(paths),
            memory=place,
            embedder=embedder(config.embedder, made_with),
            ignore=ignore or (),
            progress=bar,
        )
    if as_json:
        put_json(asdict(found))
        return
    out = screen()
    for label in found.loaded:
        out.print(f"loaded     {label}")
    for label in found.removed:
        out.print(f"removed    {label}")
    for one in found.skipped:
        out.print(f"skipped    {one}", style="dim", markup=False)
    same = f", {counted(len(found.unchanged), 'file')} unchanged" if found.unchanged else ""
    out.print(f"{name} has {counted(found.passages, 'passage')}{same}.")


def attach(agent: Agent, source: Source, memory: Memory = None) -> None:
    """Let an agent search a source from now on.

    \b
    [dim]Example[/]
      memgpt-autogen attach coder manual
    """
    with open_engine(agent, location(memory), owned=True) as engine:
        passages = engine.attach(source, writable=False)
    say(f"{agent} searches {source} now ({counted(passages, 'passage')}).")


def detach(agent: Agent, source: Source, memory: Memory = None) -> None:
    """Let an agent search a source no longer; the source stays.

    \b
    [dim]Example[/]
      memgpt-autogen detach coder manual
    """
    with open_engine(agent, location(memory), owned=True) as engine:
        found, attached = engine.detach(source), engine.queue.state.sources
    if not found:
        there = ", ".join(attached) or "none"
        raise ConfigurationError(f"{agent} has not attached {source!r}; attached are: {there}.")
    say(f"{agent} searches {source} no longer.")


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
    with progress(f"writing {agent}") as bar:
        late.by_name.export_agent(
            agent,
            file,
            memory=place,
            embedder=embedder(load_config().embedder, made_with),
            include_sources=sources,
            progress=bar,
        )
    say(f"{agent} is in {file}.")


def import_(
    file: Annotated[Path, typer.Argument(help="That `export` wrote.", metavar="FILE", exists=True)],
    shared: Annotated[
        Literal["keep", "replace", "refuse"],
        typer.Option(metavar="WAY", help="What is shared and differs: keep, replace, refuse."),
    ] = "keep",
    memory: Memory = None,
) -> None:
    """Restore an agent from a file that `export` wrote.

    \b
    [dim]Example[/]
      memgpt-autogen import coder.jsonl
    """
    place = location(memory)
    with progress(f"restoring {file.name}") as bar:
        agent = late.by_name.import_agent(
            file,
            memory=place,
            embedder=embedder(load_config().embedder),
            partial_restore_shared=shared,
            progress=bar,
        )
    say(f"{agent} is at {place} now.")


def delete(
    name: Annotated[
        str,
        typer.Argument(
            help="The agent's name, or the source's.",
            metavar="NAME",
            autocompletion=complete_agents,
        ),
    ],
    source: Annotated[bool, typer.Option("--source", help="It is a source.")] = False,
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
    with open_engine(agent, location(memory), owned=True) as engine:
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
