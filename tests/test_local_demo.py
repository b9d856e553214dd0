"""Are the demo's answers right, whatever a processor rounds and whatever is sampled?

    make test-local

The acts are those of examples/groupchat, played in this process with one model. Other prompt
paddings and another number of threads change the rounding of every number, as another processor
does.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from autogen.io import IOStream
from rich.console import Console

from memgpt_autogen.local import LocalServer, llm_config

pytestmark = [pytest.mark.local_model, pytest.mark.filterwarnings("ignore")]

EXAMPLES = Path(__file__).parents[1] / "examples" / "groupchat"
PADDINGS = ("", "\n", " It is a calm week.", " Be friendly.", " The year is young.")
MODULES = ("acts", "models", "rehearsal", "reading", "screen", "talk")


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module("acts")
    for module in MODULES:
        sys.modules.pop(module, None)


def play(acts: Any, config: dict[str, Any], memory: Path) -> list[str]:
    """What was wrong in one run of all acts."""
    models, screens = (importlib.import_module(name) for name in ("models", "screen"))
    console = Console(file=io.StringIO(), width=80)
    model, screen = models.Model("model", config), screens.Screen(console)
    with IOStream.set_default(screens.Quiet()), acts.watched() as calls:
        turns = acts.tell(model, memory, screen, calls)
        turns += acts.ask(model, memory, screen, calls, acts.QUESTIONS)
    return [f"{one.message} → {one.answer}: {one.problems}" for one in turns if one.problems]


@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_right_at_temperature_0_whatever_is_rounded(
    threads: int, acts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[str] = []
    with LocalServer(threads=threads, context_window=4096) as server:
        config = llm_config(server.model.name, server.base_url)
        for number, padding in enumerate(PADDINGS):
            monkeypatch.setattr(acts, "ROLE", acts.ROLE + padding)
            wrong += play(acts, config, tmp_path / str(number))
    assert not wrong


def test_it_is_right_at_temperature_0_7_for_ten_seeds(acts: Any, tmp_path: Path) -> None:
    wrong: list[str] = []
    with LocalServer(context_window=4096) as server:
        for seed in range(1, 11):
            config = llm_config(server.model.name, server.base_url, temperature=0.7, seed=seed)
            wrong += play(acts, config, tmp_path / str(seed))
    assert not wrong
