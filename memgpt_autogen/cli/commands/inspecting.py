"""`inspect`: what agents remember, in a web browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import load_config
from memgpt_autogen.cli.opening import open_engine, open_to_edit
from memgpt_autogen.cli.options import Memory, location, searching_embedder
from memgpt_autogen.cli.screen import say
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.installation import extra

if TYPE_CHECKING:
    from memgpt_autogen.memory.core import CoreMemory

_NEEDED = ("starlette", "uvicorn", "jinja2")


def inspect(
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="0: a free one.")] = 0,
    browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the pages in your browser.")
    ] = True,
    memory: Memory = None,
) -> None:
    """See, correct and forget what agents remember, in a web browser.

    Only this machine is answered, and only at the address that is printed,
    which holds a key. Works while the agents run. Ctrl-C ends it.

    \b
    [dim]Examples[/]
      memgpt-autogen inspect
      memgpt-autogen inspect --port 8321 --no-open
    """
    missing = [one for one in _NEEDED if find_spec(one) is None]
    if missing:
        raise ConfigurationError(
            f"the inspector needs {' and '.join(missing)}, not installed here: {extra('inspect')}"
        )
    config = load_config()
    access = access_to(location(memory), config.model, config.context_window or None)

    def ready(guard: late.guard.Guard) -> None:
        typer.echo(guard.address)
        say("Ctrl-C ends it.", "dim")
        if browser:
            late.server.show(guard)

    late.server.serve(access, port, ready)


def access_to(place: str, model: str, window: int | None) -> late.access.Access:
    """Opens the memories of a location; contexts are counted for a model and its window."""
    return late.access.Access(
        place,
        model,
        window,
        embedder=partial(searching_embedder, place),
        core=partial(_core, place=place),
        engine=partial(open_engine, place=place),
    )


@contextmanager
def _core(agent: str, place: str) -> Iterator[CoreMemory]:
    with open_to_edit(agent, place) as opened:
        yield opened.core
