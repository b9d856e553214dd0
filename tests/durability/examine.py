"""What a program finds that opens a damaged memory: everything, or a typed error."""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path
from typing import Any

from memgpt_autogen import MemGPTAgent, MemGPTError
from tests.durability.prepared import ask, open_prepared, remembered
from tests.durability.worker import Config, plain

WORDS = "said mem 007"
PATIENCE = 10.0  # seconds that searching by meaning may take to be whole again


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("memgpt_autogen"):
            self.texts.append(f"{record.levelname}: {record.getMessage()}")


def examine(memory: str, config: Config, texts: list[str]) -> dict[str, Any]:
    """Open, read, search by words and by meaning, do a turn, close.

    Args:
        texts: messages that searching by meaning is to find.

    Returns:
        `error` where one was raised, and whether it was `typed`; the `warnings`; else
        what is `remembered`, and the `unfound` texts.
    """
    found: dict[str, Any] = {"error": "", "typed": True, "unfound": []}
    heard = _Heard()
    logging.getLogger().addHandler(heard)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with open_prepared(Path(memory), config) as agent:
                found["remembered"] = remembered(agent)
                if not any(WORDS in m.text for m in agent.recall.search(WORDS, by="words").items):
                    found["unfound"].append(f"by words: {WORDS}")
                found["unfound"] += _unfound_by_meaning(agent, texts)
                assert ask(agent, "question at the end")
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is judged
            found["error"] = f"{type(problem).__name__}: {problem}"
            found["typed"] = isinstance(problem, MemGPTError)
    found["warnings"] = heard.texts + [
        str(one.message) for one in caught if issubclass(one.category, UserWarning)
    ]
    return found


def _unfound_by_meaning(agent: MemGPTAgent, texts: list[str]) -> list[str]:
    """What is not found; where a rebuild runs behind, it may take a while."""
    end = time.monotonic() + PATIENCE
    while (unfound := _unfound_now(agent, texts)) and time.monotonic() < end:
        time.sleep(0.25)
    return unfound


def _unfound_now(agent: MemGPTAgent, texts: list[str]) -> list[str]:
    found = {text: agent.recall.search(text, limit=5, by="meaning").items for text in texts}
    return [text for text, items in found.items() if text not in {plain(m.text) for m in items}]


def found_by_meaning(memory: str, config: Config, texts: list[str]) -> list[str]:
    """Those of the texts that an undamaged memory finds: few numbers tell few texts apart."""
    with open_prepared(Path(memory), config) as agent:
        unfound = _unfound_by_meaning(agent, texts)
    return [text for text in texts if text not in unfound]


def restored(memory: str, config: Config) -> dict[str, list[str]]:
    """What a memory remembers whose damage was undone."""
    with open_prepared(Path(memory), config) as agent:
        return remembered(agent)
