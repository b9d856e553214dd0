"""What a search reads while its query is embedded, and what is written meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.journal.where import EVERYTHING
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.search.parse import parsed
from memgpt_autogen.storage.search.reader import Reader
from memgpt_autogen.storage.search.search import search
from memgpt_autogen.storage.store import Store
from tests.stores import opened, record

DELETE = """
import sys
from pathlib import Path
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.record import RECALL
RecordTable(Journal(Path(sys.argv[1]), "agent"), RECALL).delete([2])
"""


class Meanwhile(HashingEmbedder):
    """It does something while it embeds a query, once the words' records were read."""

    def __init__(self, do: Callable[[], object]) -> None:
        self.read = threading.Event()
        self._do = do

    def embed_query(self, texts: Sequence[str]) -> Vectors:
        assert self.read.wait(5), "nothing is read while the query is embedded"
        self._do()
        return super().embed(texts)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(opened(tmp_path)) as store:
        store.recall.write([record(n, f"orchid number {n}?") for n in (1, 2, 3)])
        store.indexer.settle()
        yield store


def found(store: Store, do: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of what is found where something is done while the query is embedded."""
    embedder, read = Meanwhile(do), Reader.read

    def noted(reader: Reader, numbers: Iterable[int]) -> list[Record]:
        records = read(reader, numbers)
        embedder.read.set()
        return records

    monkeypatch.setattr(Reader, "read", noted)
    store.recall.embedder = embedder
    answers = search([store.recall], parsed("orchid"), EVERYTHING)
    return sorted(one.found.record.number for one in answers)


def test_what_words_find_is_read_while_the_query_is_embedded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    assert found(store, lambda: read.append(1), monkeypatch) == [1, 2, 3]
    assert read == [1]


def test_what_another_process_deletes_meanwhile_is_not_found(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", DELETE, str(store.directory)]
    assert found(store, lambda: subprocess.run(command, check=True), monkeypatch) == [1, 3]


def test_what_is_deleted_meanwhile_here_is_not_found_and_no_neighbour(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(store, lambda: store.recall.delete([1]), monkeypatch) == [2, 3]


def test_nothing_is_read_twice_unless_something_was_written(store: Store) -> None:
    reader = Reader(store.recall)
    (first,) = reader.read([1])
    assert reader.read([1, 2])[0] is first
    store.journal.put("anything", 1)
    assert reader.read([1])[0] is not first
