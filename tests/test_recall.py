"""Recall storage, held against plain lists, reopened, and killed."""

# ruff: noqa: DTZ001, DTZ901 - times without a zone are among what is tested

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

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

from memgpt_autogen.errors import ConfigurationError, EmbedderMismatchError, StorageError
from memgpt_autogen.events import Message
from memgpt_autogen.memory.page import Page
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.embedders.embedder import Embedder, resolve_embedder
from memgpt_autogen.storage.search import candidates, lexical
from memgpt_autogen.storage.search.search import By
from memgpt_autogen.storage.store import Store
from tests.stores import HASHING, NOON, Letters, opened, run_until_killed

PEOPLE = st.sampled_from(["Alice", "Bob", "Bob ", "Zoë", "\ud800"])
MOMENTS = st.integers(0, 200).map(lambda hours: NOON + timedelta(hours=hours))
REMARKS = st.text(st.characters(codec=None), max_size=30)


def recall_in(place: Path | str, embedder: Embedder = HASHING) -> tuple[Store, RecallStorage]:
    store = opened(place, embedder)
    return store, RecallStorage(store.recall, clock=lambda: NOON)


@pytest.fixture
def recall(tmp_path: Path) -> Iterator[RecallStorage]:
    store, storage = recall_in(tmp_path)
    with closing(store):
        yield storage


def message(text: str, speaker: str = "Alice", moment: datetime = NOON, id: str = "") -> Message:
    return Message(id=id, text=text, speaker=speaker, timestamp=moment)


def all_pages(recall: RecallStorage, query: str, limit: int) -> list[Message]:
    pages: list[Page[Message]] = [recall.search(query, limit=limit)]
    while pages[-1].page + 1 < pages[-1].pages:
        pages.append(recall.search(query, limit=limit, page=len(pages)))
    assert {page.total for page in pages} == {pages[0].total}
    assert not recall.search(query, limit=limit, page=len(pages)).items
    return [item for page in pages for item in page.items]


class RecallMachine(RuleBasedStateMachine):
    """Any order of appends, writes, repetitions, deletions, transactions and reopenings."""

    @initialize()
    def make(self) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.expected: dict[str, Message] = {}
        self.given: set[str] = set()
        self.store, self.recall = recall_in(self.path)

    def text(self, remark: str) -> str:
        return f"unicorn{len(self.given)}x {remark}"

    def written(self, key: str) -> None:
        assert key not in self.given
        self.given.add(key)
        (self.expected[key],) = self.recall.get([key])

    @rule(remark=REMARKS, speaker=PEOPLE, moment=MOMENTS)
    def append(self, remark: str, speaker: str, moment: datetime) -> None:
        text = self.text(remark)
        key = self.recall.append(text, speaker, moment)
        self.written(key)
        stored = self.expected[key]
        assert stored.text.split()[0] == text.split()[0]
        assert (stored.timestamp, stored.origin) == (moment, "program")

    @rule(data=st.data(), count=st.integers(1, 3), speaker=PEOPLE, moment=MOMENTS)
    def write(self, data: st.DataObject, count: int, speaker: str, moment: datetime) -> None:
        """Some that are new, and some that are stored already, in any order."""
        stored = list(self.expected.values())
        again = data.draw(st.lists(st.sampled_from(stored), max_size=3)) if stored else []
        new = [message(f"{self.text('new')} {n}", speaker, moment) for n in range(count)]
        for key in self.recall.write(data.draw(st.permutations(new + again))):
            if key not in self.expected:
                self.written(key)

    @rule(speaker=PEOPLE, fails=st.booleans())
    def take_in(self, speaker: str, fails: bool) -> None:
        """Within the transaction of a step, which may fail."""
        keys = []
        with suppress(KeyError), self.store.journal.transaction():
            keys.append(self.recall.take_in(message(self.text("in a chat"), speaker)))
            keys.append(self.recall.take_in(message(self.text("and more"), speaker)))
            if fails:
                raise KeyError
        assert len(self.recall.get(keys)) == (0 if fails else 2)
        for key in keys if not fails else ():
            self.written(key)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.expected)), max_size=3))
        unknown = ["m99999999", "nonsense", "p00000001"]
        assert self.recall.delete(chosen + unknown) == len(set(chosen))
        for key in chosen:
            self.expected.pop(key, None)

    @rule(lose_index=st.booleans())
    def reopen(self, lose_index: bool) -> None:
        directory = self.store.directory
        self.store.close()
        if lose_index and directory is not None:
            shutil.rmtree(directory / "chroma", ignore_errors=True)
        self.store, self.recall = recall_in(self.path)

    @rule()
    def settle(self) -> None:
        self.store.indexer.settle()

    @rule(speaker=st.none() | PEOPLE, start=st.none() | MOMENTS, end=st.none() | MOMENTS)
    def filtered_search(
        self, speaker: str | None, start: datetime | None, end: datetime | None
    ) -> None:
        page = self.recall.search("unicorn", limit=100, speaker=speaker, start=start, end=end)
        wanted = (speaker or "").replace("\ud800", "\ufffd")
        fitting = {
            key
            for key, message in self.expected.items()
            if (speaker is None or message.speaker == wanted)
            and (start is None or message.timestamp >= start)
            and (end is None or message.timestamp <= end)
        }
        assert {item.id for item in page.items} == fitting  # fewer than the candidates kept
        assert page.total == len(fitting)

    @rule(start=MOMENTS, end=MOMENTS, limit=st.integers(1, 4))
    def between(self, start: datetime, end: datetime, limit: int) -> None:
        expected = sorted(
            (message for message in self.expected.values() if start <= message.timestamp <= end),
            key=lambda message: (message.timestamp, message.id),
        )
        first = self.recall.between(start, end, limit=limit)
        assert first.total == len(expected)
        got = [
            item
            for page in range(first.pages)
            for item in self.recall.between(start, end, limit=limit, page=page).items
        ]
        assert got == expected

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), limit=st.integers(1, 7))
    def find(self, data: st.DataObject, limit: int) -> None:
        """A message is found by its own rare word; pages hold each candidate once."""
        message = data.draw(st.sampled_from(sorted(self.expected.values(), key=lambda m: m.id)))
        rare = message.text.split()[0]
        listed = all_pages(self.recall, rare, limit)
        assert message.id in [item.id for item in listed]
        assert len({item.id for item in listed}) == len(listed)
        scores = [item.score or 0.0 for item in listed]
        assert scores == sorted(scores, reverse=True)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "recall"):
            return
        assert len(self.recall) == len(self.expected)
        latest = sorted(self.expected.values(), key=lambda message: message.id)[-5:]
        assert self.recall.latest(5) == latest
        speakers = [message.speaker for message in self.expected.values()]
        assert self.recall.speakers() == {name: speakers.count(name) for name in set(speakers)}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.path)


TestRecallMachine = RecallMachine.TestCase
TestRecallMachine.settings = settings(
    max_examples=12,
    stateful_step_count=15,
)


@pytest.mark.meaning
def test_the_best_answer_comes_first_by_meaning_and_by_words(tmp_path: Path) -> None:
    store, recall = recall_in(tmp_path, resolve_embedder())
    for text in [
        "I adopted a puppy from the shelter.",
        "The invoice number is INV-20391.",
        "We drove to the mountains for skiing.",
        "My sister plays the violin.",
    ]:
        recall.append(text, "Alice")
    store.indexer.settle()  # the model is read from disk first, longer than a search waits
    assert "puppy" in recall.search("Which pet does she have?").items[0].text
    assert "INV-20391" in recall.search("inv-20391").items[0].text
    assert "skiing" in recall.search("winter sports holiday").items[0].text
    store.close()


def test_an_empty_query_lists_the_latest_first(recall: RecallStorage) -> None:
    ids = [recall.append(f"message {n}", "AB"[n % 2], NOON + timedelta(hours=n)) for n in range(7)]
    page = recall.search("  ", limit=3, page=1)
    assert [item.id for item in page.items] == ids[3:0:-1]
    assert (page.total, page.pages) == (7, 3)
    assert recall.search("", speaker="A").total == 4


def test_days_are_inclusive_and_local(recall: RecallStorage) -> None:
    for hour in (0, 12, 23):
        recall.append(f"at {hour}", "Alice", datetime(2023, 5, 8, hour, 59, 59, 999_999))
    recall.append("next day", "Alice", datetime(2023, 5, 9))
    assert recall.between(date(2023, 5, 8), date(2023, 5, 8)).total == 3
    assert recall.between(date(2023, 5, 9), None).total == 1
    moment = datetime(2023, 5, 8, 12, 59, 59, 999_999)
    assert recall.between(moment, moment).total == 1
    assert recall.between(moment + timedelta(microseconds=1), date(2023, 5, 8)).total == 1


def test_times_come_back_as_they_were_given(recall: RecallStorage) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    for moment in (datetime(1, 1, 1), datetime.max, datetime(2023, 5, 8, 12, tzinfo=zone)):
        (message,) = recall.get([recall.append("text", "Alice", moment)])
        assert message.timestamp.utcoffset() is not None
        assert message.timestamp.replace(tzinfo=None) == moment.replace(tzinfo=None)
    (message,) = recall.get([recall.append("now", "Alice")])
    assert message.timestamp == NOON


@pytest.mark.parametrize("text", ["", " \n"])
def test_empty_text_is_refused(recall: RecallStorage, text: str) -> None:
    with pytest.raises(ConfigurationError, match="without text"):
        recall.append(text, "Alice")
    assert len(recall) == 0


@pytest.mark.parametrize(("limit", "page"), [(0, 0), (5, -1)])
def test_impossible_pages_are_refused(recall: RecallStorage, limit: int, page: int) -> None:
    with pytest.raises(ConfigurationError, match=r"limit=0|page=-1"):
        recall.search("x", limit, page)
    with pytest.raises(ConfigurationError, match=r"limit=0|page=-1"):
        recall.between(None, None, limit, page)


def test_long_texts_are_found_by_their_ends(recall: RecallStorage) -> None:
    recall.append("short", "Alice")
    key = recall.append("filler words " * 20_000 + "zanzibar", "Alice")
    assert recall.search("zanzibar").items[0].id == key


def test_ids_are_not_given_again_after_deletion(tmp_path: Path) -> None:
    store, recall = recall_in(tmp_path)
    ids = [recall.append(f"text {n}", "Alice") for n in range(3)]
    assert recall.delete(ids[1:]) == 2
    store.close()
    store, recall = recall_in(tmp_path)
    assert recall.append("new", "Alice") not in ids
    store.close()


def test_an_id_never_gets_another_text(recall: RecallStorage) -> None:
    first = message("first", id="m00000007")
    assert recall.write([first, first, message("next")]) == ["m00000007", "m00000007", "m00000008"]
    with pytest.raises(StorageError, match="m00000007"):
        recall.write([message("second", id="m00000007")])
    assert [one.text for one in recall.get(["m00000008", "m00000007"])] == ["next", "first"]
    with pytest.raises(ConfigurationError, match="'17' is no id"):
        recall.write([message("x", id="17")])


def test_of_texts_of_which_one_is_empty_none_is_stored(recall: RecallStorage) -> None:
    with pytest.raises(ConfigurationError, match="without text"):
        recall.write([message("fine"), message(" ")])
    assert len(recall) == 0


def test_many_are_written_in_batches_with_progress(recall: RecallStorage) -> None:
    told: list[tuple[int, int]] = []
    recall.write(
        [message(f"text {n}") for n in range(600)],
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (600, 600) and len(told) > 1
    assert len(recall) == 600


def test_a_filter_finds_what_fits_among_very_many(
    recall: RecallStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways: the few that fit compared one by one, or the nearest of all read."""
    recall.write([message(f"apple number {n}") for n in range(400)])
    recall.write([message(f"pear {n}", "Bob") for n in range(60)])
    for few in (5000, 10):
        monkeypatch.setattr(candidates, "FEW", few)
        monkeypatch.setattr(candidates, "_SOME", few)
        monkeypatch.setattr(lexical, "FEW", few)
        page = recall.search("apple", limit=100, speaker="Bob")
        by_meaning = candidates.CANDIDATES
        assert by_meaning <= page.total <= by_meaning + 2  # two turns after an apple, by words
        assert {item.speaker for item in page.items} == {"Bob"}


@pytest.mark.parametrize("by", ["both", "words", "meaning"])
def test_only_what_was_stored_before_a_message_is_found(recall: RecallStorage, by: By) -> None:
    ids = [recall.append(f"The llama number {number} is grey.", "Ann") for number in range(8)]
    page = recall.search("Which llama is grey?", by=by, before=ids[3])
    assert {one.id for one in page.items} == set(ids[:3])
    assert not recall.search("Which llama is grey?", by=by, before=ids[0]).items
    with pytest.raises(ConfigurationError, match="is no id"):
        recall.search("llama", before="seven")


def test_a_speakers_messages_can_be_listed_and_deleted(recall: RecallStorage) -> None:
    for n in range(6):
        recall.append(f"text {n}", "AB"[n % 2])
    ids = [one.id for one in recall.everything("B")]
    assert ids == ["m00000002", "m00000004", "m00000006"]
    assert recall.delete(ids) == 3
    assert recall.speakers() == {"A": 3}
    assert list(recall.everything("B")) == []


def test_what_was_taken_out_is_not_on_a_further_page(recall: RecallStorage) -> None:
    ids = [recall.append(f"apple {n}", "Alice") for n in range(6)]
    recall.search("apple", limit=2)
    recall.take_out([*ids[:4], "nonsense"])
    assert len(recall) == 2
    assert recall.search("apple", limit=2, page=1).total == 2


def test_threads_write_and_search_together(recall: RecallStorage) -> None:
    failures: list[Exception] = []

    def work(name: str) -> None:
        try:
            for n in range(12):
                key = recall.append(f"{name}word{n}", name)
                assert key in [item.id for item in recall.search(f"{name}word{n}").items]
        except Exception as problem:  # noqa: BLE001 - shown below
            failures.append(problem)

    threads = [threading.Thread(target=work, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert recall.speakers() == dict.fromkeys("abcd", 12)


def test_an_embedder_that_changed_its_size_is_named_with_and_without_a_filter(
    tmp_path: Path,
) -> None:
    store, recall = recall_in(tmp_path)
    recall.append("text", "Alice")
    store.close()
    store, recall = recall_in(tmp_path, Letters(HASHING.model_id))
    with closing(store):
        for speaker in (None, "Alice"):
            with pytest.raises(EmbedderMismatchError, match="26"):
                recall.search("text", speaker=speaker)
        assert recall.search("text", by="words").total == 1


WRITER = """
import sys
from datetime import datetime, timezone
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store

clock = lambda: datetime(2023, 5, 8, tzinfo=timezone.utc)
store = open_store(sys.argv[1], "agents", "agent", HashingEmbedder())
recall = RecallStorage(store.recall, clock=clock)
while True:
    number = len(recall)
    print(recall.append(f"unicorn{number}x", "Alice"), flush=True)
"""


@pytest.mark.slow
def test_killed_while_writing_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for wanted in (1, 300, 23):
        acknowledged += run_until_killed(WRITER, tmp_path, wanted)
        store, recall = recall_in(tmp_path)
        with closing(store):
            there = {one.id: one.text for one in recall.get(acknowledged)}
            assert sorted(there) == sorted(acknowledged)
            assert len(recall) <= len(acknowledged) + 3  # one in flight may be there at each kill
            store.indexer.settle()
            assert store._vectors is not None
            assert len(store._vectors.index(store.recall.kind)) == len(recall)
            for key in acknowledged[-10:]:
                assert recall.search(there[key]).items[0].text == there[key]
