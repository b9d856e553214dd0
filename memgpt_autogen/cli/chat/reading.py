"""What the person types: with history, completion and several lines, or plain lines of a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

_YES = ("y", "yes")


class Reader(Protocol):
    """Reads what is typed."""

    def read(self, speaker: str) -> str | None:
        """The next message or command; None at the end of the input."""
        ...

    def ask(self, question: str) -> str:
        """One line of an answer; empty at the end of the input."""
        ...


def agrees(reader: Reader, question: str) -> bool:
    """Whether the person says yes."""
    return reader.ask(f"{question} [y/N] ").lower() in _YES


class PlainReader:
    """Lines of standard input; a backslash at the end goes on to the next line."""

    def read(self, speaker: str) -> str | None:
        """The next message or command; None at the end of the input."""
        lines: list[str] = []
        if sys.stdin.isatty():
            sys.stdout.write(f"{speaker}> ")
            sys.stdout.flush()
        while True:
            line = sys.stdin.readline()
            if not line:
                return "\n".join(lines) if lines else None
            line = line.rstrip("\r\n")
            if not line.endswith("\\"):
                return "\n".join([*lines, line])
            lines.append(line[:-1])

    def ask(self, question: str) -> str:
        """The next line; empty at the end of the input."""
        sys.stdout.write(question)
        sys.stdout.flush()
        return sys.stdin.readline().strip()


class PromptReader:
    """A prompt that can be edited. Enter sends; Alt-Enter, or Esc and Enter, begins a new line.

    Args:
        words: what is completed: commands, and names after them.
        earlier: what was typed before, the oldest first; the arrow keys bring it back.
    """

    def __init__(self, words: Sequence[str], earlier: Iterable[str]) -> None:
        history = InMemoryHistory()
        for text in earlier:
            history.append_string(text)
        self._session: PromptSession[str] = PromptSession(
            history=history,
            completer=_Commands(words),
            complete_while_typing=True,
            multiline=True,
            key_bindings=_keys(),
            prompt_continuation="  ",
        )

    def read(self, speaker: str) -> str | None:
        """The next message or command; None at the end of the input."""
        try:
            return self._session.prompt(FormattedText([("bold ansigreen", f"\n{speaker}> ")]))
        except EOFError:
            return None

    def ask(self, question: str) -> str:
        """One line of an answer; empty at the end of the input."""
        try:
            return PromptSession[str]().prompt(question).strip()
        except (EOFError, KeyboardInterrupt):
            return ""


class _Commands(Completer):
    """Completes a line that begins with a slash."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterable[Completion]:
        typed = document.text
        if not typed.startswith("/") or "\n" in typed:
            return
        for word in self._words:
            if word.startswith(typed):
                yield Completion(word, start_position=-len(typed))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
