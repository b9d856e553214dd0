"""Days: how a small model is told them."""

from __future__ import annotations

from datetime import date

import pytest

from memgpt_autogen.engine.deciding.days import day_of, reckoned
from memgpt_autogen.engine.deciding.lines import LONGEST, Line, hits_in
from memgpt_autogen.engine.showing.excerpt import excerpt
from memgpt_autogen.storage.record import readable

DAY = date(2024, 3, 4)  # a Monday


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("I was there yesterday.", "I was there on 3 March 2024."),
        ("We met the day before yesterday", "We met on 2 March 2024"),
        ("Last Friday it rained, today not.", "on 1 March 2024 it rained, on 4 March 2024 not."),
        ("It was last week!", "It was in the week of 26 February 2024!"),
        ("We moved two weeks ago.", "We moved in the week of 16 February 2024."),
        ("Last weekend we danced", "on the weekend of 2 March 2024 we danced"),
        ("She left last month.", "She left in February 2024."),
        ("A year ago I began, this year I ended.", "in 2023 I began, in 2024 I ended."),
        ("It rained for the last 3 weeks.", "It rained for the last 3 weeks."),
        ("The last year was hard.", "The last year was hard."),
        ("I came on 3 May 2020, and in June 2021.", "I came on 3 May 2020, and in June 2021."),
        ("Nothing of times.", "Nothing of times."),
    ],
)
def test_times_as_seen_from_a_day_are_reckoned(text: str, read: str) -> None:
    assert reckoned(text, DAY) == read


def test_days_are_read_and_told() -> None:
    assert day_of("2024-03-04") == DAY
    assert day_of("2024-13-44") is None
    assert readable(DAY) == "4 March 2024"


def test_hits_are_lines_with_their_days() -> None:
    result = """Showing 3 of 3:
[2024-03-04 10:00] Ann: I sowed beans yesterday.
  Peas last Friday.
[2024-99-04 10:00] Bob: No day.
[2024-03-04] (garden.md, page 2) Beans want sun.
[2024-03-04 11:00] Ann: What did I sow?
No more."""
    beans, bob, garden = hits_in(result, "What did I sow?")
    assert beans.text == 'Ann said earlier: "I sowed beans on 3 March 2024. Peas on 1 March 2024."'
    assert beans.told == f"{beans.text} (4 March 2024)"
    assert bob == Line('Bob said earlier: "No day."')
    assert garden.told == "(garden.md, page 2) Beans want sun."


def test_a_passage_of_paragraphs_is_one_line() -> None:
    result = """[2024-03-04] (garden.md) Beans want sun.

  Peas want a fence.
…[120 characters left out]…
  Leeks want time.

Showing 1 of 9."""
    (line,) = hits_in(result, "What do peas want?")
    assert line.text.startswith("(garden.md) Beans want sun. Peas want a fence. …[120 ")
    assert line.text.endswith("Leeks want time.")


def test_of_a_long_hit_the_sentences_are_shown_that_are_asked_for() -> None:
    filler = "It rained all day. " * 20
    said = f"{filler}The peas are behind the shed. They are two feet tall. {filler}"
    for head, asked in (("Ann:", "Where are my peas?"), ("(garden.md)", "Where are the peas?")):
        (line,) = hits_in(f"[2024-03-04] {head} {said}", asked)
        assert "rained all day. The peas are behind the shed. They are two feet" in line.text
        assert len(line.text) < 520 and line.text.rstrip('"').endswith("It rained all day. …")


def test_a_long_hit_without_anything_asked_for_is_cut() -> None:
    (line,) = hits_in("[2024-03-04] Ann: " + "bean " * 200, "What?")
    assert len(line.text) < LONGEST + 60 and "characters left out" in line.text


def test_of_a_very_long_text_the_part_is_found_that_is_asked_for() -> None:
    text = "It rained. " * 40_000
    assert excerpt(f"{text[:60_500]}The key is under the mat. {text}", "Where is the key?", 60) in (
        "… It rained. The key is under the mat. It rained. It rained. …",
        "… It rained. It rained. The key is under the mat. It rained. …",
    )
    assert len(excerpt("word " * 100_000, "Where is the key?", 200)) < 260
