"""`edit` and `history`: blocks edited beside a running agent, at the version that was read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from memgpt_autogen.memory.sharing import SharedLink
from tests.terminal import Run, in_use, make_coder, open_coder


def editor(tmp_path: Path, program: str) -> str:
    """An editor that runs Python with `path`, the file to edit."""
    script = tmp_path / "editor.py"
    script.write_text(f"import sys, pathlib\npath = pathlib.Path(sys.argv[1])\n{program}\n")
    return f'"{sys.executable}" "{script}"'


def human() -> str:
    text: str = Run("show", "coder", "--json").json["blocks"][1]["value"]
    return text


def test_a_block_is_edited_in_the_users_editor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_coder()
    program = "path.write_text(path.read_text() + 'Drinks tea.\\n')"
    monkeypatch.setenv("EDITOR", editor(tmp_path, program))
    with in_use(directory):
        done = Run("edit", "coder", "human")
    assert done.code == 0 and "+ Drinks tea." in done.out and "version 2" in done.out
    assert human() == "A manager.\nDrinks tea."
    with_nothing_done = editor(tmp_path, "")
    monkeypatch.setenv("EDITOR", with_nothing_done)
    assert "as it was" in Run("edit", "coder", "human").said


def test_a_running_agent_sees_the_edit() -> None:
    make_coder()
    engine = open_coder()
    engine.own()
    try:
        assert Run("edit", "coder", "human", "--file", "-", input="Likes goats.\n").code == 0
        assert engine.workspace.core["human"].value == "Likes goats."
    finally:
        engine.close()


def test_of_two_edits_at_once_one_is_refused_and_its_text_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_coder()
    other = tmp_path / "other.txt"
    other.write_text("Somebody else was here.")
    root = Path(__file__).parents[1]
    program = (
        "import subprocess\n"
        f"done = subprocess.run([sys.executable, '-m', 'memgpt_autogen', 'edit', 'coder', 'human',"
        f" '--file', {str(other)!r}], env={{**__import__('os').environ, 'PYTHONPATH':"
        f" {str(root)!r}}})\n"
        "assert done.returncode == 0\n"
        "path.write_text('Mine.\\n')"
    )
    monkeypatch.setenv("VISUAL", editor(tmp_path, program))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    done = Run("edit", "coder", "human")
    assert done.code == 1 and "somebody else changed the block 'human'" in done.said
    assert human() == "Somebody else was here."
    [kept] = tmp_path.glob("coder.human.*.txt")
    assert kept.read_text() == "Mine.\n" and str(kept) in done.said


def test_a_text_over_the_limit_is_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_coder()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = Run("edit", "coder", "human", "--file", "-", input="x" * 2001)
    assert done.code == 1 and "holds 2000 characters" in done.said
    assert next(tmp_path.glob("coder.human.*")).read_text().strip() == "x" * 2001
    assert human() == "A manager."


def test_an_editor_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    make_coder()
    for name in ("no-such-editor", "false"):
        monkeypatch.setenv("EDITOR", name)
        done = Run("edit", "coder", "human")
        assert done.code == 1 and "Nothing was changed" in done.said
    assert "no core memory block 'humans'" in Run("edit", "coder", "humans").said


def test_history_shows_who_when_and_what_and_reverts() -> None:
    make_coder()
    for text in ("A manager.\nDrinks tea.", "Gone."):
        Run("edit", "coder", "human", "--file", "-", input=text)
    done = Run("history", "coder", "human")
    assert "+ Drinks tea." in done.out and "- Drinks tea." in done.out and "program" in done.out
    changes = Run("history", "coder", "human", "--json").json
    assert [one["version"] for one in changes] == [1, 2, 3]
    assert len(Run("history", "coder", "human", "-n", "1", "--json").json) == 1
    done = Run("history", "coder", "human", "--revert", "2")
    assert done.code == 0 and human() == "A manager.\nDrinks tea."
    done = Run("history", "coder", "human", "--revert", "9")
    assert done.code == 1 and "there are 1, 2, 3, 4" in done.said


def test_a_block_that_never_changed_says_so() -> None:
    engine = open_coder()
    engine.workspace.core.set("human", "")
    engine.store.blocks.restore_history("human", [])
    engine.close()
    assert "never changed" in Run("history", "coder", "human").said


def test_a_shared_block_is_edited_for_all_who_share_it() -> None:
    for name in ("coder", "writer"):
        make_coder(name=name)
        engine = open_coder(name=name)
        engine.attach_block(SharedLink(name="plan"), "Nothing yet.", None)
        engine.close()
    assert Run("edit", "coder", "plan", "--file", "-", input="Build the dome.").code == 0
    blocks = Run("show", "writer", "--json").json["blocks"]
    assert [(one["value"], one["shared"]) for one in blocks if one["name"] == "plan"] == [
        ("Build the dome.", True)
    ]
    assert "program of coder" in Run("history", "writer", "plan").out
