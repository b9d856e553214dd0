"""Changes and vectors: what an index has yet to be told, whatever was stored and deleted."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.storage.embedders.embedder import embed_query
from memgpt_autogen.storage.journal.changes import Change
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.record import ARCHIVAL, RECALL
from tests.stores import HASHING, record


@pytest.fixture
def rows() -> RecordTable:
    return RecordTable(Journal(None, "mem"), RECALL)


def embed(rows: RecordTable, *numbers: int) -> None:
    there = rows.get(numbers)
    vectors = HASHING.embed([there[number].text for number in numbers])
    rows.vectors.put(numbers, vectors)


def test_a_put_and_a_delete_are_changes_in_their_order(rows: RecordTable) -> None:
    rows.add([record(2), record(1)])
    rows.delete([1, 99])
    assert rows.changes.first(9) == [
        Change(1, 1, deleted=False),
        Change(2, 2, deleted=False),
        Change(3, 1, deleted=True),
    ]
    assert rows.changes.first(1) == [Change(1, 1, deleted=False)]


def test_each_kind_has_its_own_and_the_sequence_is_common(rows: RecordTable) -> None:
    other = RecordTable(rows.journal, ARCHIVAL)
    rows.add([record(1)])
    other.add([record(1)])
    assert [one.sequence for one in other.changes.first(9)] == [2]
    other.changes.drop(2)
    assert (len(rows.changes), len(other.changes)) == (1, 0)
    assert (rows.changes.applied, other.changes.applied) == (0, 2)
    assert rows.changes.last == other.changes.last == 2


def test_a_transaction_that_fails_leaves_no_change(rows: RecordTable) -> None:
    with suppress(KeyError), rows.journal.transaction():
        rows.add([record(1)])
        raise KeyError
    assert (len(rows), len(rows.changes)) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from(["put", "delete", "tell", "anew"]), st.integers(1, 6))))
def test_an_index_that_is_told_all_changes_holds_what_the_journal_holds(
    deeds: list[tuple[str, int]],
) -> None:
    rows = RecordTable(Journal(None, "mem"), RECALL)
    index: set[int] = set()

    def tell(count: int) -> None:
        told = rows.changes.first(count)
        for change in told:
            (index.discard if change.deleted else index.add)(change.number)
        if told:
            rows.changes.drop(told[-1].sequence)

    for deed, number in deeds:
        before = rows.changes.last
        if deed == "put":
            rows.add([record(number)])
        elif deed == "delete":
            rows.delete([number])
        elif deed == "tell":
            tell(number)
        else:
            index.clear()
            rows.changes.begin_anew()
        assert rows.changes.last >= before >= rows.changes.applied
    tell(99)
    assert index == set(rows.get(range(9)))
    assert len(rows.changes) == 0


# --- vectors ----------------------------------------------------------------------------


def test_what_lacks_a_vector_is_found_from_its_change_on(rows: RecordTable) -> None:
    rows.add([record(n) for n in (1, 2, 3)])
    embed(rows, 2)
    assert rows.vectors.missing(0, 9) == [(1, 1), (3, 3)]
    assert rows.vectors.missing(0, 1) == [(1, 1)]
    assert rows.vectors.missing(1, 9) == [(3, 3)]
    rows.delete([3])
    assert rows.vectors.missing(0, 9) == [(1, 1)]


def test_cosines_are_those_of_the_embedder_in_half_precision(rows: RecordTable) -> None:
    texts = {n: f"text number {n}" for n in range(1, 1201)}
    rows.add([record(n, text) for n, text in texts.items()])
    embed(rows, *texts)
    vector = embed_query(HASHING, "number 7")
    found = rows.vectors.cosines(vector, [*texts, 9999])
    expected = HASHING.embed(list(texts.values())) @ vector[0]
    assert [found[n] for n in texts] == pytest.approx(expected.tolist(), abs=2e-3)
    assert len(found) == len(texts)
    assert rows.vectors.cosines(vector, [9999]) == {}


def test_a_deleted_record_takes_its_vector_along(rows: RecordTable) -> None:
    rows.add([record(1), record(2)])
    embed(rows, 1, 2)
    before = rows.vectors.version
    rows.delete([1])
    assert list(rows.vectors.get([1, 2])) == [2]
    assert rows.vectors.version > before
    rows.vectors.put([1], HASHING.embed(["late"]))  # embedded while it was deleted
    assert list(rows.vectors.get([1, 2])) == [2]


def test_the_latest_and_those_after_a_change(rows: RecordTable) -> None:
    rows.add([record(n, f"text {n}", hours=-n) for n in range(1, 6)])
    embed(rows, 1, 2, 3, 4)
    numbers, vectors = rows.vectors.latest(2)
    assert numbers == [4, 3]
    assert vectors == pytest.approx(HASHING.embed(["text 4", "text 3"]), abs=1e-3)
    assert rows.vectors.after(2, 9)[0] == [4, 3]
    assert rows.vectors.after(2, 1)[0] == [4]
    rows.vectors.clear()
    assert rows.vectors.latest(9)[0] == []
    assert isinstance(rows.vectors.latest(9)[1], np.ndarray)
