"""`add`: personas, humans and presets of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from memgpt_autogen.cli import late
from memgpt_autogen.cli.screen import say
from memgpt_autogen.errors import ConfigurationError


def add(
    kind: Annotated[
        Literal["persona", "human", "preset"],
        typer.Argument(help="persona, human or preset.", metavar="KIND"),
    ],
    name: Annotated[str, typer.Argument(help="To choose it by.", metavar="NAME")],
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="-: standard input.")
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="Instead of a file.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="One of yours of that name.")] = False,
) -> None:
    """Add a persona, a human or a preset to your own, for new agents.

    A persona says who the agent is, a human whom it talks with, a preset
    how it works.

    \b
    [dim]Examples[/]
      memgpt-autogen add human ann --text "Ann breeds goats."
      memgpt-autogen add persona captain --file captain.txt
      memgpt-autogen list personas
    """
    if (file is None) == (text is None):
        raise typer.BadParameter("give the text by --text, or a file by --file.")
    given = text if text is not None else _read(file)
    say(f"Written: {late.texts.add_text(kind, name, given, replace=replace)}")


def _read(file: Path | None) -> str:
    if file is None or str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{file} cannot be read: {problem}.") from problem
