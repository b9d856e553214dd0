"""Ranking and deduplication: what comes first, and what is said twice."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.search.deduplication import _FILLERS, distinct
from memgpt_autogen.storage.search.deduplication import said as carried
from memgpt_autogen.storage.search.features import TURNS, coefficients
from memgpt_autogen.storage.search.parse import parsed
from memgpt_autogen.storage.search.rank import Candidates, Scored, closeness, ranked

NOW = datetime(2026, 5, 13, 15, tzinfo=timezone.utc)


def record(number: int, text: str = "text", speaker: str = "Ann", days_ago: int = 30) -> Record:
    return Record(number, text, NOW - timedelta(days=days_ago), speaker=speaker)


def order(query: str, *found: tuple[Record, dict[str, float]], named: str = "") -> list[int]:
    """The numbers of turns with these features, in the order of the ranking."""
    asked = parsed(query, NOW)
    rows = [
        {
            "named": float(record.speaker == named),
            "then": closeness(asked.spans, [record])[0],
            **features,
        }
        for record, features in found
    ]
    values = np.array([[row.get(feature.name, 0.0) for feature in TURNS] for row in rows])
    records = [record for record, _ in found]
    words = np.array([row.get("best", 0.0) for row in rows])
    nothing = [()] * len(records)
    candidates = Candidates(records, nothing, TURNS, values, words, nothing)
    scored = ranked(asked, candidates, coefficients(TURNS, "both"))
    assert all(0 <= one.score <= 1 for one in scored)
    assert [one.score for one in scored] == sorted((one.score for one in scored), reverse=True)
    return [one.record.number for one in scored]


@pytest.mark.parametrize("feature", ["pair", "best", "rare", "around", "named", "cosine"])
def test_more_of_a_feature_goes_first_and_newer_ones_win_ties(feature: str) -> None:
    rows = [(record(number), {feature: value}) for number, value in enumerate([0.1, 0.9, 0.1])]
    assert order("tea", *rows) == [1, 2, 0]


def test_a_named_speaker_and_a_named_time_go_before_equals() -> None:
    equal = [(record(n, "tea", who, ago), {"best": 1.0}) for n, who, ago in CASES]
    assert order("tea?", *equal) == [4, 3, 2, 1]
    assert order("Bob's tea?", *equal, named="Bob") == [2, 4, 3, 1]
    assert order("the tea yesterday", *equal) == [3, 4, 2, 1]
    assert order("the tea of May 2023", *equal) == [1, 4, 3, 2]


CASES = [
    (1, "Ann", (NOW - datetime(2023, 5, 20, tzinfo=timezone.utc)).days),
    (2, "Bob", 90),
    (3, "Ann", 1),
    (4, "Ann", 60),
]


def test_the_longer_a_time_is_the_less_it_tells() -> None:
    at = record(1, days_ago=3)
    near = [closeness(parsed(f"tea {when}", NOW).spans, [at])[0] for when in TIMES]
    assert near[0] == near[1] == 1.0 > near[2] > 0.0 == near[3]


TIMES = ("3 days ago", "in May 2026", "this year", "yesterday")


def test_what_is_identified_goes_first_and_first_where_it_stands_first() -> None:
    found = order(
        "what is E-42?",
        (record(1, "An error without a number"), {"five": 9.0, "best": 1.0, "cosine": 0.9}),
        (record(2, "The pump stops, and then shows E-42"), {"best": 0.1, "cosine": 0.9}),
        (record(3, "E-42: the pump is hot, see the manual"), {"best": 0.1, "cosine": 0.1}),
    )
    assert found == [3, 2, 1]


def said(*texts: str, speakers: str = "") -> list[tuple[str, int]]:
    found = [
        Scored(record(number, text, speakers[number : number + 1] or "Ann"), 1.0, carried(text))
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


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_words_of_ascii_texts_are_those_of_any_text(text: str) -> None:
    cut = [word for word in re.split(r"[\W_]+", text.lower()) if word]
    assert set(carried(text)) <= set(cut or [text])
    assert carried(f"{text} é")[:-1] == carried(text) or not set(cut) - _FILLERS
