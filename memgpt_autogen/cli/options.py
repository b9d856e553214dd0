"""Options and arguments that several commands take, with the shell's completion of their names."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import load_config
from memgpt_autogen.cli.screen import say
from memgpt_autogen.errors import ConfigurationError, MemGPTError
from memgpt_autogen.storage.address import is_server
from memgpt_autogen.storage.directory import Section, root_of


def location(memory: str | None) -> str:
    """Where the memory is: what the option says, else the configuration.

    Raises:
        ConfigurationError: there can be no memory, or the configuration cannot be read.
    """
    place = memory or load_config().memory
    if place == ":memory:":
        raise ConfigurationError("memory=':memory:' ends with its agent: there is nothing there.")
    return place if is_server(place) else str(root_of(place))


def embedder(wanted: str, made_with: str | None = None) -> late.embedder.Embedder:
    """The embedder of a memory: the one that made its vectors, else the configured one."""
    hashing = late.embedder.HashingEmbedder
    if made_with == hashing.model_id or (made_with is None and wanted == "hashing"):
        return hashing()
    return late.embedder.resolve_embedder()


def searching_embedder(place: str, agent: str) -> late.embedder.Embedder | None:
    """The embedder that made an agent's vectors; None where it is not here.

    Raises:
        ConfigurationError: there is no such agent.
    """
    made_with = late.contents.contents(place, "agents", agent).embedder
    chosen = embedder(load_config().embedder, made_with)
    return chosen if made_with in (None, chosen.model_id) else None


def embedder_for(place: str, agent: str) -> late.embedder.Embedder | None:
    """The same, with a note where it is not here."""
    chosen = searching_embedder(place, agent)
    if chosen is None:
        made_with = late.contents.contents(place, "agents", agent).embedder
        say(f"note: searched by words alone, as {made_with} made the vectors.", "yellow")
    return chosen


def _names(context: typer.Context, section: Section) -> list[str]:
    try:
        return late.catalog.names_at(location(context.params.get("memory")), section)
    except MemGPTError:
        return []  # a shell that completes a word has no use for an error


def complete_agents(context: typer.Context, incomplete: str) -> list[str]:
    """The agents whose names begin so."""
    return [name for name in _names(context, "agents") if name.startswith(incomplete)]


def complete_sources(context: typer.Context, incomplete: str) -> list[str]:
    """The sources whose names begin so."""
    return [name for name in _names(context, "sources") if name.startswith(incomplete)]


def complete_blocks(context: typer.Context, incomplete: str) -> list[str]:
    """The agent's blocks whose names begin so."""
    try:
        place = location(context.params.get("memory"))
        with late.memory.open_memory(place, context.params.get("agent") or "") as memory:
            return [one.name for one in memory.core if one.name.startswith(incomplete)]
    except MemGPTError:
        return []


def complete_speakers(context: typer.Context, incomplete: str) -> list[str]:
    """The names, beginning so, of those who said something to the agent."""
    try:
        place = location(context.params.get("memory"))
        with late.memory.open_memory(place, context.params.get("agent") or "") as memory:
            return [name for name in memory.recall.speakers() if name.startswith(incomplete)]
    except MemGPTError:
        return []


def memory_option(panel: str | None = None) -> Any:
    """The option that names the memory, in a panel of the help."""
    return typer.Option(
        "--memory",
        "-m",
        metavar="DIR",
        help="Directory, or address of a Chroma server.",
        show_default="by configure, else ./.memgpt",
        rich_help_panel=panel,
    )


Agent = Annotated[
    str, typer.Argument(help="The agent's name.", autocompletion=complete_agents, metavar="AGENT")
]
Block = Annotated[
    str,
    typer.Argument(
        help="A core memory block, such as human.", autocompletion=complete_blocks, metavar="BLOCK"
    ),
]
Source = Annotated[str, typer.Argument(help="The source's name.", autocompletion=complete_sources)]
AgentOrSource = Annotated[
    str,
    typer.Argument(
        help="The agent's name, or the source's.", autocompletion=complete_agents, metavar="NAME"
    ),
]
IsSource = Annotated[bool, typer.Option("--source", help="It is a source.")]
Memory = Annotated[str | None, memory_option()]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
