"""The README's code runs as it stands, with a scripted model in the place of a paid one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import autogen
import pytest

from memgpt_autogen.testing import ScriptedModel, call, calls, send

pytestmark = pytest.mark.autogen

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"<!-- test: (?P<name>[^>]*?) -->\n```python\n(?P<code>.*?)```", re.DOTALL)
PLAIN = re.compile(r"```python\n")


def blocks() -> dict[str, str]:
    return {match["name"]: match["code"] for match in BLOCK.finditer(README.read_text("utf-8"))}


def test_every_block_of_code_is_tested_or_says_why_not() -> None:
    text = README.read_text("utf-8")
    assert len(PLAIN.findall(text)) == len(blocks()) >= 3
    assert [name for name in blocks() if name.startswith("skip")] == [
        "skip (starts a model of 1.1 GB)"
    ]


def test_the_swap_and_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    reply = calls(
        call("core_memory_append", name="human", content="Dana likes type hints."),
        call("send_message", message="Hello Dana."),
    )
    with ScriptedModel([reply, send("Noted."), send("Hi.")]) as model:
        code = blocks()["swap"].replace('[{"model": "gpt-4o-mini"}]', "CONFIG_LIST")
        assert "CONFIG_LIST" in code
        names: dict[str, Any] = {"CONFIG_LIST": model.llm_config["config_list"]}
        exec(compile(code, "README.md", "exec"), names)
        for block in ("memory", "inside", "events", "partners", "shared", "capability"):
            exec(compile(blocks()[block], "README.md", "exec"), names)
        for agent in (names[name] for name in ("coder", "reviewer", "for_ann", "desk")):
            agent.close()
    out = capsys.readouterr().out
    assert "Dana likes type hints." in out
    assert "user I am Dana and I like type hints." in out
    assert re.search(r"\d{3,} tokens in the main context", out)
    assert "(system alert) The backup is done." in out
    assert "MemGPTAgent('coder', memory='" in out
    assert "The staging server has 8 GB." in out
    assert "I am assistant." in out
    assert (tmp_path / ".memgpt" / "agents" / "coder").is_dir()


def test_the_versions_it_names_are_these() -> None:
    assert autogen.__version__.startswith(("0.2.35", "0.9", "0.14.1"))
