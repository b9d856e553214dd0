"""`memgpt-autogen`: all commands, and what is said where one fails."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import memgpt_autogen
from memgpt_autogen.cli.chat.command import chat_command
from memgpt_autogen.cli.commands import (
    blocks,
    configure,
    inspecting,
    listing,
    looking,
    moving,
    named,
    serving,
    vectors,
    whole,
)
from memgpt_autogen.cli.commands.load import load_commands
from memgpt_autogen.cli.config import config_file, load_config
from memgpt_autogen.cli.screen import fail, say
from memgpt_autogen.errors import MemGPTError


class _Commands(TyperGroup):
    """Says what went wrong in one sentence; `--debug` shows where."""

    def invoke(self, ctx: Any) -> Any:
        with _notes():
            try:
                return super().invoke(ctx)
            except MemGPTError as problem:
                if ctx.params.get("debug"):
                    raise
                fail(str(problem))
                raise typer.Exit(1) from problem


@contextmanager
def _notes() -> Iterator[None]:
    """Warnings inside the `with` block are lines for people."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_args, **_more: say(f"note: {message}", "yellow")
        yield


app = typer.Typer(
    name="memgpt-autogen",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command has its own help, with examples: [cyan]memgpt-autogen show --help[/]",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"memgpt-autogen {memgpt_autogen.__version__}")
        raise typer.Exit


@app.callback()
def memgpt(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Agents with memory that outlives the context window.

    See, correct, move and delete what agents remember, also while they run.
    Their memory is in ./.memgpt unless --memory or `configure` says otherwise.
    """


app.command("run")(chat_command(lambda: load_config() if config_file().exists() else None))
_LOOK, _CHANGE, _KEEP = "Look", "Change", "Set up and keep"
app.command("list", rich_help_panel=_LOOK)(listing.list_names)
app.command("show", rich_help_panel=_LOOK)(looking.show)
app.command("search", rich_help_panel=_LOOK)(looking.search)
app.command("history", rich_help_panel=_LOOK)(blocks.history)
app.command("inspect", rich_help_panel=_LOOK)(inspecting.inspect)
app.command("edit", rich_help_panel=_CHANGE)(blocks.edit)
app.command("attach", rich_help_panel=_CHANGE)(whole.attach)
app.command("detach", rich_help_panel=_CHANGE)(whole.detach)
app.command("forget", rich_help_panel=_CHANGE)(whole.forget)
app.command("delete", rich_help_panel=_CHANGE)(whole.delete)
app.command("configure", rich_help_panel=_KEEP)(configure.configure)
app.add_typer(load_commands, name="load", rich_help_panel=_KEEP)
app.command("add", rich_help_panel=_KEEP)(named.add)
app.command("migrate", rich_help_panel=_KEEP)(vectors.migrate)
app.command("export", rich_help_panel=_KEEP)(moving.export)
app.command("import", rich_help_panel=_KEEP)(moving.import_)
app.command("serve", rich_help_panel=_KEEP)(serving.serve)


def main() -> None:
    """Run the program under the name that it was called by, which shells complete."""
    name = Path(sys.argv[0]).stem
    app(prog_name=name if name.startswith("memgpt") else "memgpt-autogen")
