"""`list`, `show` and `search`, and what every command has in common."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import memgpt_autogen
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.journal.journal import Journal
from tests.commands import THERE, name_of
from tests.stores import Letters
from tests.terminal import NOON, SAID, Run, in_use, make_coder, open_coder


@pytest.mark.parametrize("command", ["load", *THERE])
def test_help_fits_80_columns_and_shows_examples(command: str) -> None:
    done = Run(*command.split(), "--help")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert f"memgpt-autogen {command}".strip() in done.out
    assert not command or "Example" in done.out


def test_neither_autogen_nor_chroma_is_imported_where_no_turn_runs(tmp_path: Path) -> None:
    """One process runs all of them: what one imports, the next would have."""
    make_coder()
    commands = (["--help"], ["list"], ["list", "personas"], ["show", "coder"])
    search = (["search", "coder", "tea", "--by", "words"], ["history", "coder", "human"])
    code = (
        "import sys\nfrom memgpt_autogen.cli.app import app\n"
        f"for arguments in {[*commands, *search]!r}:\n"
        "    app(arguments, standalone_mode=False)\n"
        "    assert arguments != ['--help'] or 'numpy' not in sys.modules\n"
        "heavy = {'autogen', 'chromadb', 'openai', 'onnxruntime', 'tiktoken', 'httpx', 'mcp',"
        " 'lancedb', 'sqlalchemy', 'trafilatura', 'starlette', 'semantic_text_splitter'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    root = Path(memgpt_autogen.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_list_says_how_much_there_is_and_who_has_it() -> None:
    directory = make_coder()
    make_coder(name="Ann B. (2)")
    with in_use(directory) as owner:
        done = Run("list")
        listed = Run("list", "agents", "--json").json
    assert [line.split()[0] for line in done.out.splitlines()[:3]] == ["name", "Ann", "coder"]
    assert [one["name"] for one in listed] == ["Ann B. (2)", "coder"]
    assert listed[1]["messages"] == 3 and listed[1]["passages"] == 1
    assert owner in listed[1]["in_use_by"] and listed[0]["in_use_by"] is None
    assert listed[1]["last_seen"] == "2026-05-08T14:00:00+00:00"


def test_list_goes_on_beside_a_damaged_agent() -> None:
    directory = make_coder()
    make_coder(name="other")
    journal = directory / "journal.sqlite3"
    journal.write_bytes(journal.read_bytes()[:8192])
    done = Run("list")
    assert done.code == 0 and "other" in done.out


def test_an_empty_place_is_said(tmp_path: Path) -> None:
    done = Run("list", "--memory", tmp_path / "none")
    assert done.code == 0 and "There are no agents at" in done.said
    assert Run("list", "sources", "--json").json == []
    assert not (tmp_path / "none").exists()


def test_an_owner_that_was_killed_is_none() -> None:
    directory = make_coder()
    (directory / "owner.json").write_text("{}", "utf-8")
    assert Run("show", "coder", "--json").json["in_use_by"] is None


def test_show_tells_blocks_counts_and_owner() -> None:
    directory = make_coder()
    with in_use(directory) as owner:
        done = Run("show", "coder")
        about = Run("show", "coder", "--json").json
    assert "I write small functions." in done.out and owner in done.out
    assert [one["name"] for one in about["blocks"]] == ["persona", "human"]
    assert about["blocks"][0]["version"] == 1 and about["blocks"][0]["limit"] == 2000
    assert about["speakers"] == {"Tessa": 1, "coder": 1, "Olaf": 1}
    assert about["messages"] == 3 and about["passages"] == 1


def test_what_a_running_agent_writes_is_seen_at_once() -> None:
    make_coder()
    engine = open_coder()
    engine.own()
    try:
        engine.workspace.recall.append("My boat is called Juno.", "Tessa", NOON)
        engine.workspace.core.set("human", "Has a boat.")
        assert "Has a boat." in Run("show", "coder").out
        found = Run("search", "coder", "boat", "--in", "recall", "--json").json
        assert found[0]["text"] == "My boat is called Juno."
    finally:
        engine.close()


def test_an_agent_that_is_not_there_is_told_with_those_that_are() -> None:
    make_coder()
    done = Run("show", "coder2")
    assert done.code == 1 and not done.out
    assert "no agent 'coder2'" in done.said and "'coder'" in done.said
    assert "Traceback" not in done.said
    with pytest.raises(ConfigurationError):
        Run("--debug", "show", "coder2")


def found(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Run("search", "coder", *arguments, "--json").json
    return found


def test_search_in_recall_archival_or_both() -> None:
    make_coder()
    for way in ("words", "both"):
        both = found("where does the key hang", "--by", way)
        assert both[0]["who"] == "Olaf" and both[0]["text"] == SAID[2][1]
        assert 0 < both[0]["score"] <= 1
    assert {one["where"] for one in found("the dome and the key")} == {"recall", "archival"}
    assert [one["tags"] for one in found("dome", "--in", "archival")] == [["dome"]]
    assert {one["where"] for one in found("dome", "--in", "recall")} <= {"recall"}


def test_search_by_speaker_and_dates() -> None:
    make_coder()
    assert [one["who"] for one in found("", "--speaker", "Tessa")] == ["Tessa"]
    late = found("", "--start", "2026-05-08T13:30+00:00")
    assert [one["who"] for one in late] == ["Olaf"]
    assert not found("", "--end", "2026-05-07")
    assert Run("search", "coder", "x", "--in", "archival", "--speaker", "Tessa").code == 2
    done = Run("search", "coder", "x", "--start", "yesterday")
    assert done.code == 1 and "ISO 8601" in done.said


def test_an_empty_query_lists_the_latest_first() -> None:
    make_coder()
    assert [one["who"] for one in found("", "--in", "recall")] == ["Olaf", "coder", "Tessa"]
    assert len(found("", "-n", "2")) == 2
    lines = Run("search", "coder", "", "--in", "recall").out.splitlines()
    assert lines[1].strip() == SAID[2][1]


def test_nothing_found_is_said() -> None:
    make_coder()
    done = Run("search", "coder", "zeppelin", "--by", "words")
    assert (done.code, done.out) == (0, "") and "Nothing" in done.said


def test_another_embedders_memory_is_searched_by_words() -> None:
    directory = make_coder()
    journal = Journal(directory, "coder")
    journal.put("embedder", "somebody's own")
    journal.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "memgpt_autogen.storage.embedders.embedder._best",
            Letters,
        )
        done = Run("search", "coder", "key")
    assert "by words alone" in done.said and SAID[2][1] in done.out


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("show ", "coder"),
        ("show co", "coder"),
        ("show x", ""),
        ("edit coder p", "persona"),
        ("forget coder T", "Tessa"),
        ("edit nobody p", ""),
    ],
)
def test_the_shell_completes_names(
    words: str, completed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_coder()
    monkeypatch.setenv("_MEMGPT_AUTOGEN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"memgpt-autogen {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" "))))
    assert Run().out.split() == completed.split()


def test_the_documents_show_commands_and_options_that_there_are() -> None:
    root = Path(__file__).parents[1]
    shown = [
        line
        for file in ("README.md", "docs/terminal.md")
        for line in (root / file).read_text("utf-8").splitlines()
        if line.startswith("$ memgpt-autogen ")
    ]
    assert len(shown) > 15
    for line in shown:
        rest = shlex.split(line.partition("#")[0].rstrip("\\"))[2:]
        options = {option for one in THERE[name_of(rest)].params for option in one.opts}
        assert {one for one in rest if one.startswith("-")} <= options, line
