"""The rehearsal model: it answers from what it reads; the examples run on it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from memgpt_autogen import MemGPTAgent

pytestmark = pytest.mark.autogen

EXAMPLES = Path(__file__).parents[1] / "examples" / "groupchat"


def test_it_stores_recalls_and_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    with importlib.import_module("rehearsal").rehearsal_model() as model:
        assert model.model_name == "rehearsal-model"

        def ask(text: str) -> str:
            with MemGPTAgent("mem", "", model.llm_config, memory=tmp_path) as agent:
                reply = agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])
                return str(reply)

        assert "remember" in ask("My name is Ann and I like plums.")
        assert "I like plums" in ask("What do I like?")
        assert "by rules" in ask("The harbour opens at nine tomorrow.")
        assert "harbour opens at nine" in ask("When does the harbour open?")
        assert "```python" in ask("Write a function to print the numbers 1 to 10.")
