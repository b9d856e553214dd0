"""`migrate`: an agent's vectors, or a source's, to another store."""

from __future__ import annotations

from typing import Annotated

import typer

from memgpt_autogen.cli import late
from memgpt_autogen.cli.options import AgentOrSource, IsSource, Memory, location
from memgpt_autogen.cli.screen import counted, say
from memgpt_autogen.sources.bar import progress_bar


def migrate(
    name: AgentOrSource,
    to: Annotated[str, typer.Option(metavar="STORE", help="chroma, lancedb, or a URI.")],
    source: IsSource = False,
    memory: Memory = None,
) -> None:
    """Move an agent's vectors, or a source's, to another store.

    Nothing is embedded again. The agent must be closed meanwhile; killed
    midway, its memory is whole. LanceDB needs the extra \\[lancedb]; with a
    URI its tables lie in object storage, with keys from the environment.

    \b
    [dim]Examples[/]
      memgpt-autogen migrate coder --to lancedb
      memgpt-autogen migrate --source manual --to s3://bucket/memory
    """
    with progress_bar(f"moving {name}") as bar:
        count = late.migrate.migrate(
            name, to=to, memory=location(memory), source=source, progress=bar
        )
    say(f"{name} has {counted(count, 'vector')} in {to}.")
