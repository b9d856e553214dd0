"""The lexical index: any query is safe, entries follow their rows, filters are exact."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.journal.journal import IndexFile
from memgpt_autogen.storage.journal.records import LexicalTable, Where
from memgpt_autogen.storage.record import ARCHIVAL, RECALL, Kind, Record, micros
from memgpt_autogen.storage.search.parse import MAX_TERMS, understood

NOON = datetime(2023, 5, 8, 12, tzinfo=timezone.utc)
ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
SYNTAX = st.lists(
    st.sampled_from(['"', "*", "(", ")", "NEAR", "AND", "NOT", ":", "^", "-", "+", "a", "\x00"])
).map(" ".join)


@contextmanager
def table(path: Path | str = ":memory:", kind: Kind = RECALL) -> Iterator[LexicalTable]:
    index = IndexFile(Path(path))
    try:
        yield LexicalTable(index, kind)
    finally:
        index.close()


def record(number: int, text: str = "words", speaker: str = "Alice", hours: int = 0) -> Record:
    return Record(number, text, NOON + timedelta(hours=hours), speaker=speaker)


def found(where: LexicalTable, query: str, limit: int = 50) -> list[int]:
    return [number for number, _ in where.matches(understood(query).terms, Where(), limit)]


@given(st.one_of(ANY_TEXT, SYNTAX))
def test_no_query_is_a_syntax_error(query: str) -> None:
    with table() as rows:
        rows.add([record(1, "some words")])
        asked = understood(query, NOON)
        rows.matches(asked.terms, Where(), 9)
        rows.holding([f'"{one}"' for one in asked.exact], Where(), 9)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "P", "S", "M"])))
def test_whatever_is_written_in_letters_is_found_by_itself(text: str) -> None:
    with table() as rows:
        rows.add([record(1, text or "x"), record(2, "something else")])
        expected = bool(understood(text).terms)
        assert (1 in found(rows, text)) == expected


def test_stop_words_are_left_out_unless_alone() -> None:
    assert understood("What is the harbour?").terms == ('"harbour"',)
    assert understood("who are you").terms == ('"who"', '"are"', '"you"')
    assert understood("?!").terms == ()


def test_identifiers_also_count_as_a_whole() -> None:
    assert understood("see e-42").terms == ('"see"', '"e"', '"42"', '"e 42"')


def test_a_pasted_page_becomes_a_bounded_query() -> None:
    asked = understood(" ".join(f"word{number}" for number in range(10_000)))
    assert len(asked.terms) < 2 * MAX_TERMS


def test_words_are_found_by_stem_and_without_accents(tmp_path: Path) -> None:
    with table(tmp_path / "index") as rows:
        rows.add([record(1, "We were painting in the café.")])
        assert found(rows, "paint") == [1]
        assert found(rows, "CAFE") == [1]
        assert found(rows, "paints cafe") == [1]
        assert found(rows, "pain") == []


def test_neighbours_speaker_and_date_help_to_find_a_turn(tmp_path: Path) -> None:
    with table(tmp_path / "index") as rows:
        rows.add([record(1, "Which instrument?"), record(2, "Violin.", "Bob"), record(3, "Nice!")])
        assert found(rows, "instrument")[0] == 1
        assert set(found(rows, "instrument")) == {1, 2}
        assert set(found(rows, "violin")) == {1, 2, 3}
        assert found(rows, "Bob") == [2]
        assert set(found(rows, "8 May")) == {1, 2, 3}


def test_passages_have_no_neighbours_but_tags(tmp_path: Path) -> None:
    with table(tmp_path / "index", ARCHIVAL) as rows:
        rows.add([Record(1, "Violin.", NOON, tags=("music", "wood")), Record(2, "Oboe.", NOON)])
        assert found(rows, "violin") == [1]
        assert found(rows, "music") == [1]
        assert rows.numbers(Where(tags=("music", "wood"))) == [1]
        assert rows.numbers(Where(tags=("music", "brass"))) == []


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=6), st.integers(1, 8))
def test_entries_equal_those_of_a_new_index_after_any_changes(
    order: list[int], deleted: list[int], batch: int
) -> None:
    """Written in any order and batches, deleted in any order: the words are in the right rows."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"]
    with table() as rows:
        for start in range(0, 8, batch):
            rows.add([record(number, words[number]) for number in order[start : start + batch]])
        for number in deleted:
            rows.delete([number])
        left = [number for number in range(1, 9) if number not in deleted]
        assert len(rows) == len(left)
        for word in words:
            expected = {
                near
                for at, number in enumerate(left)
                if words[number] == word
                for near in left[max(at - 1, 0) : at + 2]
            }
            assert set(found(rows, word)) == expected


def test_adding_again_changes_nothing(tmp_path: Path) -> None:
    with table(tmp_path / "index") as rows:
        rows.add([record(1, "once")])
        rows.add([record(1, "once"), record(2, "twice")])
        assert len(rows) == 2 and rows.highest == 2
        assert found(rows, "once")[0] == 1


def test_dates_and_speakers_filter_exactly(tmp_path: Path) -> None:
    people = ["Alice", "alice", "Bob"]
    with table(tmp_path / "index") as rows:
        everything = [record(n, "same", people[n % 3], hours=n) for n in range(1, 31)]
        rows.add(everything)
        start, end = everything[9].timestamp, everything[19].timestamp
        where = Where(start=micros(start), end=micros(end), speaker="Bob")
        expected = [r.number for r in everything if start <= r.timestamp <= end]
        expected = [number for number in expected if people[number % 3] == "Bob"]
        assert rows.numbers(where) == expected
        assert rows.count(where) == len(expected)
        assert sorted(number for number, _ in rows.matches(['"same"'], where, 50)) == expected
        assert [r.number for r in rows.page(where, limit=99, newest_first=True)] == expected[::-1]
        assert rows.speakers() == {"Alice": 10, "Bob": 10, "alice": 10}


@pytest.mark.parametrize("damage", [b"not a database, but longer than a header" * 99, b""])
def test_a_damaged_file_is_replaced_by_an_empty_one(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "index"
    with table(path) as rows:
        rows.add([record(1)])
    path.write_bytes(damage)
    with table(path) as rows:
        assert len(rows) == 0
        rows.add([record(1)])
        assert found(rows, "words") == [1]


def test_a_file_of_another_version_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with table(path) as rows:
        rows.add([record(1)])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=999")
    connection.close()
    with table(path) as rows:
        assert len(rows) == 0


def test_damage_in_use_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "index"
    index = IndexFile(path)
    rows = LexicalTable(index, RECALL)
    index.connection.execute("DROP TABLE recall")
    with pytest.raises(StorageError, match="delete that file"):
        rows.numbers(Where())
    index.close()


def test_indexing_touches_no_more_when_there_is_more(tmp_path: Path) -> None:
    """Steps of SQLite's machine for one more message, at 100 and at 3,000 messages."""
    steps = itertools.count()
    with table(tmp_path / "index") as rows:
        connection = rows._index.connection
        costs = []
        for first, last in ((1, 100), (101, 3000)):
            rows.add([record(number, f"message {number}") for number in range(first, last)])
            connection.set_progress_handler(lambda: next(steps) < 0, 1)
            before = next(steps)
            rows.add([record(last, "one more")])
            costs.append(next(steps) - before)
            connection.set_progress_handler(None, 1)
        assert costs[1] < 2 * costs[0]
