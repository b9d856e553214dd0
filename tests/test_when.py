"""Times in questions, against a clock that is passed in."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.storage.record import micros
from memgpt_autogen.storage.search.when import tells_time, times

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 5, 13, 15, tzinfo=ZONE)  # a Wednesday


def days(query: str, now: datetime = NOW) -> list[tuple[date, date]]:
    """The first and the last day of each span."""
    found = []
    for span in times(query, now)[0]:
        ends = [
            datetime.fromtimestamp(moment // 1_000_000, tz=now.tzinfo).date()
            for moment in (span.start, span.end)
        ]
        found.append((ends[0], ends[1]))
    return found


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("What did I say yesterday?", "2026-05-12", "2026-05-12"),
        ("the day before yesterday", "2026-05-11", "2026-05-11"),
        ("this morning", "2026-05-13", "2026-05-13"),
        ("in May 2023", "2023-05-01", "2023-05-31"),
        ("on 3 May", "2026-05-03", "2026-05-03"),
        ("on 3 June", "2025-06-03", "2025-06-03"),
        ("May 3rd, 2023", "2023-05-03", "2023-05-03"),
        ("the 5th of June, 2023", "2023-06-05", "2023-06-05"),
        ("Sept 12", "2025-09-12", "2025-09-12"),
        ("2023-05-03", "2023-05-03", "2023-05-03"),
        ("in December", "2025-12-01", "2025-12-31"),
        ("in 2022", "2022-01-01", "2022-12-31"),
        ("last week", "2026-05-04", "2026-05-10"),
        ("last weekend", "2026-05-09", "2026-05-10"),
        ("this month", "2026-05-01", "2026-05-31"),
        ("last month", "2026-04-01", "2026-04-30"),
        ("two days ago", "2026-05-11", "2026-05-11"),
        ("a couple of weeks ago", "2026-04-26", "2026-05-02"),
        ("3 months ago", "2026-02-01", "2026-02-28"),
        ("in the last 3 days", "2026-05-10", "2026-05-13"),
        ("last Tuesday", "2026-05-12", "2026-05-12"),
        ("on Wednesday", "2026-05-06", "2026-05-06"),
    ],
)
def test_times_that_people_name(query: str, first: str, last: str) -> None:
    assert days(query) == [(date.fromisoformat(first), date.fromisoformat(last))]


@pytest.mark.parametrize(
    "query", ["may I march on?", "for 4 years", "2023-06-31", "12 marbles", "page 3 of 7"]
)
def test_what_is_no_time(query: str) -> None:
    assert days(query) == []


def test_only_what_is_said_as_seen_from_now_is_relative() -> None:
    spans, rest = times("What did Bob eat last week and on 3 May 2023?", NOW)
    assert [(span.said, span.relative) for span in spans] == [
        ("3 May 2023", False),
        ("last week", True),
    ]
    assert rest.split() == ["What", "did", "Bob", "eat", "and", "on", "?"]


def test_days_are_those_of_the_clocks_zone() -> None:
    (span,) = times("yesterday", NOW)[0]
    assert span.start == micros(datetime(2026, 5, 12, tzinfo=ZONE))
    assert span.end == micros(datetime(2026, 5, 13, tzinfo=ZONE)) - 1


@given(st.text(max_size=80), st.datetimes(timezones=st.just(timezone.utc)))
def test_any_text_at_any_time_can_be_read(query: str, now: datetime) -> None:
    for text in (query, f"{query} 3 days ago", "999 years ago", "last month", "yesterday"):
        assert all(span.start <= span.end for span in times(text, now)[0])


@given(
    st.text(st.sampled_from("May12 3-_.,?\x00\x1cLast\x85é"), max_size=20) | st.text(max_size=40)
)
def test_a_text_tells_a_time_by_any_word_of_time_or_short_number(text: str) -> None:
    words = re.split(r"[^\w-]+", text.lower())
    named = not {"may", "last"}.isdisjoint(words)
    number = re.search(r"(?<![\w-])\d{1,4}(?![\w-])", text) is not None
    assert tells_time(text) >= (named or number)
    assert tells_time(text) == number or any(word.isascii() and word.isalpha() for word in words)
