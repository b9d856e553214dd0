"""Days: how a small model is told them."""

from __future__ import annotations

from datetime import date

import pytest

from memgpt_autogen.engine.deciding.days import day_of, day_text, reckoned
from memgpt_autogen.engine.deciding.lines import LONGEST, Line, hits_in

DAY = date(2024, 3, 4)  # a Monday


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I was there yesterday.", ['"yesterday" was 3 March 2024']),
        ("We met the day before yesterday", ['"the day before yesterday" was 2 March 2024']),
        ("Last Friday it rained, today not.", ["1 March 2024", "4 March 2024"]),
        ("It was last week!", ['"last week" was in the week of 26 February 2024']),
        ("We moved two weeks ago.", ["in the week of 16 February 2024"]),
        ("Last weekend we danced", ["2 March 2024 to 3 March 2024"]),
        ("She left last month.", ['"last month" was February 2024']),
        ("A year ago I began, this year I ended.", ["was 2023", "was 2024"]),
        ("I came on 3 May 2020, and in June 2021.", []),
        ("Nothing of times.", []),
    ],
)
def test_what_words_for_times_meant(text: str, said: list[str]) -> None:
    told = list(reckoned(text, DAY))
    assert len(told) == len(said)
    assert all(any(part in one for one in told) for part in said)


def test_days_are_read_and_told() -> None:
    assert day_of("2024-03-04") == DAY
    assert day_of("2024-13-44") is None
    assert day_text(DAY) == "4 March 2024"


def test_hits_are_lines_with_their_days() -> None:
    result = """Showing 3 of 3:
[2024-03-04 10:00] Ann: I sowed beans yesterday.
  And peas.
[2024-99-04 10:00] Bob: No day.
[2024-03-04] (garden.md, page 2) Beans want sun.
[2024-03-04 11:00] Ann: What did I sow?
No more."""
    beans, bob, garden = hits_in(result, "What did I sow?")
    assert beans.text == 'Ann said earlier: "I sowed beans yesterday." And peas.'
    assert beans.told.endswith('(4 March 2024; "yesterday" was 3 March 2024)')
    assert bob == Line('Bob said earlier: "No day."')
    assert garden.told == "(garden.md, page 2) Beans want sun."


def test_a_long_hit_is_cut() -> None:
    (line,) = hits_in("[2024-03-04] Ann: " + "bean " * 200, "What?")
    assert len(line.text) < LONGEST + 40 and "characters left out" in line.text
