"""Core memory: edits apply whole or not at all, and mistakes say what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.errors import (
    ConfigurationError,
    ConflictError,
    ModelMistake,
    UnknownBlockError,
)
from memgpt_autogen.events import local_now
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.storage.journal.blocks import BlockTable
from memgpt_autogen.storage.journal.journal import Journal


def memory(value: str = "", limit: int = 40) -> CoreMemory:
    core = CoreMemory(BlockTable(Journal(None, "mem")), local_now, "mem")
    core.add(Block(name="human", value=value, limit=limit))
    core.add(Block(name="rules", value="Be kind.", read_only=True))
    return core


def test_append_adds_lines_and_skips_a_line_that_is_there() -> None:
    core = memory()
    assert core.append("human", "Likes tea.")
    assert core.append("human", " Lives in Ulm. ")
    assert not core.append("human", "Likes tea.")
    assert core["human"].value == "Likes tea.\nLives in Ulm."


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("human", "x" * 41, "1 over its limit of 40"),
        ("human", "  ", "empty"),
        ("rules", "x", "read-only"),
        ("nobody", "x", "'human', 'rules'"),
    ],
)
def test_a_wrong_append_changes_nothing(name: str, content: str, complaint: str) -> None:
    core = memory()
    with pytest.raises(ModelMistake, match=complaint):
        core.edit_append(name, content)
    with pytest.raises(ConfigurationError, match=complaint.replace("1 over its", "given 41|")):
        core.append(name, content)
    assert core["human"].value == ""


def test_replace_corrects_and_deletes() -> None:
    core = memory("Likes tea.\nLives in Ulm.")
    core.replace("human", "tea", "coffee")
    assert core["human"].value == "Likes coffee.\nLives in Ulm."
    core.replace("human", "Likes coffee.", "")
    assert core["human"].value == "Lives in Ulm."


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        ("a\n\nb\n\nc", "b", "B", "a\n\nB\n\nc"),
        ("a\n\nb\n\nc", "b", "", "a\n\n\nc"),
        ("a\n\nb\n\nc", "b\n", "", "a\n\n\nc"),
        ("a\n\nb\n\nc", "\nb", "", "a\n\n\nc"),
        ("a\n\nb\n\nc", "a\n", "", "\nb\n\nc"),
        ("a\n\nb", "\n\nb", "", "a"),
        ("a\nb\n", "b", "", "a\n"),
        ("a\nb", "b", " ", "a"),
        ("a b\nc", "b", "", "a \nc"),
        ("a\n  - b\nc", "- b", "", "a\nc"),
        ("a", "a", "", ""),
        ("a\n\n\nb", "\n\n\n", "\n\n", "a\n\nb"),
        ("a", "a", "b\n\nc", "b\n\nc"),
    ],
)
def test_replace_leaves_other_lines_alone(before: str, old: str, new: str, after: str) -> None:
    core = memory(before)
    core.replace("human", old, new)
    assert core["human"].value == after


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("coffee", "x", "does not stand in the block"),
        ("i", "x", "stands 2 times"),
        ("", "x", "old_content is empty"),
        ("tea", "t" * 40, "over its limit"),
    ],
)
def test_a_wrong_replace_changes_nothing(old: str, new: str, complaint: str) -> None:
    core = memory("Likes tea.\nis 40")
    with pytest.raises(ModelMistake, match=complaint):
        core.edit_replace("human", old, new)
    with pytest.raises(ConfigurationError, match=complaint.replace("over its limit", "given 53")):
        core.replace("human", old, new)
    assert core["human"].value == "Likes tea.\nis 40"


def test_the_complaint_shows_the_block() -> None:
    with pytest.raises(ConfigurationError, match="The block reads:\n  Likes tea"):
        memory("Likes tea.").replace("human", "coffee", "x")


def test_programs_may_set_read_only_blocks_but_not_pass_the_limit() -> None:
    core = memory()
    core.set("rules", "Be brief.")
    assert core["rules"].value == "Be brief."
    with pytest.raises(ConfigurationError, match="Settings"):
        core.set("human", "x" * 41)
    with pytest.raises(ConfigurationError, match="new name"):
        core.add(Block(name="human"))


@pytest.mark.parametrize(
    "use",
    [
        lambda core: core["nobody"],
        lambda core: core.set("nobody", "x"),
        lambda core: core.append("nobody", "x"),
        lambda core: core.replace("nobody", "x", "y"),
        lambda core: core.revert("nobody"),
        lambda core: core.history("nobody"),
        lambda core: core.remove("nobody"),
        lambda core: core.limit("nobody", 500),
    ],
)
def test_an_unknown_block_is_told_with_those_there_are(use: Callable[[CoreMemory], object]) -> None:
    with pytest.raises(UnknownBlockError) as told:
        use(memory())
    assert str(told.value) == (
        "there is no core memory block 'nobody'; the blocks are 'human', 'rules'."
    )
    assert isinstance(told.value, KeyError)


def test_a_program_that_comes_too_late_is_told(tmp_path: Path) -> None:
    first, second = (
        CoreMemory(BlockTable(Journal(tmp_path, "mem")), local_now, "mem") for _ in "ab"
    )
    first.add(Block(name="human", value="Likes tea."))
    second.discard()  # it reads what there is
    first.append("human", "Lives in Ulm.")
    with pytest.raises(ConflictError, match=r"Look again.*\n  Likes tea\.\n  Lives in Ulm"):
        second.append("human", "Likes rum.")
    assert second.append("human", "Likes rum.")
    assert first["human"].value == "Likes tea.\nLives in Ulm.\nLikes rum."


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=12), st.text(max_size=12)), max_size=30))
def test_no_edit_ever_passes_the_limit(edits: list[tuple[bool, str, str]]) -> None:
    core = memory()
    for appends, first, second in edits:
        before = core["human"].value
        try:
            if appends:
                core.append("human", first)
            else:
                core.replace("human", first, second)
        except ConfigurationError:
            assert core["human"].value == before
        assert len(core["human"].value) <= 40


def test_render_shows_each_block_under_its_label() -> None:
    assert memory("Likes tea.").render() == (
        "<human>\n  Likes tea.\n</human>\n<rules read-only>\n  Be kind.\n</rules>"
    )
