"""The commands of the terminal program, as typer has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from memgpt_autogen.cli.app import app

GROUP: Any = typer.main.get_command(app)


def _all() -> dict[str, Any]:
    found = {"": GROUP}  # the empty name takes the flags before a command
    for name, command in GROUP.commands.items():
        below = getattr(command, "commands", {})
        found |= {f"{name} {one}": it for one, it in below.items() if not it.hidden}
        found |= {} if below else {name: command}
    return found


THERE = _all()
"""By name; that of a group goes before its own."""


def name_of(words: Sequence[str]) -> str:
    """The command that a line calls, without `memgpt-autogen`; `load X` is `load files X`."""
    for at, word in enumerate(words):
        for name in (" ".join(words[at : at + 2]), word, f"{word} files"):
            if name in THERE:
                return name
    return ""
