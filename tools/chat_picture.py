"""Draw docs/images/chat.svg: a conversation of `memgpt-autogen run`, as the terminal shows it.

The screen, the conversation and the memory are the program's own; the model is a scripted one,
which says what stands in SCRIPT, and nobody types but TYPED.
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
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ScriptedModel, call, calls, send

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "chat.svg"
NOW = datetime(2026, 5, 8, 17, tzinfo=timezone.utc)
EARLIER = (
    ("Dana", "I want to read The Left Hand of Darkness next."),
    ("sam", "A fine choice. Tell me how you like it."),
    ("Dana", "I cycled along the Douro today."),
)
TYPED = (
    "I have moved: I live in Lisbon now. And I drink no coffee any more.",
    "Which book did I want to read?",
    "/context",
)
_FONTS = re.compile(r"@font-face \{\{.*?\}\}", re.DOTALL)
SCRIPT = (
    send("Good evening, Dana. How was the ride along the Douro?"),
    calls(
        call(
            "core_memory_replace",
            name="human",
            old_content="Lives in Porto.",
            new_content="Lives in Lisbon.",
        ),
        call("core_memory_append", name="human", content="Drinks no coffee any more."),
        call("send_message", message="Lisbon! I have noted both. No coffee, in that city?"),
        monologue="Porto is no longer right, so I correct the line.",
    ),
    calls(
        call("conversation_search", query="book Dana wants to read", request_heartbeat=True),
        monologue="That has left my view. I look for it.",
    ),
    send("*The Left Hand of Darkness*. You said so two weeks ago."),
)


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
    with tempfile.TemporaryDirectory() as memory, ScriptedModel(SCRIPT) as model:
        about: dict[str, Any] = {"embedder": HashingEmbedder(), "clock": lambda: NOW}
        about |= {"memory": Settings(location=memory, page_size=2), "context_window": 8192}
        with MemGPT(llm_config=model.llm_config, **about) as client:
            client.create_agent("sam", human="Dana studies type systems.\nLives in Porto.")
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
