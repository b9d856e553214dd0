"""Words: any script is cut, folded and found by what people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.storage.journal.words import asked_words, fold, indexed, phone_numbers, words

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Crème Brûlée", ["creme", "brulee"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("Ёлка", ["елка"]),
        ("東京へ", ["東京", "京へ", "へ"]),
        ("ｶﾀｶﾅ", ["カタ", "タカ", "カナ", "ナ"]),
        ("안녕 하세요", ["안녕", "녕", "하세", "세요", "요"]),
        ("ภาษา", ["ภา", "าษ", "ษา", "า"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया"]),
        ("مَرْحَبًا", ["مرحبا"]),
        ("שָׁלוֹם", ["שלום"]),
        ("iPhone15を", ["iphone15", "を"]),
        ("🎉 party", ["🎉", "party"]),
        ("snake_case e-42", ["snake", "case", "e", "42"]),
    ],
)
def test_words_of_scripts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(ANY_TEXT)
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(ANY_TEXT)
def test_every_word_asked_for_is_in_the_index_or_begins_a_word_there(text: str) -> None:
    there = words(text)
    for word in asked_words(text):
        assert any(one.startswith(word) for one in there)


@given(ANY_TEXT)
def test_the_index_keeps_the_words(text: str) -> None:
    """Full text cuts what it gets at ASCII marks and spaces only, so that is all there may be."""
    assert words(indexed(text))[: len(words(text))] == words(text) or not text.isascii()
    if not text.isascii():
        assert (
            indexed(text).split(" ")[: len(words(text))]
            == (words(text) or [""])[: len(words(text))]
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Call +1 (555) 010-9999 now", ["15550109999"]),
        ("0170/1234567 or 0170.123.45.67", ["01701234567", "01701234567"]),
        ("on 2023-05-08 at 12:30, 8.5.2023", []),
        ("5550109999", ["5550109999"]),
        ("page 12345", []),
    ],
)
def test_phone_numbers_are_found_however_they_are_grouped(text: str, expected: list[str]) -> None:
    assert list(phone_numbers(text)) == expected
