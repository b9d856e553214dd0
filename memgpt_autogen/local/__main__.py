"""`memgpt-autogen-local`: serve a local model for any program that speaks OpenAI's protocol."""

from __future__ import annotations

import contextlib
import signal
import threading
from pathlib import Path
from pprint import pformat
from typing import Annotated

import typer
from rich.console import Console

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local.config import llm_config
from memgpt_autogen.local.downloads import terminal_progress
from memgpt_autogen.local.models import DEFAULT_MODEL, MODELS
from memgpt_autogen.local.server import LocalServer

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

NAMES = ",\n".join(model.name for model in MODELS)


@app.command()
def serve(
    model: Annotated[
        str, typer.Option(metavar="NAME", help=f"{NAMES}.", show_default="the first")
    ] = DEFAULT_MODEL,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="On 127.0.0.1; 0: any free.")
    ] = 8080,
    context_window: Annotated[
        int, typer.Option(metavar="N", min=512, help="Tokens of prompt and reply together.")
    ] = 8192,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A GGUF file to use instead of fetching one."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Default: this machine's cores, at most 8."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show llama.cpp's log.")] = False,
) -> None:
    """Serve a small language model on this machine, without a key.

    The first start fetches the weights (1.1 GB for the default) and keeps them in
    your cache folder; later starts take seconds. Any OpenAI client can use it.

    Ctrl-C stops it.
    """
    screen = Console()
    try:
        with terminal_progress() as progress:
            server = LocalServer(
                model,
                context_window=context_window,
                port=port,
                weights=weights,
                threads=threads,
                progress=progress,
                verbose=verbose,
            ).start()
    except LocalModelError as error:
        Console(stderr=True, soft_wrap=True).print(f"[red]error[/] {error}", highlight=False)
        raise typer.Exit(1) from error
    with server:
        _show(screen, server)
        _wait()
    screen.print("Stopped.")


def _show(screen: Console, server: LocalServer) -> None:
    name, url = server.model.name, server.base_url
    config = pformat(llm_config(name, url), width=60, sort_dicts=False)
    screen.print(f"\n[bold]{name}[/] is ready.", highlight=False)
    screen.print(f"  base_url  [cyan]{url}[/]", highlight=False)
    screen.print(f"  window    {server.context_window:,} tokens", highlight=False)
    screen.print("\nFor AutoGen, as llm_config:\n")
    screen.print(config, style="green", highlight=False, markup=False, soft_wrap=True)
    screen.print("\n[dim]Only this machine can reach it. Ctrl-C stops it.[/]")


def _wait() -> None:
    """Return on Ctrl-C or a request to end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    app()
