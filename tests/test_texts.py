"""Personas, humans and presets: by name, by file and as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from memgpt_autogen import ConfigurationError, MemGPTAgent
from memgpt_autogen.model.presets import instructions, kept
from memgpt_autogen.model.texts import Kind, add_text, list_texts, text_of
from memgpt_autogen.storage.directory import home
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import send
from tests.playing import playing

KINDS = cast("list[Kind]", ["persona", "human", "preset"])
QUICK: dict[str, Any] = {"embedder": HashingEmbedder()}


def test_what_the_package_brings() -> None:
    names = {kind: [one.name for one in list_texts(kind)] for kind in KINDS}
    assert names["persona"] == ["nora_editor", "sam_pov", "theo_engineer"]
    assert names["human"] == ["basic", "cs_phd"]
    assert names["preset"] == [
        "memgpt_chat", "memgpt_coder", "memgpt_docs", "memgpt_group", "memgpt_short",
        "memgpt_small",
    ]  # fmt: skip
    for kind in KINDS:
        for one in list_texts(kind):
            assert one.source == "package"
            assert 60 < len(one.text) < (6000 if kind == "preset" else 2000)  # a block's limit
            assert text_of(kind, one.name) == one.text
            assert "\t" not in one.text and ("{name}" in one.text) == (kind == "preset")


@pytest.mark.parametrize("kind", KINDS)
def test_the_users_own_are_listed_with_where_they_are_from(kind: Kind) -> None:
    file = add_text(kind, "mine", " You are {name}.\n")
    assert file == home() / f"{kind}s" / "mine.txt"
    assert [one.source for one in list_texts(kind)][-1] == str(file)
    assert text_of(kind, "mine") == "You are {name}."
    with pytest.raises(ConfigurationError, match="already"):
        add_text(kind, "mine", "Another one.")
    add_text(kind, "mine", "Another one.", replace=True)
    assert text_of(kind, "mine") == "Another one."


def test_the_packages_names_are_taken_and_paths_are_no_names() -> None:
    with pytest.raises(ConfigurationError, match="already"):
        add_text("persona", "sam_pov", "I am another.", replace=True)
    for name in ("../out", "", "a b", "x" * 65):
        with pytest.raises(ConfigurationError, match="no name"):
            add_text("human", name, "Text.")
    with pytest.raises(ConfigurationError, match="no text"):
        add_text("human", "empty", "  ")
    assert not home().exists()


def test_a_name_a_file_or_a_text(tmp_path: Path) -> None:
    file = tmp_path / "pirate.txt"
    file.write_text("I am a pirate.\n")
    assert text_of("persona", file) == text_of("persona", str(file)) == "I am a pirate."
    assert text_of("persona", "I read notes.txt") == "I read notes.txt"
    assert text_of("human", "Ann") == "Ann"  # no name of any: a text, as ever
    assert text_of("preset", "Be {name}.") == "Be {name}."
    with pytest.raises(ConfigurationError, match="cannot be read"):
        text_of("persona", "gone.txt")
    with pytest.raises(ConfigurationError, match=r"memgpt_chat, .*memgpt_small"):
        text_of("preset", "nothing")


def test_an_agent_keeps_the_text_of_a_preset_that_is_not_the_packages() -> None:
    add_text("preset", "brief", "You are {name}. Be terse.")
    assert kept("memgpt_docs") == "memgpt_docs"
    assert kept("brief") == "You are {name}. Be terse."
    assert instructions(kept("brief"), name="Bo", role="") == "You are Bo. Be terse."


@pytest.mark.autogen
def test_an_agent_takes_them_and_goes_on_without_the_file(tmp_path: Path) -> None:
    file = add_text("preset", "brief", "You are {name}. Be terse.")
    add_text("human", "ann", "Ann breeds goats.")
    chosen: dict[str, Any] = {"persona": "sam_pov", "human": "ann", "preset": "brief"}
    with playing([send("Hi.")], tmp_path, **QUICK, **chosen) as (agent, model):
        assert agent.generate_reply([{"role": "user", "content": "Hello", "name": "Ann"}]) == "Hi."
        for text in ("Be terse.", "I am Sam.", "Ann breeds goats."):
            assert model.requests[0].contains(text) == 1
        name = agent.name
    file.unlink()
    with MemGPTAgent(name, "", llm_config=False, memory=tmp_path, **QUICK) as again:
        assert "Be terse." in again.context_text()
