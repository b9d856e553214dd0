"""The commands of docs/storage.md do what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from memgpt_autogen import MemGPTAgent
from tests.durability.embedder import spread

pytestmark = pytest.mark.autogen

PAGE = Path(__file__).parents[1] / "docs" / "storage.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)


def open_agent() -> MemGPTAgent:
    return MemGPTAgent("coder", llm_config=False, embedder=spread)


def say(text: str) -> None:
    with open_agent() as agent:
        agent.recall.append(text, speaker="Dana")


def run(code: str) -> None:
    exec(compile(code, PAGE.name, "exec"), {})


def test_backup_and_restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    backup, *_ = BLOCK.findall(PAGE.read_text("utf-8"))
    by_shell, *restore, _move = COMMAND.findall(PAGE.read_text("utf-8"))
    with open_agent() as agent:
        agent.recall.append("before the backup", speaker="Dana")
        run(backup)
        if shutil.which("sqlite3"):
            Path("coder.sqlite3").unlink()
            subprocess.run(by_shell, shell=True, check=True)
        agent.recall.append("after the backup", speaker="Dana")
    for command in restore:
        subprocess.run(command, shell=True, check=True)
    with open_agent() as agent:
        assert [one.text for one in agent.recall.everything()] == ["before the backup"]


def test_any_chroma_client_reads_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _, read, *_ = BLOCK.findall(PAGE.read_text("utf-8"))
    say("The staging server is called heron.")
    say("The importer drops empty lines.")
    run(read)
    assert capsys.readouterr().out.endswith(" Dana The staging server is called heron.\n")
    say("It was made anew by nobody.")
    assert not Path(".memgpt/agents/coder/chroma.aside-1").exists()


def test_moved_to_lancedb_any_client_reads_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb")
    monkeypatch.chdir(tmp_path)
    *_, read, move = BLOCK.findall(PAGE.read_text("utf-8"))
    say("The staging server is called heron.")
    run(move)
    assert not Path(".memgpt/agents/coder/chroma").exists()
    run(read)
    assert capsys.readouterr().out.endswith(" Dana The staging server is called heron.\n")
    say("It was made anew by nobody.")
    assert not Path(".memgpt/agents/coder/lancedb.aside-1").exists()
