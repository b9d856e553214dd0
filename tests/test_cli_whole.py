"""What is done to whole agents and sources: load, attach, export, import, delete, forget, add."""

from __future__ import annotations

from pathlib import Path

import pytest

from memgpt_autogen.cli.config import Config, save_config
from tests.terminal import Run, in_use, make_coder, open_coder


@pytest.fixture(autouse=True)
def quick(own_world: None) -> None:
    save_config(Config(embedder="hashing"))


def load(name: str = "manual") -> Run:
    Path("docs").mkdir(exist_ok=True)
    Path("docs/dome.md").write_text("# Dome\nThe dome opens at nine. Bring a lamp.")
    return Run("load", "docs", "--name", name)


def test_files_are_loaded_attached_searched_and_detached() -> None:
    make_coder()
    assert "manual has 1 passage." in load().out
    assert "1 file unchanged" in load().out
    assert Run("list", "sources", "--json").json == [
        {"name": "manual", "passages": 1, "files": 1, "in_use_by": None}
    ]
    assert "1 passage" in Run("attach", "coder", "manual").said
    found = Run("search", "coder", "lamp", "--by", "words", "--json").json
    assert [one["who"] for one in found] == ["manual"]
    assert Run("show", "coder", "--json").json["sources"] == {"manual": 1}
    assert Run("detach", "coder", "manual").code == 0
    assert Run("show", "coder", "--json").json["sources"] == {}
    done = Run("detach", "coder", "manual")
    assert done.code == 1 and "attached are: none" in done.said


def test_the_agent_is_told_of_what_is_attached() -> None:
    make_coder()
    load()
    Run("attach", "coder", "manual")
    engine = open_coder()
    [entry] = engine.queue.context.entries
    engine.close()
    assert "manual" in str(entry)


def test_a_source_that_was_deleted_is_said_to_be_missing() -> None:
    make_coder()
    load()
    Run("attach", "coder", "manual")
    done = Run("delete", "--source", "manual", "--yes")
    assert done.code == 0 and Run("list", "sources", "--json").json == []
    done = Run("show", "coder", "--json")
    assert done.json["missing_sources"] == ["manual"]


@pytest.mark.parametrize(
    "command",
    [
        ["attach", "coder", "manual"],
        ["detach", "coder", "manual"],
        ["forget", "coder", "Tessa", "--yes"],
        ["delete", "coder", "--yes"],
    ],
)
def test_what_needs_the_turns_says_who_has_them(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memgpt_autogen.cli.opening._PATIENCE", 0.05)
    monkeypatch.setattr("memgpt_autogen.upkeep.agents._OWNER_SECONDS", 0.05)
    directory = make_coder()
    load()
    with in_use(directory) as owner:
        done = Run(*command)
        assert done.code == 1 and owner in done.said and "Traceback" not in done.said
    assert Run("show", "coder", "--json").json["messages"] == 3


def test_export_and_import_move_an_agent_also_while_it_runs(tmp_path: Path) -> None:
    directory = make_coder()
    with in_use(directory):
        assert Run("export", "coder", "coder.jsonl").code == 0
    assert Run("export", "coder", "coder.jsonl", input="n\n").code == 1
    assert Run("import", "coder.jsonl", "--memory", tmp_path / "other").code == 0
    there = Run("show", "coder", "--memory", tmp_path / "other", "--json").json
    here = Run("show", "coder", "--json").json
    for one in ("blocks", "messages", "speakers", "passages"):
        assert there[one] == here[one]
    done = Run("import", "coder.jsonl")
    assert done.code == 1 and "already holds the memory" in done.said
    Path("no.json").write_text("{}")
    assert Run("import", "no.json").code == 1


def test_delete_asks_first() -> None:
    directory = make_coder()
    done = Run("delete", "coder", input="n\n")
    assert done.code == 1 and "3 messages and 1 passage" in done.said and directory.exists()
    done = Run("delete", "coder", "--yes")
    assert done.code == 0 and not directory.exists()
    assert Run("delete", "coder", "--yes").code == 1


def test_forget_shows_the_receipt() -> None:
    make_coder()
    done = Run("forget", "coder", "Tessa", input="n\n")
    assert done.code == 1 and "1 message of theirs" in done.said
    done = Run("forget", "coder", "Tessa", "--yes")
    assert done.code == 0 and "1  messages of theirs" in done.out
    assert "recall m00000002: Tessa" in " ".join(done.out.split())
    assert "Tessa" not in Run("show", "coder", "--json").json["speakers"]
    receipt = Run("forget", "coder", "Olaf", "--yes", "--json").json
    assert receipt["recall_messages"] == 1 and receipt["files_overwritten"]
    done = Run("forget", "coder", "Nobody", "--yes")
    assert done.code == 1 and "has said nothing" in done.said


def test_what_cannot_be_loaded_is_said() -> None:
    assert Run("load", "nowhere", "--name", "x").code == 2
    Path("empty").mkdir()
    done = Run("load", "empty", "--name", "x")
    assert done.code == 1 and "Traceback" not in done.said


def test_personas_humans_and_presets_of_ones_own() -> None:
    assert Run("add", "human", "ann", "--text", "Ann breeds goats.").code == 0
    Path("captain.txt").write_text("I am a captain.")
    assert Run("add", "persona", "captain", "--file", "captain.txt").code == 0
    assert Run("add", "preset", "brief", "--file", "-", input="You are {name}.").code == 0
    for what, name in (("humans", "ann"), ("personas", "captain"), ("presets", "brief")):
        assert name in Run("list", what).out
        assert [one["name"] for one in Run("list", what, "--json").json][-1] == name
    done = Run("add", "human", "ann", "--text", "Other.")
    assert done.code == 1 and "already" in done.said
    assert Run("add", "human", "ann", "--text", "Other.", "--replace").code == 0
    assert Run("add", "human", "bo").code == 2
    assert Run("add", "human", "bo", "--file", "gone.txt").code == 1


@pytest.mark.filterwarnings("default::RuntimeWarning")
def test_a_warning_is_a_line_for_people() -> None:
    make_coder()
    load()
    Run("attach", "coder", "manual")
    Run("delete", "--source", "manual", "--yes")
    done = Run("detach", "coder", "manual")
    assert done.code == 0 and "note: a source is not attached" in done.said
    assert "RuntimeWarning" not in done.said
