"""`list`: what there is, by name."""

from __future__ import annotations

from enum import Enum
from textwrap import shorten
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from memgpt_autogen.cli import late
from memgpt_autogen.cli.options import Json, Memory, location
from memgpt_autogen.cli.screen import moment, put_json, say, screen
from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.address import without_credentials
from memgpt_autogen.storage.directory import Section

_SHOWN = 160  # characters of a text


class What(str, Enum):
    """What is listed."""

    agents = "agents"
    sources = "sources"
    personas = "personas"
    humans = "humans"
    presets = "presets"


def list_names(
    what: Annotated[What, typer.Argument(help="What to list.", metavar="WHAT")] = What.agents,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """List agents, sources, personas, humans or presets.

    \b
    [dim]Examples[/]
      memgpt-autogen list
      memgpt-autogen list sources
      memgpt-autogen list personas
      memgpt-autogen list agents --memory ~/team/.memgpt --json
    """
    place = location(memory)
    if what.value in ("agents", "sources"):
        section: Section = "agents" if what is What.agents else "sources"
        found = [_about(place, section, name) for name in late.catalog.names_at(place, section)]
    else:
        kind: Any = what.value.removesuffix("s")
        found = [
            {"name": one.name, "text": one.text, "source": one.source}
            for one in late.texts.list_texts(kind)
        ]
    if as_json:
        put_json(found)
    elif found:
        screen().print(_table(found))
    else:
        say(f"There are no {what.value} at {without_credentials(place)}.")


def _about(place: str, section: Section, name: str) -> dict[str, Any]:
    try:
        found = late.contents.contents(place, section, name)
    except StorageError as problem:
        return {"name": name, "problem": str(problem)}
    of_agents = {"messages": found.messages, "last_seen": found.last_seen}
    return {
        "name": name,
        "passages": found.passages,
        **(of_agents if section == "agents" else {"files": len(found.files)}),
        "in_use_by": found.owner,
    }


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    columns = ("messages", "passages", "files", "last_seen")
    shown = [one for one in columns if any(one in about for about in found)]
    table.add_column("name", style="bold", overflow="fold")
    for column in shown:
        side: Literal["left", "right"] = "left" if column == "last_seen" else "right"
        table.add_column(column.replace("_", " "), justify=side, no_wrap=True)
    table.add_column("", style="dim", overflow="fold")
    for about in found:
        if "text" in about:
            own = "" if about["source"] == "package" else " (yours)"
            table.add_row(about["name"], f"{_beginning(about['text'])}{own}")
            continue
        cells = [_cell(about[one]) if one in about else "" for one in shown]
        in_use = about.get("in_use_by")
        note = about.get("problem") or (f"in use by {in_use}" if in_use else "")
        table.add_row(about["name"], *cells, note)
    return table


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else moment(value)


def _beginning(text: str) -> str:
    """The first words of a text."""
    return shorten(text, _SHOWN, placeholder=" …")
