"""Messages written behind: found at once, written together, never dropped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.behind import ENOUGH, WriteBehind
from memgpt_autogen.storage.store import open_database
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.search.candidates import HybridStore
from memgpt_autogen.storage.record import RECALL, Record

NOW = datetime(2026, 5, 8, tzinfo=timezone.utc)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HybridStore]:
    database = open_database(tmp_path, "mem")
    yield database.store(RECALL, HashingEmbedder())
    database.close()


def records(store: HybridStore, count: int) -> list[Record]:
    numbers = [store.take_number() for _ in range(count)]
    return [Record(number, f"text {number}", NOW, speaker="Ann") for number in numbers]


def test_few_records_wait_until_somebody_looks(store: HybridStore) -> None:
    behind = WriteBehind(store)
    few = records(store, ENOUGH - 1)
    for record in few:
        behind.put([record])
    assert len(store) == 0
    assert behind.waiting == {record.number for record in few}
    behind.settle()
    assert len(store) == len(few)
    assert behind.waiting == set()


def test_enough_records_are_written_without_being_asked_for(store: HybridStore) -> None:
    behind = WriteBehind(store)
    behind.put(records(store, ENOUGH))
    for thread in threading.enumerate():
        if thread.name == "memgpt-recall":
            thread.join()
    assert len(store) == ENOUGH
    assert behind.waiting == set()


def test_many_threads_lose_and_repeat_nothing(store: HybridStore) -> None:
    behind = WriteBehind(store)

    def write() -> None:
        for _ in range(5):
            behind.put(records(store, 3))
            behind.settle()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    behind.settle()
    assert [record.number for record in store.everything()] == list(range(1, 61))


def test_what_cannot_be_written_waits_and_is_tried_again(
    store: HybridStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = WriteBehind(store)
    first, second = records(store, ENOUGH), records(store, 1)

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", full)
        behind.put(first)
        for thread in threading.enumerate():
            if thread.name == "memgpt-recall":
                thread.join()
        assert behind.waiting == {record.number for record in first}
        with pytest.raises(StorageError, match="full"):
            behind.put(second)
    behind.settle()
    assert len(store) == ENOUGH + 1
