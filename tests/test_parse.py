"""What queries identify exactly, and what they ask for beside times."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.storage.search.parse import exact_phrases, flat, parsed

NOW = datetime(2026, 5, 13, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "the value of 94071d67-86df-455c-8ee9-691e492ff740?",
            "94071d67 86df 455c 8ee9 691e492ff740",
        ),
        ("why was config.yaml changed", "config yaml"),
        ("who wrote src/main.py.", "src main py"),
        (r"open C:\Users\me", "c users me"),
        ("error E-42", "e 42"),
        ("a ConnectionResetError", "connectionreseterror"),
        ("ECONNREFUSED again", "econnrefused"),
        ("invoice INV-20391", "inv 20391"),
        ("order 20391", "20391"),
        ("host 192.168.0.1", "192 168 0 1"),
        ("mail a.b@example.com", "a b example com"),
        ("the user_name field", "user name"),
        ('who said "to be or not to be"?', "to be or not to be"),
        ("who said “to be”", "to be"),
        ("「東京タワー」", "東京 京タ タワ ワー"),
    ],
)
def test_identifiers_and_quotations(query: str, expected: str) -> None:
    assert exact_phrases(query) == (expected,)


@pytest.mark.parametrize(
    "query",
    [
        "Jon's 5K charity run in the 1990s",
        "and/or well-being at 10:30am, 24/7",
        "on 2023-05-03 12:30 and 3/5/2023",
        "the LGBTQ group's YouTube channel, U.S. and e.g. McDonald",
        "the kids' toys and the dogs' food",
    ],
)
def test_plain_language_identifies_nothing(query: str) -> None:
    assert exact_phrases(query) == ()


def test_phone_numbers_are_exact_in_any_grouping() -> None:
    for query in ("+1 (555) 010-9999", "call 555 010 9999", "5550109999"):
        phrases = exact_phrases(query)
        assert phrases and any(f" {one} " in flat("Ann: 555-010-9999") for one in phrases)


@given(st.text(max_size=60))
def test_an_identifier_is_found_in_any_text_that_holds_it(around: str) -> None:
    (phrase,) = exact_phrases("INV-20391")
    assert f" {phrase} " in flat(f"{around} inv-20391 {around}")


def test_what_is_asked_beside_a_time() -> None:
    asked = parsed("What did we talk about last week?", NOW)
    assert not asked.beside and len(asked.spans) == 1
    assert '"week"' not in asked.terms  # it would find who said "last week"
    assert parsed("What did Bob say of the car yesterday?", NOW).beside == {"bob", "car"}
    assert '"2023"' in parsed("What happened in May 2023?", NOW).terms  # as dates are indexed
