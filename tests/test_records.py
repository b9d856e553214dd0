"""The records' table: any query is safe, entries follow their rows, filters are exact."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.journal import matching
from memgpt_autogen.storage.journal.connection import link_to
from memgpt_autogen.storage.journal.file import FILE
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import ARCHIVAL, RECALL, Kind, Record, micros
from memgpt_autogen.storage.search.parse import MAX_TERMS, parsed
from tests.stores import NOON, record

ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
SYNTAX = st.lists(
    st.sampled_from(['"', "*", "(", ")", "NEAR", "AND", "NOT", ":", "^", "-", "+", "a", "\x00"])
).map(" ".join)


@contextmanager
def table(place: Path | None = None, kind: Kind = RECALL) -> Iterator[RecordTable]:
    with closing(Journal(place, "mem")) as journal:
        yield RecordTable(journal, kind)


def found(where: RecordTable, query: str, limit: int = 50) -> list[int]:
    return [number for number, _ in where.matching.best(parsed(query).terms, Where(), limit)]


# --- words ------------------------------------------------------------------------------


@given(st.one_of(ANY_TEXT, SYNTAX))
def test_no_query_is_a_syntax_error(query: str) -> None:
    with table() as rows:
        rows.add([record(1, "some words")])
        asked = parsed(query, NOON)
        rows.matching.best(asked.terms, Where(), 9)
        rows.matching.postings(asked.terms, Where(), 9)
        rows.matching.holding([f'"{one}"' for one in asked.exact], Where(), 9)


def test_a_posting_tells_which_texts_hold_a_word_and_how_much_it_tells() -> None:
    with table() as rows:
        rows.add([record(n, "tea" if n % 2 else "tea and toast", "Toast") for n in range(1, 9)])
        tea, toast, none = rows.matching.postings(['"tea"', '"toast"', '"jam"'], Where(), 9)
        assert tea.numbers.tolist() == list(range(1, 9)) and none.numbers.tolist() == []
        assert toast.numbers.tolist() == [2, 4, 6, 8]  # by its text; not by its speaker
        assert 0 < tea.weight < toast.weight < none.weight == 1
        assert rows.matching.postings([], Where(), 9) == []


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "P", "S", "M"])))
def test_whatever_is_written_in_letters_is_found_by_itself(text: str) -> None:
    with table() as rows:
        rows.add([record(1, text or "x"), record(2, "something else")])
        expected = bool(parsed(text).terms)
        assert (1 in found(rows, text)) == expected


def test_stop_words_are_left_out_unless_alone() -> None:
    assert parsed("What is the harbour?").terms == ('"harbour"',)
    assert parsed("who are you").terms == ('"who"', '"are"', '"you"')
    assert parsed("?!").terms == ()


def test_identifiers_also_count_as_a_whole() -> None:
    assert parsed("see e-42").terms == ('"see"', '"e"', '"42"', '"e 42"')


def test_a_pasted_page_becomes_a_bounded_query() -> None:
    asked = parsed(" ".join(f"word{number}" for number in range(10_000)))
    assert len(asked.terms) < 2 * MAX_TERMS


def test_words_are_found_by_stem_and_without_accents() -> None:
    with table() as rows:
        rows.add([record(1, "We were painting in the café.")])
        assert found(rows, "paint") == [1]
        assert found(rows, "CAFE") == [1]
        assert found(rows, "paints cafe") == [1]
        assert found(rows, "pain") == []


def test_phrases_are_held_in_the_records_own_text_alone() -> None:
    with table() as rows:
        rows.add([record(1, "see E-42 there"), record(2, "42 e"), record(3, "E 42", hours=1)])
        assert rows.matching.holding(['"e 42"'], Where(), 9) == [3, 1]
        assert rows.matching.holding(['"e 42"'], Where(end=micros(NOON)), 9) == [1]
        assert rows.matching.holding([], Where(), 9) == []


def test_neighbours_speaker_and_date_help_to_find_a_turn() -> None:
    with table() as rows:
        rows.add([record(1, "Which instrument?"), record(2, "Violin.", "Bob"), record(3, "Nice!")])
        assert found(rows, "instrument")[0] == 1
        assert set(found(rows, "instrument")) == {1, 2}
        assert set(found(rows, "violin")) == {1, 2, 3}
        assert found(rows, "Bob") == [2]
        assert set(found(rows, "8 May")) == {1, 2, 3}
        assert rows.named({"bob", "violin"}) == {"Bob"}


def test_passages_have_no_neighbours_but_tags() -> None:
    with table(kind=ARCHIVAL) as rows:
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


def test_rare_words_decide_among_more_records_than_are_scored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matching, "SCORED", 20)
    with table() as rows:
        rows.add([record(n, f"the garden {'gate' if n % 4 else 'wall'}") for n in range(1, 100)])
        rows.add([record(100, "an orchid in the garden"), record(101, "nothing", "Bob")])
        assert found(rows, "garden orchid")[0] == 100
        assert found(rows, "wall garden", limit=3) == [96, 92, 88]
        assert rows.matching.best(['"garden"'], Where(speaker="Bob"), 9) == []


def test_indexing_touches_no_more_when_there_is_more(tmp_path: Path) -> None:
    """Steps of SQLite's machine for one more message, at 100 and at 3,000 messages."""
    steps = itertools.count()
    with table(tmp_path) as rows:
        costs = []
        for first, last in ((1, 100), (101, 3000)):
            rows.add([record(number, f"message {number}") for number in range(first, last)])
            connection = link_to(tmp_path / FILE).writer
            assert connection is not None
            connection.set_progress_handler(lambda: next(steps) < 0, 1)
            before = next(steps)
            rows.add([record(last, "one more")])
            costs.append(next(steps) - before)
            connection.set_progress_handler(None, 1)
        assert costs[1] < 2 * costs[0] > 200


# --- rows -------------------------------------------------------------------------------


@given(
    st.lists(
        st.builds(
            Record,
            number=st.integers(1, 2**62),
            text=st.text(st.characters(codec="utf-8"), max_size=20),
            timestamp=st.datetimes(timezones=st.just(timezone(timedelta(hours=-3)))),
            speaker=st.sampled_from(["Ann", "ann", "Zoë", ""]),
            tags=st.lists(st.sampled_from(["a", 'b"', ""]), max_size=2, unique=True).map(tuple),
            origin=st.sampled_from(["", "chat"]),
        ),
        unique_by=lambda one: one.number,
        max_size=8,
    ),
    st.data(),
)
@settings(max_examples=60)
def test_the_table_is_held_against_a_list(records: list[Record], data: st.DataObject) -> None:
    with table() as rows:
        rows.add(records)
        gone = data.draw(st.sets(st.sampled_from([*range(5), *(r.number for r in records)])))
        there = sorted(records, key=lambda one: one.number)
        assert rows.delete(gone) == len([one for one in there if one.number in gone])
        there = [one for one in there if one.number not in gone]
        assert list(rows.everything()) == rows.newest(99) == there
        assert rows.speakers() == {
            name: len([one for one in there if one.speaker == name])
            for name in sorted({one.speaker for one in there})
        }
        by_time = sorted(there, key=lambda one: (one.timestamp, one.number))
        assert rows.page(Where(), limit=99, newest_first=False) == by_time
        assert rows.page(Where(), limit=2, offset=1, newest_first=True) == by_time[::-1][1:3]
        for one in there[:2]:
            at = there.index(one)
            assert rows.around(one.number, 1) == there[max(at - 1, 0) : at] + there[at + 1 : at + 2]
        next_one = max([0, *(one.number for one in records)]) + 1
        assert rows.insert([record(0), record(0)]) == [next_one, next_one + 1]


def test_adding_again_changes_nothing_and_another_text_is_refused() -> None:
    with table() as rows:
        rows.add([record(1, "once")])
        rows.add([record(1, "once"), record(2, "twice"), record(2, "twice")])
        assert len(rows) == 2
        assert len(rows.changes) == 2
        for wrong in ([record(1, "other")], [record(3, "a"), record(3, "b")]):
            with pytest.raises(StorageError, match="stored already with another text"):
                rows.add(wrong)
        assert [one.text for one in rows.everything()] == ["once", "twice"]


def test_numbers_are_never_given_again(tmp_path: Path) -> None:
    with table(tmp_path) as rows:
        rows.add([record(n) for n in (1, 2, 7)])
        rows.delete([7])
    with table(tmp_path) as rows:
        assert rows.insert([record(0)]) == [8]


def test_dates_and_speakers_filter_exactly() -> None:
    people = ["Alice", "alice", "Bob"]
    with table() as rows:
        everything = [record(n, "same", people[n % 3], hours=n) for n in range(1, 31)]
        rows.add(everything)
        start, end = everything[9].timestamp, everything[19].timestamp
        where = Where(start=micros(start), end=micros(end), speaker="Bob")
        expected = [r.number for r in everything if start <= r.timestamp <= end]
        expected = [number for number in expected if people[number % 3] == "Bob"]
        assert rows.numbers(where) == expected
        assert rows.numbers(where, 2) == expected[:2]
        assert rows.count(where) == len(expected)
        assert rows.fitting(list(range(1, 31)), where) == set(expected)
        assert sorted(number for number, _ in rows.matching.best(['"same"'], where, 50)) == expected
        assert [r.number for r in rows.page(where, limit=99, newest_first=True)] == expected[::-1]
        assert rows.speakers() == {"Alice": 10, "Bob": 10, "alice": 10}
        assert where.within(0, micros(NOON)).end == micros(NOON)


def test_more_numbers_than_one_statement_holds_can_be_asked_for() -> None:
    with table() as rows:
        rows.add([record(n) for n in range(1, 1201)])
        assert len(rows.get(list(range(3000)))) == 1200
        assert len(rows.fitting(list(range(3000)), Where(speaker="Ann"))) == 1200
        assert rows.delete(range(1, 1101)) == 1100
        assert len(list(rows.everything())) == 100


def test_a_text_that_is_not_the_one_stored_is_noticed() -> None:
    with table() as rows:
        rows.add([record(1, "true"), record(2, "as well")])
        with rows.journal.transaction() as connection:
            connection.execute("UPDATE recall SET text = 'false' WHERE number = 1")
        with pytest.raises(StorageError, match="m00000001 is damaged"):
            rows.get([1, 2])
        assert rows.get([2])[2].text == "as well"


def test_times_of_any_year_and_zone_come_back() -> None:
    moments = [
        datetime(1, 1, 1, tzinfo=timezone.utc),
        datetime.max.replace(tzinfo=timezone.utc),
        datetime(2023, 5, 8, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ]
    with table() as rows:
        rows.add([Record(n, "x", moment) for n, moment in enumerate(moments, 1)])
        assert [one.timestamp.isoformat() for one in rows.everything()] == [
            moment.isoformat() for moment in moments
        ]
