"""`load`: files, folders, web pages and the rows of databases, into a source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import load_config
from memgpt_autogen.cli.options import Json, Memory, embedder, location
from memgpt_autogen.cli.screen import counted, put_json, say, screen
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.sources.bar import progress_bar

_MANY = 40  # documents that are named one by one


class _Load(TyperGroup):
    """`load docs/` is `load files docs/`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in {"-h", "--help"}:
            args = ["files", *args]
        return super().parse_args(ctx, args)


load_commands = typer.Typer(cls=_Load, no_args_is_help=True)
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="Of the source.")]


@load_commands.callback()
def load() -> None:
    """Load documents into a source, for agents to search.

    What cannot be read is named. Loading again takes in what is new or has
    changed, and removes what is no longer there.

    \b
    [dim]Examples[/]
      memgpt-autogen load docs/ README.md --name manual
      memgpt-autogen load webpage https://example.org/pumps --name manual
      memgpt-autogen attach coder manual
    """


@load_commands.command("files")
@load_commands.command("directory", hidden=True)
def files(
    paths: Annotated[
        list[Path], typer.Argument(help="Files and folders.", metavar="PATH...", exists=True)
    ],
    name: Name,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="PATTERN", help="As in a .gitignore; may be repeated."),
    ] = None,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Load files and folders; `load docs/` is short for `load files docs/`.

    Text, Markdown, code and mail are read as they are; PDF, Word, HTML and
    others need the extra \\[documents].

    \b
    [dim]Example[/]
      memgpt-autogen load files docs/ README.md --name manual --ignore "*.log"
    """
    with _into(name, memory) as about:
        found = late.load.load_source(name, list(paths), ignore=ignore or (), **about)
    _print(found, as_json, "file")


@load_commands.command("webpage")
def webpage(
    urls: Annotated[list[str], typer.Argument(help="http or https.", metavar="URL...")],
    name: Name,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Also from this machine and your network.")
    ] = False,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Load web pages: the main text of HTML, and PDF, Markdown and others.

    Needs the extra \\[documents]. A page is asked for again only as far as it
    has changed, and leaves the source when its server no longer has it.

    \b
    [dim]Example[/]
      memgpt-autogen load webpage https://example.org/pumps --name manual
    """
    for one in urls:
        if not one.lower().startswith(("http://", "https://")):
            raise ConfigurationError(f"{one!r} is no address of a web page: give http or https.")
    with _into(name, memory) as about:
        found = late.load.load_source(name, list(urls), allow_private=allow_private, **about)
    _print(found, as_json, "page")


@load_commands.command("database")
def database(
    name: Name,
    query: Annotated[str, typer.Option("--query", metavar="SQL", help="A select.")],
    url: Annotated[
        str | None, typer.Argument(help="As SQLAlchemy takes it.", metavar="URL")
    ] = None,
    variable: Annotated[
        str | None,
        typer.Option("--url-from-env", metavar="VAR", help="The variable that holds the URL."),
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for the password, which is not shown.")
    ] = False,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="COLUMN", help="Tells rows apart; may be repeated."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL", help="Of the rows.", show_default="the database and its table"
        ),
    ] = None,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Load the rows that a query gives, each as a passage with its columns.

    Needs the extra \\[documents] and the database's driver. Nothing is written
    to the database; its password is not stored. What stands on a command line
    can be seen by others: give a password by --url-from-env or --password.

    \b
    [dim]Example[/]
      memgpt-autogen load database sqlite:///shop.db --name parts \\
          --query "select id, name, price from parts" --key id
    """
    if (url is None) == (variable is None):
        raise typer.BadParameter("give the URL, or --url-from-env.")
    place = url if variable is None else os.environ.get(variable)
    if not place:
        raise ConfigurationError(f"the variable {variable} holds no URL.")
    if password:
        place = late.database.with_password(place, typer.prompt("Password", hide_input=True))
    with _into(name, memory) as about:
        found = late.database.load_database(
            name, place, query, keys=key or (), label=label, **about
        )
    _print(found, as_json, "row")


@contextmanager
def _into(name: str, memory: str | None) -> Iterator[dict[str, Any]]:
    """What loading into a source takes beside the documents; stopped, it says how to go on."""
    config, place = load_config(), location(memory)
    made_with = None
    if name in late.catalog.names_at(place, "sources"):
        made_with = late.contents.contents(place, "sources", name).embedder
    try:
        with progress_bar(f"loading {name}") as bar:
            yield {
                "memory": place,
                "embedder": embedder(config.embedder, made_with),
                "progress": bar,
            }
    except KeyboardInterrupt:
        say("Stopped. What was loaded can be used; the same command goes on from there.", "yellow")
        raise typer.Exit(130) from None


def _print(found: late.load.LoadedSource, as_json: bool, what: str) -> None:
    if as_json:
        put_json(asdict(found))
        return
    out = screen()
    for done, labels in (("loaded", found.loaded), ("removed", found.removed)):
        if len(labels) > _MANY:
            out.print(f"{done:<10} {counted(len(labels), what)}")
        else:
            for label in labels:
                out.print(f"{done:<10} {label}")
    for one in found.skipped:
        out.print(f"skipped    {one}", style="dim", markup=False)
    same = f", {counted(len(found.unchanged), what)} unchanged" if found.unchanged else ""
    out.print(f"{found.name} has {counted(found.passages, 'passage')}{same}.")
