"""Archival storage, held against plain lists; tags, attached sources, paging."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.memory.archival import ArchivalStorage, Passage
from memgpt_autogen.storage.embedders.embedder import Embedder, resolve_embedder
from memgpt_autogen.storage.store import Store, open_store
from tests.stores import HASHING, NOON, opened

TAGS = st.lists(st.sampled_from(["red", "blue", "späť", 'a"b', "\udfff"]), max_size=3)
REMARKS = st.text(st.characters(codec=None), max_size=30)


def clock() -> datetime:
    return NOON


def archival_in(path: Path, embedder: Embedder = HASHING) -> tuple[Store, ArchivalStorage]:
    store = opened(path, embedder)
    return store, ArchivalStorage(store.archival, clock=clock)


def insert_many(
    archival: ArchivalStorage, texts: list[str], tags: list[str] | None = None, **kwargs: Any
) -> list[str]:
    return archival.write([archival.passage(text, tags) for text in texts], **kwargs)


@pytest.fixture
def archival(tmp_path: Path) -> Iterator[ArchivalStorage]:
    store, storage = archival_in(tmp_path)
    with closing(store):
        yield storage


@pytest.fixture
def manual(tmp_path: Path) -> Iterator[ArchivalStorage]:
    with closing(open_store(str(tmp_path), "sources", "manual", HASHING)) as store:
        yield ArchivalStorage(store.archival, clock=clock, source="manual")


class ArchivalMachine(RuleBasedStateMachine):
    """Any order of insertions, deletions, reopenings and searches."""

    @initialize()
    def make(self) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.expected: dict[str, tuple[str, set[str]]] = {}
        self.given: list[str] = []
        self.store, self.archival = archival_in(self.path)

    @rule(remarks=st.lists(REMARKS, min_size=1, max_size=4), tags=st.none() | TAGS)
    def insert(self, remarks: list[str], tags: list[str] | None) -> None:
        texts = [f"unicorn{len(self.given) + n}x {text}" for n, text in enumerate(remarks)]
        ids = insert_many(self.archival, texts, tags=tags)
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
        directory = self.store.directory
        self.store.close()
        if lose_index and directory is not None:
            shutil.rmtree(directory / "chroma", ignore_errors=True)
        self.store, self.archival = archival_in(self.path)

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
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.path)


TestArchivalMachine = ArchivalMachine.TestCase
TestArchivalMachine.settings = settings(
    max_examples=12,
    stateful_step_count=12,
)


def test_a_passage_comes_back_as_it_was_given(archival: ArchivalStorage) -> None:
    key = archival.insert("Tea at five.", tags=["habit", "habit", "tea"], timestamp=NOON)
    expected = Passage(key, "Tea at five.", ("habit", "tea"), NOON)
    assert archival.get([key, "p00000099", "m00000001"]) == [expected]
    assert archival.latest(5) == [expected]


def test_the_best_answer_comes_first_by_meaning(tmp_path: Path) -> None:
    store, archival = archival_in(tmp_path, resolve_embedder())
    insert_many(archival, ["The dog chased a ball.", "Interest rates went up.", "Snow fell."])
    store.indexer.settle()  # the model is read from disk first, longer than a search waits
    assert archival.search("What did the puppy do?").items[0].text == "The dog chased a ball."
    store.close()


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
        insert_many(archival, texts)
    assert len(archival) == 0


def test_a_single_string_is_no_list_of_tags(archival: ArchivalStorage) -> None:
    with pytest.raises(ConfigurationError, match=r"tags='work'.*a list of texts"):
        archival.insert("text", tags="work")


def test_many_are_inserted_with_progress(archival: ArchivalStorage) -> None:
    told: list[tuple[int, int]] = []
    texts = [f"text {n}" for n in range(600)]
    ids = insert_many(archival, texts, progress=lambda done, total: told.append((done, total)))
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


def test_what_is_written_to_a_shared_archive_is_there_for_all(
    archival: ArchivalStorage, manual: ArchivalStorage
) -> None:
    archival.attach(manual, writable=True)
    assert archival.archives == ("manual",)
    archival.insert("The port is 8123.", archive="manual")
    assert (len(archival), len(manual)) == (0, 1)
    assert archival.search("port").items[0].source == "manual"
    archival.detach("manual")
    with pytest.raises(ConfigurationError, match="no shared archive 'manual'"):
        archival.insert("x", archive="manual")


def test_an_id_never_gets_another_text(archival: ArchivalStorage) -> None:
    first = replace(archival.passage("first"), id="p00000007")
    assert archival.write([first, archival.passage("next")]) == ["p00000007", "p00000008"]
    with pytest.raises(StorageError, match="p00000007"):
        archival.write([replace(first, text="second")])
    with pytest.raises(ConfigurationError, match="no id of archival"):
        archival.write([replace(first, id="m00000001")])
    archival.take_out(["p00000007"])
    assert [one.text for one in archival.everything()] == ["next"]
