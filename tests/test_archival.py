"""Archival storage, held against plain lists; tags, attached sources, paging."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from memgpt_autogen.errors import ConfigurationError, EmbedderMismatchError
from memgpt_autogen.memory.archival import ArchivalStorage, Passage
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder, resolve_embedder
from memgpt_autogen.storage.store import Database, open_database, open_source

NOON = datetime(2023, 5, 8, 12, tzinfo=timezone.utc)
HASHING = HashingEmbedder()
TAGS = st.lists(st.sampled_from(["red", "blue", "späť", 'a"b', "\udfff"]), max_size=3)
REMARKS = st.text(st.characters(codec=None), max_size=30)


def clock() -> datetime:
    return NOON


def archival_in(path: Path) -> tuple[Database, ArchivalStorage]:
    database = open_database(path, "agent")
    return database, ArchivalStorage(database, HASHING, clock=clock)


@pytest.fixture
def archival(tmp_path: Path) -> Iterator[ArchivalStorage]:
    database, storage = archival_in(tmp_path)
    yield storage
    database.close()


@pytest.fixture
def manual(tmp_path: Path) -> Iterator[ArchivalStorage]:
    database = open_source(tmp_path, "manual")
    yield ArchivalStorage(database, HASHING, clock=clock, source="manual")
    database.close()


class ArchivalMachine(RuleBasedStateMachine):
    """Any order of insertions, deletions, reopenings and searches."""

    @initialize()
    def make(self) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.expected: dict[str, tuple[str, set[str]]] = {}
        self.given: list[str] = []
        self.database, self.archival = archival_in(self.path)

    @rule(remarks=st.lists(REMARKS, min_size=1, max_size=4), tags=st.none() | TAGS)
    def insert(self, remarks: list[str], tags: list[str] | None) -> None:
        texts = [f"unicorn{len(self.given) + n}x {text}" for n, text in enumerate(remarks)]
        ids = self.archival.insert_many(texts, tags=tags)
        assert not set(ids) & set(self.given) and len(set(ids)) == len(texts)
        self.given += ids
        labels = {tag.replace("\udfff", "\ufffd") for tag in tags or ()}
        for key, text in zip(ids, texts, strict=True):
            self.expected[key] = (text.split()[0], labels)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.given))
        assert self.archival.delete(key) == (key in self.expected)
        self.expected.pop(key, None)

    @rule(lose_index=st.booleans())
    def reopen(self, lose_index: bool) -> None:
        directory = self.database.directory
        self.database.close()
        if lose_index:
            (directory / "index.sqlite3").unlink()
        self.database, self.archival = archival_in(self.path)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), limit=st.integers(1, 5))
    def find(self, data: st.DataObject, limit: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.expected)))
        word, _ = self.expected[key]
        first = self.archival.search(word, limit=limit)
        items = [
            item
            for page in range(first.pages)
            for item in self.archival.search(word, limit=limit, page=page).items
        ]
        assert key in [item.id for item in items]
        assert len({item.id for item in items}) == len(items) == first.total

    @rule(tags=TAGS, query=st.sampled_from(["", "unicorn0x", "anything"]))
    def filtered(self, tags: list[str], query: str) -> None:
        page = self.archival.search(query, limit=100, tags=tags)
        wanted = {tag.replace("\udfff", "\ufffd") for tag in tags}
        fitting = {key for key, (_, labels) in self.expected.items() if wanted <= labels}
        assert {item.id for item in page.items} == fitting
        assert page.total == len(fitting)

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "archival"):
            assert len(self.archival) == len(self.expected)
            latest = [item.id for item in self.archival.latest(3)]
            assert latest == sorted(self.expected)[-3:]

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            shutil.rmtree(self.path)


TestArchivalMachine = ArchivalMachine.TestCase
TestArchivalMachine.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_a_passage_comes_back_as_it_was_given(archival: ArchivalStorage) -> None:
    key = archival.insert("Tea at five.", tags=["habit", "habit", "tea"], timestamp=NOON)
    expected = Passage(key, "Tea at five.", ("habit", "tea"), NOON)
    assert archival.get([key, "p00000099", "m00000001"]) == [expected]
    assert archival.latest(5) == [expected]


def test_the_best_answer_comes_first_by_meaning(tmp_path: Path) -> None:
    database = open_database(tmp_path, "agent")
    archival = ArchivalStorage(database, resolve_embedder(), clock=clock)
    archival.insert_many(["The dog chased a ball.", "Interest rates went up.", "Snow fell."])
    assert archival.search("What did the puppy do?").items[0].text == "The dog chased a ball."
    database.close()


def test_an_empty_query_lists_the_latest_first(archival: ArchivalStorage) -> None:
    ids = [archival.insert(f"text {n}", timestamp=NOON + timedelta(days=n)) for n in range(5)]
    page = archival.search("", limit=2, page=1)
    assert [item.id for item in page.items] == [ids[2], ids[1]]
    assert page.total == 5


@pytest.mark.parametrize("texts", [[""], ["fine", " \n"]])
def test_empty_text_is_refused_and_nothing_stored(
    archival: ArchivalStorage, texts: list[str]
) -> None:
    with pytest.raises(ConfigurationError, match="without text"):
        archival.insert_many(texts)
    assert len(archival) == 0


def test_a_single_string_is_no_list_of_tags(archival: ArchivalStorage) -> None:
    with pytest.raises(ConfigurationError, match="list of tags"):
        archival.insert("text", tags="work")


def test_many_are_inserted_with_progress(archival: ArchivalStorage) -> None:
    told: list[tuple[int, int]] = []
    texts = [f"text {n}" for n in range(600)]
    ids = archival.insert_many(texts, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (600, 600) and len(told) > 1
    assert [passage.text for passage in archival.get(ids)] == texts


def test_attached_sources_are_searched_and_named(
    archival: ArchivalStorage, manual: ArchivalStorage
) -> None:
    mine = archival.insert("The pump is loud.")
    theirs = manual.insert("Turn the red valve to stop the pump.", tags=["pump"])
    archival.attach(manual)
    page = archival.search("pump valve")
    assert [(item.source, item.id) for item in page.items] == [("manual", theirs), (None, mine)]
    assert archival.search("").total == 2
    assert [item.source for item in archival.search("pump", tags=["pump"]).items] == ["manual"]
    assert len(archival) == 1
    with pytest.raises(ConfigurationError, match="manual"):
        archival.attach(manual)
    assert archival.detach("manual") and not archival.detach("manual")
    assert archival.search("").total == 1


def test_pages_over_attached_sources_hold_each_passage_once(
    archival: ArchivalStorage, manual: ArchivalStorage
) -> None:
    for n in range(7):
        archival.insert(f"own pump {n}", timestamp=NOON + timedelta(hours=2 * n))
        manual.insert(f"their pump {n}", timestamp=NOON + timedelta(hours=2 * n + 1))
    archival.attach(manual)
    for query in ("pump", ""):
        items = [
            (item.source, item.id)
            for page in range(5)
            for item in archival.search(query, limit=3, page=page).items
        ]
        assert len(items) == len(set(items)) == 14
    newest = [item.timestamp for item in archival.search("", limit=14).items]
    assert newest == sorted(newest, reverse=True)


def test_a_source_of_another_embedder_cannot_be_attached(
    archival: ArchivalStorage, tmp_path: Path
) -> None:
    database = open_source(tmp_path, "other")
    other = ArchivalStorage(database, resolve_embedder(), clock=clock, source="other")
    with pytest.raises(EmbedderMismatchError, match=r"hashing-v1.*load the source again|MiniLM"):
        archival.attach(other)
    database.close()
