"""The terminal program in this process, and agents for it to look at."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock
from typer.testing import CliRunner

from memgpt_autogen.cli.app import app
from memgpt_autogen.engine.engine import Engine, Identity
from memgpt_autogen.engine.registry import open_engine
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder

NOON = datetime(2026, 5, 8, 12, tzinfo=timezone.utc)
SAID = (
    ("Tessa", "I only drink peppermint tea."),
    ("coder", "Noted, Tessa."),
    ("Olaf", "The spare key hangs behind the star chart."),
)


class Run:
    """What a command printed, and how it ended."""

    def __init__(self, *arguments: str | Path, input: str | None = None) -> None:
        done = CliRunner().invoke(app, [str(one) for one in arguments], input, terminal_width=80)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        self.out, self.said, self.code = done.stdout, done.stderr, done.exit_code

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def open_coder(place: str | Path = ".memgpt", name: str = "coder") -> Engine:
    """The engine of an agent without a model."""
    return open_engine(
        Identity(name, "gpt-4o-mini", 8192, None, "I write small functions.", "A manager."),
        Settings(location=os.path.abspath(place)),  # noqa: PTH100 - as `settled` makes it
        embedder=HashingEmbedder(),
        clock=lambda: NOON,
    )


def make_coder(place: str | Path = ".memgpt", name: str = "coder") -> Path:
    """An agent that heard three messages and keeps a passage; where its files lie."""
    engine = open_coder(place, name)
    for hour, (speaker, text) in enumerate(SAID):
        engine.workspace.recall.append(text, speaker, NOON + timedelta(hours=hour))
    engine.workspace.archival.insert("The dome opens at nine.", tags=["dome"])
    directory = engine.store.directory
    engine.close()
    assert directory is not None
    return directory


@contextlib.contextmanager
def in_use(directory: Path) -> Iterator[str]:
    """Inside the `with` block somebody else runs the agent, as far as others can tell."""
    owner = directory / "owner.json"
    owner.write_text('{"process": 4711, "machine": "far", "since": "2026-05-08 12:00"}', "utf-8")
    with FileLock(directory / "lock"):
        yield "process 4711 on far"
    owner.unlink(missing_ok=True)
