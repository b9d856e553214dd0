"""`edit` and `history`: a block of core memory, as it is and as it was."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from memgpt_autogen.cli import late
from memgpt_autogen.cli.opening import open_to_edit
from memgpt_autogen.cli.options import Agent, Block, Json, Memory, location
from memgpt_autogen.cli.screen import diff, moment, put_json, say, screen
from memgpt_autogen.errors import ConfigurationError, ConflictError, MemGPTError


def edit(
    agent: Agent,
    block: Block,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Take the text from there; -: stdin."),
    ] = None,
    memory: Memory = None,
) -> None:
    """Edit a block of core memory in your editor ($VISUAL, $EDITOR).

    Works while the agent runs: it is told of the change before its next
    call of the model. Where somebody else changes the block meanwhile,
    nothing is overwritten: your text is kept in a file.

    \b
    [dim]Examples[/]
      memgpt-autogen edit coder human
      EDITOR=nano memgpt-autogen edit coder persona
      memgpt-autogen edit coder human --file notes.txt
    """
    with open_to_edit(agent, location(memory)) as opened:
        core = opened.core
        before = core[block].value
        text = _edited(block, before) if file is None else _read(file)
        if text == before:
            say(f"The block {block} is as it was.")
            return
        try:
            core.set(block, text)
        except MemGPTError as problem:
            kept = _keep(f"{agent}.{block}", text)
            advice = f"Your text is in {kept}"
            if isinstance(problem, ConflictError):
                again = f"memgpt-autogen edit {shlex.quote(agent)} {shlex.quote(block)}"
                advice += f"; to see what it is now, and put yours in: {again}"
            raise type(problem)(f"{problem}\n{advice}") from problem
        version = core.version(block)
    out = screen()
    out.print(Text.assemble((block, "bold cyan"), (f"  version {version}", "dim")))
    out.print(diff(before, text), end="")


def _edited(block: str, before: str) -> str:
    """The text as it comes out of the user's editor."""
    usual = "notepad" if os.name == "nt" else "vi"
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or usual
    with tempfile.TemporaryDirectory(prefix="memgpt-") as folder:
        name = "".join(one if one.isalnum() else "-" for one in block)
        path = Path(folder, f"{name}.txt")
        path.write_text(f"{before}\n" if before else "", "utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)  # noqa: S603 - the user's own
        except (OSError, subprocess.CalledProcessError) as problem:
            raise ConfigurationError(
                f"the editor {editor!r} failed: {problem}. Nothing was changed. Name one that is"
                " here: EDITOR=nano"
            ) from problem
        return path.read_text("utf-8").rstrip("\n")


def _read(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{file} cannot be read: {problem}.") from problem
    return text.rstrip("\n")


def _keep(name: str, text: str) -> Path:
    """Put a text into a new file of its user's alone."""
    start = "".join(one if one.isalnum() or one in ".-" else "-" for one in name)
    handle, path = tempfile.mkstemp(prefix=f"{start}.", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
    return Path(path)


def history(
    agent: Agent,
    block: Block,
    revert: Annotated[
        int | None,
        typer.Option(metavar="VERSION", help="Put the text of that version back."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, metavar="N", help="The latest so many.")
    ] = 10,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Show how a block of core memory changed: when, by whom, and what.

    \b
    [dim]Examples[/]
      memgpt-autogen history coder human
      memgpt-autogen history coder human --revert 3
    """
    if revert is not None:
        with open_to_edit(agent, location(memory)) as edited:
            before = edited.core[block].value
            after = edited.core.revert(block, revert).value
        say(f"The block {block} reads as in version {revert} again.")
        screen().print(diff(before, after), end="")
        return
    with late.memory.open_memory(location(memory), agent) as opened:
        changes = opened.core.history(block)
    if as_json:
        put_json([vars(one) for one in changes[-limit:]])
        return
    if not changes:
        say(f"The block {block} never changed.")
    if len(changes) > limit:
        say(f"The latest {limit} of {len(changes)} changes; all: --limit {len(changes)}", "dim")
    out = screen()
    for one in changes[-limit:]:
        head = (
            (f"version {one.version}", "bold cyan"),
            (f"  {moment(one.time)}  {one.author}", "dim"),
        )
        out.print(Text.assemble(*head))
        out.print(diff(one.before, one.after), end="")
