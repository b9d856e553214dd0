"""`python -m memgpt_autogen.cli.chat`: the command alone, without a configuration."""

from __future__ import annotations

import typer

from memgpt_autogen.cli.chat.command import chat_command

if __name__ == "__main__":
    typer.run(chat_command())
