"""The screen of the chat: what happens as it happens, in colour or as plain lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import jiter
from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.spinner import Spinner
from rich.text import Text

from memgpt_autogen.cli.chat.lines import Line
from memgpt_autogen.client.model import Growing
from memgpt_autogen.steps import Step

_STYLES = {
    "thought": ("", "dim italic"),
    "added": ("+ ", "green"),
    "removed": ("- ", "red"),
    "looked": ("? ", "cyan"),
    "found": ("  ", "dim"),
    "failed": ("! ", "red"),
    "note": ("· ", "dim"),
}
_PLAIN = {"thought": "(thinks) ", "failed": "(failed) "}
_DOING = {
    "send_message": "writing",
    "core_memory_append": "noting something",
    "core_memory_replace": "correcting its memory",
    "archival_memory_insert": "filing something",
    "conversation_search": "looking through the conversation",
    "conversation_search_date": "looking through the conversation",
    "archival_memory_search": "looking through its archive",
}
_TAIL = 8  # lines of a growing message that stay in view


class Screen:
    """Prints; nothing that is printed is markup.

    Attributes:
        plain: bare lines, without colour, spinner or moving text.
    """

    def __init__(self, *, plain: bool) -> None:
        self.plain = plain
        self.console = Console(
            file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=plain,
            no_color=plain or None, force_terminal=False if plain else None,
        )  # fmt: skip

    def note(self, text: str) -> None:
        """Something about the program."""
        self.console.print(text, style="" if self.plain else "dim")

    def fail(self, text: str) -> None:
        """Something that went wrong."""
        self.console.print(text, style="" if self.plain else "red")

    def show(self, speaker: str, lines: Iterable[Line]) -> None:
        """What an agent did."""
        for line in lines:
            if line.kind == "said":
                self._say(speaker, line.text)
                continue
            mark, style = _STYLES[line.kind]
            if self.plain:
                mark = _PLAIN.get(line.kind, mark)
            indent = "\n" + " " * len(mark)
            text = mark + indent.join(line.text.splitlines())
            self.console.print(text, style="" if self.plain else style)

    def _say(self, speaker: str, text: str) -> None:
        if self.plain:
            self.console.print(f"{speaker}: {text}")
            return
        self.console.print(Text(f"\n{speaker}", style="bold magenta"))
        self.console.print(Markdown(text))

    @contextmanager
    def working(self, agent: str) -> Iterator[Working]:
        """Inside the `with` block a spinner says what the agent does."""
        if self.plain or not self.console.is_terminal:
            yield Working(agent, None)
            return
        with Live(console=self.console, transient=True, refresh_per_second=12) as live:
            yield Working(agent, live)


class Working:
    """What an agent does at the moment, and the message that it is writing."""

    def __init__(self, agent: str, live: Live | None) -> None:
        self._agent, self._live = agent, live
        self.doing("thinking")

    def doing(self, what: str, text: str = "") -> None:
        """Say what it does, and the message so far."""
        if self._live is None:
            return
        spinner = Spinner("dots", Text(f"{self._agent} is {what} …", style="dim"))
        if not text:
            self._live.update(spinner)
            return
        grown = Text("\n".join(text.splitlines()[-_TAIL:]))
        self._live.update(Group(grown, spinner))

    def grow(self, growing: Growing) -> None:
        """Show an answer that is on its way."""
        if growing.calls:
            name, arguments = growing.calls[-1]
            self.doing(_DOING.get(name, f"calling {name}"), message_so_far(name, arguments))
        elif growing.text:
            self.doing("writing", growing.text)
        elif growing.thoughts:
            self.doing("thinking", growing.thoughts)

    def on_step(self, _step: Step) -> None:
        """A step ended, and another may come."""
        self.doing("thinking")


def message_so_far(name: str, arguments: str) -> str:
    """The message in a call of send_message whose arguments are still growing."""
    if name != "send_message" or not arguments:
        return ""
    try:
        found = jiter.from_json(arguments.encode(), partial_mode="trailing-strings")
    except ValueError:
        return ""
    message = found.get("message") if isinstance(found, dict) else None
    return message if isinstance(message, str) else ""
