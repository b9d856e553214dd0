"""Recall storage, held against plain lists, reopened, and killed."""

# ruff: noqa: DTZ001, DTZ901 - times without a zone are among what is tested

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
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

import memgpt_autogen
from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.memory.page import Page
from memgpt_autogen.memory.recall import Message, RecallStorage
from memgpt_autogen.storage import hybrid
from memgpt_autogen.storage.embedders.embedder import Embedder, HashingEmbedder, resolve_embedder
from memgpt_autogen.storage.journal.records import Where
from memgpt_autogen.storage.store import Database, open_database
from memgpt_autogen.storage.vectors.chroma import VectorCollection

NOON = datetime(2023, 5, 8, 12, tzinfo=timezone.utc)
HASHING = HashingEmbedder()
PEOPLE = st.sampled_from(["Alice", "Bob", "Bob ", "Zoë", "\ud800"])
MOMENTS = st.integers(0, 200).map(lambda hours: NOON + timedelta(hours=hours))
REMARKS = st.text(st.characters(codec=None), max_size=30)


def clock() -> datetime:
    return NOON


def recall_in(path: Path, embedder: Embedder = HASHING) -> tuple[Database, RecallStorage]:
    database = open_database(path, "agent")
    return database, RecallStorage(database, embedder, clock=clock)


@pytest.fixture
def recall(tmp_path: Path) -> Iterator[RecallStorage]:
    database, storage = recall_in(tmp_path)
    yield storage
    database.close()


def all_pages(recall: RecallStorage, query: str, limit: int) -> list[Message]:
    pages: list[Page[Message]] = [recall.search(query, limit=limit)]
    while pages[-1].page + 1 < pages[-1].pages:
        pages.append(recall.search(query, limit=limit, page=len(pages)))
    assert {page.total for page in pages} == {pages[0].total}
    assert not recall.search(query, limit=limit, page=len(pages)).items
    return [item for page in pages for item in page.items]


class RecallMachine(RuleBasedStateMachine):
    """Any order of appends, drafts, replays, deletions and reopenings."""

    @initialize()
    def make(self) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.expected: dict[str, Message] = {}
        self.drafts: list[Message] = []
        self.given: set[str] = set()
        self.database, self.recall = recall_in(self.path)

    def text(self, remark: str) -> str:
        return f"unicorn{len(self.given)}x {remark}"

    def written(self, message: Message) -> None:
        self.expected[message.id] = message

    @rule(remark=REMARKS, speaker=PEOPLE, moment=MOMENTS)
    def append(self, remark: str, speaker: str, moment: datetime) -> None:
        key = self.recall.append(self.text(remark), speaker, moment)
        assert key not in self.given
        self.given.add(key)
        (message,) = self.recall.get([key])
        assert message.text.startswith(f"unicorn{len(self.given) - 1}x")
        assert message.timestamp == moment
        self.written(message)

    @rule(remark=REMARKS, speaker=PEOPLE, moment=MOMENTS)
    def draft(self, remark: str, speaker: str, moment: datetime) -> None:
        message = self.recall.draft(self.text(remark), speaker, moment)
        assert message.id not in self.given
        self.given.add(message.id)
        self.drafts.append(message)

    @rule(data=st.data())
    def write_drafts(self, data: st.DataObject) -> None:
        """Some drafts, and some messages that are stored already, in any order."""
        stored = list(self.expected.values())
        again = data.draw(st.lists(st.sampled_from(stored), max_size=3)) if stored else []
        count = data.draw(st.integers(0, len(self.drafts)))
        chosen, self.drafts = self.drafts[:count], self.drafts[count:]
        self.recall.write(data.draw(st.permutations(chosen + again)))
        for message in chosen:
            self.written(message)

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
        directory = self.database.directory
        self.database.close()
        if lose_index:
            (directory / "index.sqlite3").unlink()
        self.database, self.recall = recall_in(self.path)
        # A caller that journals drafts writes them again; so they keep their ids.
        self.recall.write(self.drafts)
        for message in self.drafts:
            self.written(message)
        self.drafts.clear()

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
        if hasattr(self, "database"):
            self.database.close()
            shutil.rmtree(self.path)


TestRecallMachine = RecallMachine.TestCase
TestRecallMachine.settings = settings(
    max_examples=12,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_the_best_answer_comes_first_by_meaning_and_by_words(tmp_path: Path) -> None:
    database, recall = recall_in(tmp_path, resolve_embedder())
    for text in [
        "I adopted a puppy from the shelter.",
        "The invoice number is INV-20391.",
        "We drove to the mountains for skiing.",
        "My sister plays the violin.",
    ]:
        recall.append(text, "Alice")
    assert "puppy" in recall.search("Which pet does she have?").items[0].text
    assert "INV-20391" in recall.search("inv-20391").items[0].text
    assert "skiing" in recall.search("winter sports holiday").items[0].text
    database.close()


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
    with pytest.raises(ConfigurationError, match="limit="):
        recall.search("x", limit, page)
    with pytest.raises(ConfigurationError, match="limit="):
        recall.between(None, None, limit, page)


def test_long_texts_are_found_by_their_ends(recall: RecallStorage) -> None:
    recall.append("short", "Alice")
    key = recall.append("filler words " * 20_000 + "zanzibar", "Alice")
    assert recall.search("zanzibar").items[0].id == key


def test_an_id_never_gets_another_text(recall: RecallStorage) -> None:
    draft = recall.draft("first", "Alice")
    recall.write([draft, draft])
    with pytest.raises(StorageError, match=draft.id):
        recall.write([replace(draft, text="second")])
    assert recall.get([draft.id]) == [draft]
    with pytest.raises(ConfigurationError, match="draft"):
        recall.write([replace(draft, id="17")])


def test_a_replayed_draft_moves_the_ids_on(tmp_path: Path) -> None:
    database, recall = recall_in(tmp_path)
    drafts = [recall.draft(f"draft {n}", "Alice") for n in range(3)]
    database.close()
    database, recall = recall_in(tmp_path)
    recall.write(drafts)
    assert recall.draft("next", "Alice").id == "m00000004"
    assert [message.text for message in recall.latest(9)] == ["draft 0", "draft 1", "draft 2"]
    database.close()


def test_ids_are_not_given_again_after_deletion(tmp_path: Path) -> None:
    database, recall = recall_in(tmp_path)
    ids = [recall.append(f"text {n}", "Alice") for n in range(3)]
    assert recall.delete(ids[1:]) == 2
    database.close()
    database, recall = recall_in(tmp_path)
    assert recall.append("new", "Alice") not in ids
    database.close()


def test_many_are_written_in_batches_with_progress(recall: RecallStorage) -> None:
    told: list[tuple[int, int]] = []
    drafts = [recall.draft(f"text {n}", "Alice") for n in range(600)]
    recall.write(drafts, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (600, 600) and len(told) > 1
    assert len(recall) == 600


def test_a_filter_finds_what_fits_among_very_many(
    recall: RecallStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways: the few that fit compared one by one, or the nearest of all read."""
    recall.write([recall.draft(f"apple number {n}", "Alice") for n in range(400)])
    recall.write([recall.draft(f"pear {n}", "Bob") for n in range(60)])
    for few in (5000, 10):
        monkeypatch.setattr(hybrid, "_FEW", few)
        page = recall.search("apple", limit=100, speaker="Bob")
        by_meaning = hybrid.CANDIDATES
        assert by_meaning <= page.total <= by_meaning + 1  # the turn after an apple, by words
        assert {item.speaker for item in page.items} == {"Bob"}


def test_speakers_messages_can_be_listed_and_forgotten(recall: RecallStorage) -> None:
    for n in range(6):
        recall.append(f"text {n}", "AB"[n % 2])
    assert recall.by_speaker("B") == ["m00000002", "m00000004", "m00000006"]
    assert recall.delete(recall.by_speaker("B")) == 3
    assert recall.speakers() == {"A": 3}
    assert recall.by_speaker("B") == []


def test_threads_write_and_search_together(recall: RecallStorage) -> None:
    failures: list[Exception] = []

    def work(name: str) -> None:
        try:
            for n in range(15):
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
    assert recall.speakers() == dict.fromkeys("abcd", 15)


def test_what_the_index_lacks_or_has_too_much_is_mended_at_opening(tmp_path: Path) -> None:
    database, recall = recall_in(tmp_path)
    ids = [recall.append(f"word{n}", "Alice") for n in range(8)]
    table = recall._store.table
    table.delete([3, 8])  # as if killed before they were indexed
    recall._store._collection.note(deletions=1)
    recall._store._collection.delete([5])  # as if killed before the index was told
    recall._store._torn = True
    database.close()
    database, recall = recall_in(tmp_path)
    assert [message.id for message in recall.latest(9)] == ids[:4] + ids[5:]
    assert recall.search("word7").items[0].id == ids[7]
    database.close()


def test_opening_after_a_good_close_asks_chroma_for_no_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[VectorCollection] = []
    count = VectorCollection.__len__

    def counted(collection: VectorCollection) -> int:
        asked.append(collection)
        return count(collection)

    monkeypatch.setattr(VectorCollection, "__len__", counted)
    database, recall = recall_in(tmp_path)
    ids = [recall.append(f"text {n}", "Alice") for n in range(3)]
    recall.delete(ids[1:2])
    database.close()
    asked.clear()
    database, recall = recall_in(tmp_path)
    assert len(recall) == 2 and not asked
    recall.append("text 3", "Alice")
    shutil.copytree(database.directory, tmp_path / "killed", ignore=shutil.ignore_patterns("*lock"))
    database.close()
    killed = sqlite3.connect(tmp_path / "killed" / "index.sqlite3")
    assert killed.execute("SELECT * FROM seals").fetchall() == []  # so all is looked at
    killed.close()


WRITER = """
import sys
from datetime import datetime, timezone
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.store import open_database
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder

clock = lambda: datetime(2023, 5, 8, tzinfo=timezone.utc)
recall = RecallStorage(open_database(sys.argv[1], "agent"), HashingEmbedder(), clock=clock)
while True:
    number = len(recall)
    print(recall.append(f"unicorn{number}x", "Alice"), flush=True)
"""


@pytest.mark.slow
def test_killed_while_writing_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    root = Path(memgpt_autogen.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    acknowledged: list[str] = []
    for wanted in (1, 9, 23, 4):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as writer:
            assert writer.stdout is not None
            acknowledged += [writer.stdout.readline().strip() for _ in range(wanted)]
            writer.send_signal(signal.SIGKILL)
            acknowledged += writer.stdout.read().split("\n")[:-1]
        database, recall = recall_in(tmp_path)
        there = {message.id: message.text for message in recall.get(acknowledged)}
        assert sorted(there) == sorted(acknowledged)
        assert len(recall) <= len(acknowledged) + 4  # one in flight may be there at each kill
        in_chroma = recall._store._collection.numbers()
        assert in_chroma == set(recall._store.table.numbers(Where()))
        for key in acknowledged[-10:]:
            assert recall.search(there[key]).items[0].text == there[key]
        database.close()
