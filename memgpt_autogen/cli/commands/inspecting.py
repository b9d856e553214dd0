"""`inspect`: what agents remember, in a web browser."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Annotated

import typer

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import load_config
from memgpt_autogen.cli.opening import open_core, open_engine, searching_embedder
from memgpt_autogen.cli.options import Memory, location
from memgpt_autogen.cli.screen import say
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.installation import extra

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
    config, place = load_config(), location(memory)
    access = late.access.Access(
        place,
        config.model,
        config.context_window or None,
        embedder=partial(searching_embedder, place),
        core=partial(open_core, place=place),
        engine=partial(open_engine, place=place, owned=True),
    )

    def ready(guard: late.guard.Guard) -> None:
        typer.echo(guard.address)
        say("Ctrl-C ends it.", "dim")
        if browser:
            late.server.show(guard)

    late.server.serve(access, port, ready)
