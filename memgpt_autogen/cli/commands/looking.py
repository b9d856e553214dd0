"""`show` and `search`: what an agent remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from memgpt_autogen.cli import late
from memgpt_autogen.cli.opening import searching_embedder
from memgpt_autogen.cli.options import Agent, Json, Memory, complete_speakers, location
from memgpt_autogen.cli.screen import counted, moment, put_indented, put_json, say, screen

_SPEAKERS = 6  # named, of those who said something


def show(agent: Agent, memory: Memory = None, as_json: Json = False) -> None:
    """Show what an agent remembers: its blocks, and how much lies outside them.

    \b
    [dim]Examples[/]
      memgpt-autogen show coder
      memgpt-autogen show coder --json | jq .blocks
    """
    with late.memory.open_memory(location(memory), agent) as opened:
        about = _about(opened)
    if as_json:
        put_json(about)
    else:
        _print_about(screen(), about)


def _about(memory: late.memory.AgentMemory) -> dict[str, Any]:
    state, recall = memory.saved.values, memory.recall
    first = recall.between(None, None, limit=1).items
    versions = {one.name: memory.core.version(one.name) for one in memory.core}
    return {
        "agent": memory.name,
        "directory": str(memory.directory),
        "in_use_by": memory.owner,
        "last_seen": memory.last_seen,
        "blocks": [
            {
                "name": one.name,
                "value": one.value,
                "characters": len(one.value),
                "limit": one.limit,
                "version": versions[one.name],
                "read_only": one.read_only,
                "shared": one.shared,
            }
            for one in memory.core
        ],
        "messages": len(recall),
        "first_said": first[0].timestamp if first else None,
        "speakers": recall.speakers(),
        "passages": len(memory.archival),
        "sources": {
            str(one.source): len(one) for one in memory.archival.everywhere() if one.source
        },
        "missing_sources": list(memory.missing),
        "queue_entries": len(memory.saved.entries),
        "summary": state.summary,
        "turns": state.counters.turns,
        "model_calls": state.counters.model_calls,
        "preset": state.preset,
        "embedder": memory.embedder,
    }


def _print_about(out: Console, about: dict[str, Any]) -> None:
    out.print(Text.assemble((about["agent"], "bold"), f"  {about['directory']}"), soft_wrap=True)
    use = about["in_use_by"]
    line = f"last seen {moment(about['last_seen'])}"
    out.print(f"{line}, in use by {use}" if use else f"{line}, not running", style="dim")
    for block in about["blocks"]:
        marks = "".join(
            f", {one.replace('_', '-')}" for one in ("shared", "read_only") if block[one]
        )
        size = (
            f"{block['characters']:,} of {block['limit']:,} characters, version {block['version']}"
        )
        out.print(Text.assemble("\n", (block["name"], "bold cyan"), (f"  {size}{marks}", "dim")))
        put_indented(out, block["value"] or "(empty)", 2)
    speakers = sorted(about["speakers"].items(), key=lambda pair: -pair[1])
    said = ", ".join(f"{name} {count:,}" for name, count in speakers[:_SPEAKERS])
    more = ", …" if len(speakers) > _SPEAKERS else ""
    since = f", since {moment(about['first_said'])}" if about["first_said"] else ""
    rows = {
        "recall": counted(about["messages"], "message") + since,
        "": f"{said}{more}",
        "archival": counted(about["passages"], "passage"),
        "sources": ", ".join(
            f"{name} ({counted(count, 'passage')})" for name, count in about["sources"].items()
        ),
        "missing": ", ".join(about["missing_sources"]),
        "queue": f"{counted(about['queue_entries'], 'entry', 'entries')},"
        f" {'a' if about['summary'] else 'no'} summary of what came before",
        "so far": f"{counted(about['turns'], 'turn')},"
        f" {counted(about['model_calls'], 'call')} of the model",
    }
    out.print()
    for name, value in rows.items():
        if value:
            out.print(Text.assemble((f"{name:<10}", "dim"), value))


# --- search --------------------------------------------------------------------------------


class Where(str, Enum):
    """What is searched."""

    recall = "recall"
    archival = "archival"
    both = "both"


class By(str, Enum):
    """What a search goes by."""

    words = "words"
    meaning = "meaning"
    both = "both"


@dataclass(frozen=True)
class Hit:
    """One thing that was found; `where` it lies, and `who` said it, or its source."""

    where: str
    id: str
    who: str
    time: datetime
    score: float | None
    text: str
    tags: tuple[str, ...] = ()


Query = Annotated[
    str, typer.Argument(help='Words or a question; "" lists the latest.', metavar="QUERY")
]
Place = Annotated[Where, typer.Option("--in", metavar="WHERE", help="recall, archival or both.")]
Way = Annotated[By, typer.Option(metavar="WAY", help="words (quick), meaning or both.")]
Speaker = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Of recall, what they said.", autocompletion=complete_speakers
    ),
]
Start = Annotated[
    str | None, typer.Option(metavar="DATE", help="Of recall, from then on: 2026-05-08.")
]
End = Annotated[str | None, typer.Option(metavar="DATE", help="Of recall, until then, inclusive.")]
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=1000, metavar="N", help="The best so many.")
]


def search(
    agent: Agent,
    query: Query,
    where: Place = Where.both,
    by: Way = By.both,
    speaker: Speaker = None,
    start: Start = None,
    end: End = None,
    limit: Limit = 10,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Search what was said to an agent and by it, and what it keeps.

    The score is the chance, from 0 to 1, that this answers. By words a
    search is quickest; by meaning it loads the embedding model.

    \b
    [dim]Examples[/]
      memgpt-autogen search coder "where is the spare key?"
      memgpt-autogen search coder "tea" --speaker Tessa --start 2026-05-01
      memgpt-autogen search coder "" --in archival -n 20
    """
    of_recall = {"speaker": speaker, "start": start, "end": end}
    filtered = any(of_recall.values())
    if filtered and where is Where.archival:
        raise typer.BadParameter("--speaker, --start and --end are of recall storage.")
    place = location(memory)
    chosen = None if by is By.words or not query.strip() else _embedder(place, agent)
    about: dict[str, Any] = {"limit": limit, "by": "words" if chosen is None else by.value}
    with late.memory.open_memory(place, agent, chosen) as opened:
        hits = [] if where is Where.archival else _recalled(opened, query, about | of_recall)
        if where is not Where.recall and not filtered:
            hits += _archived(opened, query, about)
    hits.sort(key=lambda hit: (hit.score or 0, hit.time), reverse=True)
    if as_json:
        put_json([vars(hit) for hit in hits[:limit]])
    else:
        _print_hits(screen(), hits[:limit])


def _embedder(place: str, agent: str) -> late.embedder.Embedder | None:
    """The embedder that made an agent's vectors; None, with a note, where it is not here."""
    chosen = searching_embedder(place, agent)
    if chosen is None:
        made_with = late.contents.contents(place, "agents", agent).embedder
        say(f"note: searched by words alone, as {made_with} made the vectors.", "yellow")
    return chosen


def _recalled(memory: late.memory.AgentMemory, query: str, about: Mapping[str, Any]) -> list[Hit]:
    return [
        Hit("recall", one.id, one.speaker, one.timestamp, one.score, one.text)
        for one in memory.recall.search(query, **about).items
    ]


def _archived(memory: late.memory.AgentMemory, query: str, about: Mapping[str, Any]) -> list[Hit]:
    hits = []
    for one in memory.archival.search(query, **about).items:
        rest = (one.source or memory.name, one.timestamp, one.score, one.text, one.tags)
        hits.append(Hit("archival", one.id, *rest))
    return hits


def _print_hits(out: Console, hits: list[Hit]) -> None:
    if not hits:
        say("Nothing was found.")
    for hit in hits:
        score = "     " if hit.score is None else f"{hit.score:.2f} "
        tags = f"  {', '.join(hit.tags)}" if hit.tags else ""
        head = (
            (f"{moment(hit.time)}  ", ""),
            (hit.who, "bold"),
            (f"  {hit.where} {hit.id}{tags}", "dim"),
        )
        out.print(Text.assemble((score, "green"), *head))
        put_indented(out, hit.text, 5)
