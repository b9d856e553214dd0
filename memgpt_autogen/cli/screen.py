"""The screen: what commands print, for people and for programs."""

from __future__ import annotations

import difflib
import json
import sys
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text


def screen() -> Console:
    """Standard output, as it is now; what is printed is no markup unless it says so."""
    return Console(highlight=False, markup=False, emoji=False)


def say(text: str | Text, style: str = "") -> None:
    """Print a line for people on standard error."""
    Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True).print(
        text, style=style
    )


def fail(text: str) -> None:
    """Print what went wrong as one sentence."""
    say(Text.assemble((text, "red")))


def put_json(value: Any) -> None:
    """Print a value for programs; times are in ISO 8601."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_as_text) + "\n")


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def moment(when: datetime | None) -> str:
    """A time in this machine's zone, to the minute."""
    return f"{when.astimezone():%Y-%m-%d %H:%M}" if when else "never"


def counted(count: int, one: str, several: str = "") -> str:
    """`1 message`, `2,000 messages`."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def put_indented(out: Console, text: str, by: int) -> None:
    """Print a text so many characters from the left, wrapped to the screen."""
    for line in Text(text).wrap(out, max(out.width - by, 20)):
        line.rstrip()
        out.print(Text(" " * by) + line, soft_wrap=True)


def diff(before: str, after: str) -> Text:
    """What changed from one text to another, line by line."""
    styles = {"-": "red", "+": "green", " ": "dim"}
    text = Text()
    for line in difflib.ndiff(before.splitlines(), after.splitlines()):
        if line[0] in styles:
            text.append(f"  {line[0]} {line[2:]}\n", styles[line[0]])
    return text
