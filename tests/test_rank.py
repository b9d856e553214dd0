"""Ranking and deduplication: what comes first, and what is said twice."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.search.deduplication import distinct
from memgpt_autogen.storage.search.parse import parsed
from memgpt_autogen.storage.search.rank import Candidate, Scored, ranked

NOW = datetime(2026, 5, 13, 15, tzinfo=timezone.utc)


def record(number: int, text: str = "text", speaker: str = "Ann", days_ago: int = 30) -> Record:
    return Record(number, text, NOW - timedelta(days=days_ago), speaker=speaker)


def order(query: str, *candidates: Candidate, named: set[str] | None = None) -> list[int]:
    found = ranked(parsed(query, NOW), [(one, None) for one in candidates], named or set())
    return [one.record.number for one in found]


def test_words_and_meaning_count_alike_and_newer_ones_win_ties() -> None:
    words, meaning = Candidate(record(1), 7.0, 0.1), Candidate(record(2), 0.0, 0.6)
    assert order("tea", words, meaning) == [2, 1]
    assert order("tea", words, meaning, Candidate(record(3), 3.5, 0.5)) == [3, 2, 1]


def test_a_named_speaker_and_a_named_time_go_before_equals() -> None:
    equal = [Candidate(record(n, "tea", who, ago), 1.0, 0.5) for n, who, ago in CASES]
    assert order("tea?", *equal) == [4, 3, 2, 1]
    assert order("Bob's tea?", *equal, named={"Bob"}) == [2, 4, 3, 1]
    assert order("the tea yesterday", *equal) == [3, 4, 2, 1]
    assert order("the tea of May 2023", *equal) == [1, 4, 3, 2]


CASES = [
    (1, "Ann", (NOW - datetime(2023, 5, 20, tzinfo=timezone.utc)).days),
    (2, "Bob", 90),
    (3, "Ann", 1),
    (4, "Ann", 60),
]


def test_what_is_identified_goes_first_and_first_where_it_stands_first() -> None:
    found = order(
        "what is E-42?",
        Candidate(record(1, "An error without a number"), 9.0, 0.9),
        Candidate(record(2, "The pump stops, and then shows E-42"), 1.0, 0.9),
        Candidate(record(3, "E-42: the pump is hot, see the manual"), 1.0, 0.1),
    )
    assert found == [3, 2, 1]


def said(*texts: str, speakers: str = "") -> list[tuple[str, int]]:
    found = [
        Scored(record(number, text, speakers[number : number + 1] or "Ann"), 1.0)
        for number, text in enumerate(texts)
    ]
    return [(one.found.record.text, one.times) for one in distinct(found)]


LONG = "please bring the blue umbrella the red boots and both tickets to the old harbour tonight"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The meeting is at noon.", "the meeting is at NOON!"),
        ("Oh wow, really?  Café time", "really? cafe time"),
        (LONG, f"{LONG} Ann"),
        ("👍", "👍"),
    ],
)
def test_the_same_words_are_found_once(one: str, other: str) -> None:
    assert said(one, other) == [(max(one, other, key=len), 2)] or said(one, other) == [(one, 2)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The meeting is at 3 pm", "The meeting is at 4 pm"),
        ("I like tea", "I do not like tea"),
        ("Bob owes Ann", "Ann owes Bob"),
        (LONG, LONG.replace("blue", "green")),
        (LONG, f"{LONG} 7"),
        (LONG, f"never {LONG}"),
        ("👍", "🎉"),
    ],
)
def test_a_difference_that_matters_keeps_both(one: str, other: str) -> None:
    assert said(one, other) == [(one, 1), (other, 1)]


def test_who_says_it_matters() -> None:
    assert len(said("I love tea", "I love tea", speakers="ab")) == 2


@given(st.lists(st.sampled_from(["tea", "Tea!", "no tea", "7 teas", LONG, f"{LONG} dear"])))
def test_nothing_is_lost_and_nothing_counted_twice(texts: list[str]) -> None:
    found = said(*texts)
    assert sum(times for _, times in found) == len(texts)
    kinds = {"Tea!": "tea", f"{LONG} dear": LONG}
    assert len(found) == len({kinds.get(text, text) for text in texts})
