"""Draw docs/images/chat.svg: a conversation of `memgpt-autogen run`, as the terminal shows it.

The screen, the conversation, the memory and the model, the packaged one, are the program's own;
nobody types but TYPED. It takes a minute or two.
"""

from __future__ import annotations

import io
import re
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from memgpt_autogen import MemGPT, Settings
from memgpt_autogen.cli.chat.commands import run_command
from memgpt_autogen.cli.chat.conversation import Conversation
from memgpt_autogen.cli.chat.screen import Screen
from memgpt_autogen.local import local_llm_config

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "chat.svg"
NOW = datetime(2026, 5, 8, 17, tzinfo=timezone.utc)
EARLIER = (
    ("Dana", "I want to read The Left Hand of Darkness next."),
    ("sam", "A fine choice. Tell me how you like it."),
    ("Dana", "I cycled along the Douro today."),
)
TYPED = (
    "I have moved: I live in Lisbon now.",
    "Which book did I want to read?",
    "/context",
)
_FONTS = re.compile(r"@font-face \{\{.*?\}\}", re.DOTALL)


class Typed:
    """Types, in a console, what is to be typed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = iter(TYPED)

    def read(self, speaker: str) -> str | None:
        line = next(self._lines, None)
        if line is not None:
            self._console.print(Text.assemble((f"\n{speaker}> ", "bold green"), line))
        return line

    def ask(self, question: str) -> str:
        raise AssertionError(question)


def drawn() -> str:
    """The picture."""
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}  # as Screen's
    console = Console(record=True, width=80, file=io.StringIO(), **plain)
    with tempfile.TemporaryDirectory() as memory:
        config = local_llm_config(context_window=8192)
        about: dict[str, Any] = {"clock": lambda: NOW, "context_window": 8192}
        with MemGPT(llm_config=config, memory=Settings(location=memory), **about) as client:
            client.create_agent("sam", human="Dana studies type systems.\nDana lives in Porto.")
            session = client.session("sam")
            for day, (speaker, text) in enumerate(EARLIER):
                when = NOW - timedelta(days=14 - day)
                session.open().workspace.recall.append(text, speaker, when)
            screen = Screen(plain=False)
            screen.console = console
            console.print(Text("$ memgpt-autogen run --agent sam --user Dana"))
            screen.note(f"sam: {len(EARLIER)} messages remembered. /help lists the commands.")
            reader = Typed(console)
            chat = Conversation(session, screen, reader, "Dana", client.session)
            chat.begin(verify=True)
            while (line := reader.read("Dana")) is not None:
                run_command(chat, line) if line.startswith("/") else chat.say(line)
    return console.export_svg(
        title="memgpt-autogen run",
        theme=MONOKAI,
        code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT),  # a picture fetches nothing
        unique_id="chat",
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(), "utf-8")
    print(f"wrote {PICTURE.name}: {PICTURE.stat().st_size:,} bytes")
