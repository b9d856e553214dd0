"""Formatting of results: when and who, the turns around short ones, whose messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from memgpt_autogen.engine.functions import (
    ArchivalMemorySearch,
    ConversationSearch,
    Workspace,
    archival_memory_search,
    conversation_search,
)
from memgpt_autogen.errors import ModelMistake
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store

NOW = datetime(2026, 5, 13, 15, tzinfo=timezone.utc)
TURNS = [
    ("Ann", "Which instrument does your sister Lia play these days, and is it hard to learn?"),
    ("Bob", "Violin."),
    ("Ann", "How lovely. My own brother tried the violin for a year and then gave it up again."),
    ("Bob", "The weather was awful in the mountains, so we stayed inside and played cards."),
]


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    store = open_store(str(tmp_path), "agents", "agent", HashingEmbedder())
    recall = RecallStorage(store.recall, clock=lambda: NOW)
    for number, (speaker, text) in enumerate(TURNS):
        recall.append(text, speaker, NOW - timedelta(days=9, minutes=-number))
    archival = ArchivalStorage(store.archival, clock=lambda: NOW)
    core = CoreMemory(store.blocks, lambda: NOW, "agent")
    yield Workspace("agent", core, recall, archival, lambda: NOW)
    store.close()


def found(work: Workspace, query: str, speaker: str = "") -> list[str]:
    return conversation_search(work, ConversationSearch(query=query, speaker=speaker)).split("\n")


def test_a_short_message_stands_between_the_turns_around_it(work: Workspace) -> None:
    head, before, message, after, *_ = found(work, "violin", "bob")
    assert head.startswith("Page 1 of 1, 2 messages")
    assert before.startswith("(before) [2026-05-04") and "Ann: Which instrument" in before
    assert message.startswith("[2026-05-04") and message.endswith("Bob: Violin.")
    assert after.startswith("(after) [2026-05-04") and "Ann: How lovely" in after


def test_a_short_message_stands_alone_where_the_turns_around_it_do_not_fit(
    work: Workspace,
) -> None:
    work.shown = 80 * work.page_size
    assert found(work, "violin", "bob")[1].endswith("Bob: Violin.")


def test_a_long_message_stands_alone(work: Workspace) -> None:
    lines = found(work, "awful weather in the mountains", "Bob")
    assert lines[1].endswith(TURNS[3][1])


def test_an_unknown_speaker_is_a_mistake_that_names_the_known(work: Workspace) -> None:
    with pytest.raises(ModelMistake, match=r"'Kim'.*Ann, Bob"):
        found(work, "violin", "Kim")


def test_what_is_said_often_is_shown_once_with_its_number(work: Workspace) -> None:
    for _ in range(3):
        work.archival.insert("Ann drinks her tea without sugar.")
    text = archival_memory_search(work, ArchivalMemorySearch(query="tea"))
    assert text.count("sugar") == 1 and text.endswith("(found 3 times)")
