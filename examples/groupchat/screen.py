"""What the examples show: who says what, and what the memory does, in 80 columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autogen.io import IOStream
from models import Model, open_model
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from memgpt_autogen import AutoGenTranslator, MemGPTAgent
from memgpt_autogen.steps import Eviction, Step

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
_SPEAKING = "send_message"


class Quiet:
    """AutoGen's own printing, left out: `Screen` shows the chat."""

    def print(self, *objects: Any, **kwargs: Any) -> None:
        """Print nothing."""

    def send(self, message: Any) -> None:
        """Show no event."""

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Nobody is asked."""
        del prompt, password
        return ""


def terminal() -> Console:
    """A console of 80 columns at the most."""
    return Console(width=min(Console().width, 80), highlight=False)


@contextmanager
def stage(choice: str) -> Iterator[tuple[Model, Screen]]:
    """The model of a choice, and a screen in the place of AutoGen's own printing."""
    console = terminal()
    with open_model(choice, console) as model, IOStream.set_default(Quiet()):
        yield model, Screen(console)


class Screen(AutoGenTranslator):
    """A translator that also shows the agents' steps, as the default may do by itself."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self._colours: dict[str, str] = {}

    def introduce(self, **facts: str) -> None:
        """Say what is about to run: one line for each fact."""
        width = max(map(len, facts)) + 1
        for name, fact in facts.items():
            self.note(f"{name + ':':<{width}} {fact}")
        self.console.print()

    def note(self, text: str) -> None:
        """A line beside the chat."""
        self.console.print(Text(text, style="dim"))

    def title(self, text: str) -> None:
        """A line across, between two parts."""
        self.console.print(Rule(f"[bold]{text}[/]", style="blue"))

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something goes on, and for how long."""
        if not self.console.is_terminal:
            self.note(f"  … {what}")
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as shown:
            shown.add_task(f"[dim]{what} …[/]")
            yield

    def watch(self, *agents: Any) -> None:
        """Show what these agents send, each in a colour of its own."""
        for agent in agents:
            self._colours.setdefault(agent.name, _COLOURS[len(self._colours) % len(_COLOURS)])
            agent.register_hook("process_message_before_send", self._show)

    def _show(self, sender: Any, message: Any, recipient: Any, silent: bool) -> Any:
        del recipient, silent
        text = message if isinstance(message, str) else str(message.get("content") or "")
        if text and text != "None":  # AutoGen writes the word for a null content
            self.console.print(Text(sender.name, style=f"bold {self._colours[sender.name]}"))
            self.console.print(Padding(Markdown(text), (0, 0, 1, 2)))
        return message

    def on_step(self, agent: str, step: Step) -> None:
        """Show the memory functions that a step called, and what they found."""
        if step.monologue:
            self._whisper(agent, f"thinks: {step.monologue}")
        results = {result.call_id: result.text for result in step.results}
        for call in step.calls:
            if call.name != _SPEAKING:
                self._whisper(agent, f"{call.name}({_arguments(call.arguments)})")
                self._whisper(agent, f"→ {_result(results.get(call.id))}")

    def on_eviction(self, agent: str, eviction: Eviction) -> None:
        """Show that the queue was folded into the summary."""
        self._whisper(agent, f"{eviction.entries} entries left the queue for the summary")

    def origin(self, agent: MemGPTAgent) -> None:
        """Where an agent's last answer came from."""
        searched = [
            call.name for step in agent.last_steps for call in step.calls if "search" in call.name
        ]
        path = searched[-1] if searched else "core memory, which is always in view"
        self.note(f"{agent.name}'s last answer came from: {path}")

    def account(self, agent: MemGPTAgent) -> None:
        """How full an agent's memory is."""
        overview = agent.context_overview()
        self.note(
            f"{agent.name}: {overview.recall_messages} messages in recall storage,"
            f" {overview.archival_passages} passages in archival storage,"
            f" {overview.total} of {overview.window} tokens in the main context"
        )

    def blocks(self, agent: MemGPTAgent, prefix: str = "") -> None:
        """The core memory blocks whose names begin with `prefix`."""
        table = Table(title=f"{agent.name}'s core memory", title_style="bold", show_header=False)
        for block in agent.core_memory:
            if block.name.startswith(prefix):
                table.add_row(Text(block.name, style="cyan"), Text(block.value or "(empty)"))
        self.console.print(table)

    def _whisper(self, agent: str, text: str) -> None:
        line = " ".join(text.split())
        room = self.console.width - len(agent) - 6
        self.note(f"  {agent} · {line if len(line) <= room else line[: room - 1] + '…'}")


def _result(text: str | None) -> str:
    """A call's result; of a page of search results the first."""
    if text is None:
        return "run in the chat"
    return text.split("\n", 1)[-1] if text.startswith("Page ") else text


def _arguments(text: str) -> str:
    values = json.loads(text)
    return ", ".join(f"{k}={v!r}" for k, v in values.items() if k != "request_heartbeat")
