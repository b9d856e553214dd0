"""The rehearsal model, and the examples that run on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.testing.rehearsal import NAME, rehearsal_model

pytestmark = pytest.mark.autogen

EXAMPLES = Path(__file__).parents[1] / "examples" / "groupchat"


def test_it_stores_recalls_and_searches(tmp_path: Path) -> None:
    with rehearsal_model() as model:
        assert model.model_name == NAME == "rehearsal-model"

        def ask(text: str) -> str:
            with MemGPTAgent("mem", "", model.llm_config, memory=tmp_path) as agent:
                reply = agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])
                return str(reply)

        assert "remember" in ask("My name is Ann and I like plums.")
        assert "I like plums" in ask("What do I like?")
        assert "by rules" in ask("The harbour opens at nine tomorrow.")
        assert "harbour opens at nine" in ask("When does the harbour open?")
        assert "```python" in ask("Write a function to print the numbers 1 to 10.")


def run(*words: str, folder: Path, **env: str) -> str:
    """Run an example as a user would, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(EXAMPLES / words[0]), *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parents[1]), "COLUMNS": "80", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_demo_remembers_in_its_second_process(tmp_path: Path) -> None:
    shown = run("demo.py", "--model", "rehearsal", folder=tmp_path)
    first, second = shown.split("Second process")
    assert "def print_numbers" in first
    assert "core_memory_append" in first
    assert "From my core memory: I am Dana." in second
    assert "last answer came from: core memory" in second
    assert "messages stored" in second and "rules, not a language model" in second
    assert max(len(line) for line in shown.splitlines()) <= 80


@pytest.mark.slow
def test_the_coder_example_swaps_the_class_and_runs_code_only_when_asked(tmp_path: Path) -> None:
    plain = run("coder.py", "--model", "rehearsal", folder=tmp_path, USE_MEMGPT="0")
    assert "AssistantAgent" in plain and not (tmp_path / ".memgpt").exists()
    ran = run("coder.py", "--model", "rehearsal", "--run-code", folder=tmp_path)
    assert "exitcode: 0 (execution succeeded)" in ran
    assert (tmp_path / ".memgpt" / "agents" / "coder").is_dir()
