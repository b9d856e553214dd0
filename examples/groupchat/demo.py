"""The coder example, run twice in two processes: the second remembers the first.

python demo.py --model rehearsal
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from models import CHOICES, open_model
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from screen import terminal

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.model.tokens import TokenCounter

CODER = Path(__file__).with_name("coder.py")
FIRST = [
    "Write a function to print the numbers 1 to 10.",
    "I am Dana. I lead the data team and I always want type hints in my code.",
]
SECOND = ["Who am I, and how do I like my code?"]


def run(
    model: Annotated[str, typer.Option(help=" | ".join(CHOICES))] = "auto",
    memory: Annotated[Path | None, typer.Option(help="Keep the memory here.")] = None,
) -> None:
    """Two processes, one memory."""
    console = terminal()
    begun = time.monotonic()
    with open_model(model, console) as chosen, tempfile.TemporaryDirectory() as folder:
        place = memory or Path(folder)
        # AutoGen's own convention hands the model to the two processes.
        env = {**os.environ, "OAI_CONFIG_LIST": json.dumps(chosen.llm_config["config_list"])}
        for title, messages in (
            ("First process: a task, and a fact", FIRST),
            ("Second process: nothing is left but the memory", SECOND),
        ):
            console.print(Rule(f"[bold]{title}[/]", style="blue"))
            command = [sys.executable, str(CODER), *messages, "--memory", str(place)]
            subprocess.run(command, env=env, check=True)
        account(console, place, chosen.label, time.monotonic() - begun)


def account(console: Console, memory: Path, label: str, seconds: float) -> None:
    """What the two runs left behind and what they cost."""
    with MemGPTAgent("coder", llm_config=False, memory=memory) as coder:
        overview = coder.context_overview()
        # In a group each speaker has a block; a small model may use the common one all the same.
        blocks = [one for one in coder.core_memory if one.name in ("human", "human:user")]
        human = "\n".join(one.value for one in blocks if one.value) or "(empty)"
        full = _full_history_tokens(coder)
    table = Table(
        title=f"What the coder's memory holds ({label})",
        title_style="bold",
        width=78,
        show_header=False,
    )
    table.add_column(no_wrap=True, style="cyan")
    table.add_column()
    counters = overview.counters
    table.add_row("messages stored", str(overview.recall_messages))
    table.add_row("the block on the user", human)
    table.add_row("searches made", str(counters.searches))
    table.add_row("turns, model calls", f"{counters.turns}, {counters.model_calls}")
    table.add_row("prompt tokens", f"{counters.prompt_tokens:,}")
    table.add_row("full history would send", f"{full:,} (and forgets it all at exit)")
    table.add_row("time", f"{seconds:.0f} s")
    console.print(table)
    console.print(
        "[dim]The instructions cost 1,100 tokens a call (2,000 with a small model's examples),\n"
        "so a short chat is dearer than full history. A long one is cheaper: the prompt\n"
        "stops growing at the context window.[/]"
    )


def _full_history_tokens(coder: MemGPTAgent) -> int:
    """Prompt tokens of an agent that sends the whole conversation at each of its replies."""
    counter = TokenCounter("gpt-4o")
    history = total = 0
    for message in coder.recall.latest(len(coder.recall)):
        if message.speaker == coder.name:
            total += history
        history += counter.message({"content": message.text})
    return total


if __name__ == "__main__":
    typer.run(run)
