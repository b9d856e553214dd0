"""The program in a real terminal of 80 columns."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

import memgpt_autogen
from memgpt_autogen.cli.config import Config, load_config
from tests.terminal import make_coder

ROOT = Path(memgpt_autogen.__file__).parents[1]
CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def started() -> Iterator[Callable[..., Any]]:
    children = []

    def start(*arguments: str) -> Any:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "memgpt_autogen", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
            dimensions=(24, 80),
            encoding="utf-8",
            timeout=60,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


def test_delete_asks_and_takes_no_for_an_answer(started: Callable[..., Any]) -> None:
    directory = make_coder()
    child = started("delete", "coder")
    child.expect(r"Delete coder with 3 messages and 1 passage for ever\? \[y/N\]")
    child.sendline("n")
    child.expect("Aborted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1 and directory.exists()


def test_show_fits_the_terminal_and_is_coloured(started: Callable[..., Any]) -> None:
    make_coder()
    child = started("show", "coder")
    child.expect(pexpect.EOF)
    shown = child.before
    assert "\x1b[" in shown and "I write small functions." in shown
    lines = CODES.sub("", shown).splitlines()
    assert max(len(line) for line in lines[1:]) <= 80  # the first names a directory


def test_an_error_is_one_red_sentence(started: Callable[..., Any]) -> None:
    child = started("show", "nobody")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert child.before.startswith("\x1b[31mthere is no agent 'nobody'")
    assert "Traceback" not in child.before


def test_configure_is_a_conversation(started: Callable[..., Any]) -> None:
    child = started("configure", "--endpoint", "http://127.0.0.1:9/v1", "--embedder", "hashing")
    for question, answer in (
        (r"Model \[gpt-4o-mini\]", "qwen"),
        (r"or none \[none\]", ""),
        (r"cannot be reached.*same\? \[Y/n\]", "y"),
        ("Preset .*auto.*:", ""),
        ("Context window", "8192"),
        ("Persona", ""),
        ("Human", ""),
        ("Memory", ""),
    ):
        child.expect(question)
        child.sendline(answer)
    child.expect("Written: ")
    child.expect(pexpect.EOF)
    assert load_config() == Config(
        model="qwen",
        endpoint="http://127.0.0.1:9/v1",
        key_variable="",
        context_window=8192,
        embedder="hashing",
    )
