"""What the examples show: who says what, and what the memory does, in 80 columns."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding

from memgpt_autogen import AutoGenTranslator, MemGPTAgent
from memgpt_autogen.steps import Eviction, Step

_COLOURS = {"user": "cyan", "product_manager": "magenta", "coder": "green"}
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


class Screen(AutoGenTranslator):
    """A translator that also shows the coder's steps, as the default may do by itself."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def introduce(self, label: str, remembers: bool, executor: Any) -> None:
        """Say what is about to run."""
        agent = "MemGPTAgent" if remembers else "AssistantAgent"
        runs = type(executor).__name__ if executor else "shown, not run (--run-code runs it)"
        self.console.print(f"[dim]model: {label}\ncoder: {agent}\ncode:  {runs}[/]\n")

    def watch(self, agent: Any) -> None:
        """Show what an agent sends."""

        def show(sender: Any, message: Any, recipient: Any, silent: bool) -> Any:
            del recipient, silent
            text = message if isinstance(message, str) else str(message.get("content") or "")
            if text:
                self.console.print(f"[bold {_COLOURS.get(sender.name, 'white')}]{sender.name}[/]")
                self.console.print(Padding(Markdown(text), (0, 0, 1, 2)))
            return message

        agent.register_hook("process_message_before_send", show)

    def on_step(self, agent: str, step: Step) -> None:
        """Show the memory functions that a step called, and what they found."""
        if step.monologue:
            self._whisper(agent, f"thinks: {step.monologue}")
        results = {result.call_id: result.text for result in step.results}
        for call in step.calls:
            if call.name != _SPEAKING:
                self._whisper(agent, f"{call.name}({_arguments(call.arguments)})")
                self._whisper(agent, f"→ {results.get(call.id, 'run by another agent')}")

    def on_eviction(self, agent: str, eviction: Eviction) -> None:
        """Show that the queue was folded into the summary."""
        self._whisper(agent, f"{eviction.entries} entries left the queue for the summary")

    def account(self, agent: MemGPTAgent) -> None:
        """Where the last answer came from, and how full the memory is."""
        overview = agent.context_overview()
        searched = [
            call.name for step in agent.last_steps for call in step.calls if "search" in call.name
        ]
        path = f"a {searched[-1]}" if searched else "core memory, which is always in view"
        self.console.print(f"[dim]{agent.name}'s last answer came from: {path}[/]")
        self.console.print(
            f"[dim]{agent.name}: {overview.recall_messages} messages in recall storage,"
            f" {overview.archival_passages} passages in archival storage,"
            f" {overview.total} of {overview.window} tokens in the main context[/]"
        )

    def _whisper(self, agent: str, text: str) -> None:
        line = " ".join(text.split())
        room = self.console.width - len(agent) - 6
        line = line if len(line) <= room else line[: room - 1] + "…"
        self.console.print(f"  [dim]{agent} · {line}[/]", markup=True)


def _arguments(text: str) -> str:
    values = json.loads(text)
    return ", ".join(f"{k}={v!r}" for k, v in values.items() if k != "request_heartbeat")
