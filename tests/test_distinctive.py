"""The distinctive parts of a text: what of it shows that another text comes from it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memgpt_autogen.events import Message
from memgpt_autogen.upkeep.forgetting.distinctive import CAPITAL, distinctive, forms
from memgpt_autogen.upkeep.forgetting.said import Said
from tests.clocks import NOON

COMMON = frozenset(
    "my account is on go to call me at the code was in of a and ask for see write about".split()  # noqa: SIM905
)


def common(word: str) -> bool:
    return word in COMMON


def parts(text: str) -> dict[str, bool]:
    found = distinctive(text, common)
    return {form: part.identifies for form, part in found.items() if not form.startswith(CAPITAL)}


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("My account is DE02120300000000202051.", "IBAN: DE02 1203 0000 0000 2020 51"),
        ("My account is DE02 1203 0000 0000 2020 51.", "(de02120300000000202051)"),
        ("Call me at +49 (0)170 123-45 67", "phone: 01701234567"),
        ("Call me at 0170/1234567", "+49 170 123 45 67"),
        ("Call me at +1 (555) 010-9999", "1-555-010-9999."),
        ("card 4929 1234 5678 9012", "4929-1234-5678-9012"),
        ("card 4929123456789012", "card no. 4929 1234 5678 9012"),
        ("ticket K7X-99P, is it?", "see k7x99p"),
        ("id 550e8400-e29b-41d4-a716-446655440000", "550E8400E29B41D4A716446655440000"),
        ("write to Dana.Q@Example.org!", "<dana.q@example.org>"),
        ("see https://www.example.org/u/dana.", "http://example.org/u/dana/"),
        ("the code was ４７１１２２３３", "47112233"),
        ("call ٠١٧٠١٢٣٤٥٦٧", "0170 1234567"),
        ("DE02\u200b1203\u00ad0000 0000 2020 51", "DE021203 0000000020 2051"),
    ],
)
def test_an_identifier_is_found_however_it_is_written(said: str, written: str) -> None:
    mine = parts(said)
    assert {form for form in forms(written) if mine.get(form)}
    assert {form for form in forms(said) if parts(written).get(form)}


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("the code was 4711", "4711"),
        ("ask for Zerlina", "zerlina"),
        ("call Zerlina's dog", "zerlina"),
        ("go to Baker Street", "baker street"),
        ("Dr. Watson", "watson"),
        ("I see a quokka", "quokka"),
        ("I see quokkas", "quokka"),
        ("on 8 May 1987", "--05-08"),
        ("on May 8th", "--05-08"),
        ("on 1987-05-08", "--05-08"),
        ("on 08.05.1987", "--05-08"),
        ("at 221B", "221b"),
        ("rent 1,250.50", "125050"),
        ("see https://example.org", "example.org"),
        ("PIN 4711", "4711"),
        ("RFC 2616", "rfc2616"),
        ("我叫王小明", "王小明"),
        ("go to José", "jose"),
    ],
)
def test_what_may_be_anybodys_only_points_to_somebody(said: str, form: str) -> None:
    assert parts(said)[form] is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "My account is on the go.",
        "Go to 100 of 2000.",
        "at 12 or 10",
        "Please see me on Monday, in July. Thanks!",
        "I see it. And I ask.",
        "CALL ME AT THE CODE",
    ],
)
def test_ordinary_words_are_no_parts(text: str) -> None:
    assert parts(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("from 1990-2000", "100 200 300 400", "250ml and 1,000,000", "1920x1080", "covid19"),
        *("python311", "rfc 2616", "PIN 4711", "in 2024", "utf-8", "EUR 1,250.50", "Q12026"),
        *("quokka", "Zerlina", "https://example.org", "at 12:30:45"),
    ],
)
def test_what_is_no_identifier(text: str) -> None:
    assert not any(parts(text).values())


@pytest.mark.parametrize("text", ["14711", "4711.5", "47112", "Zerlinas", "zerlin", "aquokka"])
def test_a_part_is_a_whole_number_or_word(text: str) -> None:
    mine = parts("the code was 4712, ask for Zerlin the quokka")
    assert not set(mine) & forms(text) - {"zerlin"} and ("zerlin" in text) >= bool(
        set(mine) & forms(text)
    )


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("it is correct horse battery staple", "The code: correct horse battery."),
        ("I am allergic to nuts", "Allergic to nuts."),
        ("my password is banana", "Password: banana"),
        ("I am Rose Field", "ROSE FIELD asks"),
    ],
)
def test_a_few_words_in_a_row_are_a_part(said: str, written: str) -> None:
    mine = {form for form, part in distinctive(said, lambda word: True).items() if " " in form}
    assert mine & forms(written)
    assert not mine & forms("The horse is correct. Nuts, I am allergic. Bananas and a password.")


def test_a_word_is_a_name_where_it_is_written_as_one() -> None:
    mine = distinctive("my dog is called rex", lambda word: True)
    assert CAPITAL + "rex" in mine and "rex" not in mine
    assert CAPITAL + "rex" in forms("The dog: Rex.")
    assert CAPITAL + "rex" not in forms("Rex is a king. So is a t-rex.")
    assert CAPITAL + "rex" not in forms("THE DOG IS REX")


WRITTEN = st.text(
    st.sampled_from(list("aB1 29.-,/@:()'\n_é王Q0")) | st.characters(codec="utf-8"), max_size=60
)


@given(WRITTEN)
@example("12 a@b.cd 34")
@example("a 2026-05-08 1 2")
def test_the_parts_of_a_text_are_found_in_it(text: str) -> None:
    found = {form for form in distinctive(text, common) if not form.startswith(CAPITAL)}
    assert found <= forms(text)


DIGITS = st.integers(min_value=10**6, max_value=10**18 - 1).map(str)
LETTERS = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ", min_size=1, max_size=4)
SEPARATORS = st.sampled_from(["", " ", "-", ".", "/"])


@given(number=DIGITS, prefix=LETTERS | st.just(""), data=st.data())
def test_a_code_is_found_whatever_groups_it(number: str, prefix: str, data: st.DataObject) -> None:
    code = prefix + number
    if not parts(code).get(code.lower()):
        return  # round, or a measure
    cuts = data.draw(st.lists(st.integers(1, len(code) - 1), max_size=5, unique=True).map(sorted))
    groups = [code[a:b] for a, b in zip([0, *cuts], [*cuts, len(code)], strict=True)]
    separator = data.draw(SEPARATORS)
    written = f"it is {separator.join(groups)}, I think"
    assert code.lower() in forms(written)


def heard(*said: tuple[str, str]) -> list[Message]:
    return [
        Message(id=f"m{at:08d}", speaker=name, text=text, timestamp=NOON + timedelta(minutes=at))
        for at, (name, text) in enumerate(said, 1)
    ]


def left_of(speaker: str, *said: tuple[str, str]) -> set[str]:
    """The parts that are the speaker's, without those of words as names alone."""
    mine = Said(speaker, common)
    mine.take(one for one in heard(*said) if one.speaker == speaker)
    mine.compare(heard(*said), "mem")
    return {form for form in mine.parts if not form.startswith(CAPITAL)}


@pytest.mark.parametrize(
    ("others", "left"),
    [
        ([("Bob", "Zerlina, 4711?"), ("mem", "Zerlina it is, 47114711.")], True),
        ([("Bob", "ok")] * 5 + [("mem", "Zerlina, 4711, 47114711")], True),
        ([("Bob", "ok")] * 5 + [("Bob", "Zerlina, 4711, 47114711")], False),
    ],
)
def test_who_answers_may_have_it_from_the_speaker(
    others: list[tuple[str, str]], left: bool
) -> None:
    found = left_of("Dana", ("Dana", "ask for Zerlina, code 4711, call 47114711"), *others)
    assert ("zerlina" in found, "4711" in found, "47114711" in found) == (left, left, True)


@pytest.mark.parametrize("first", ["Bob", "mem"])
def test_what_another_said_first_is_not_the_speakers(first: str) -> None:
    said = [(first, "ask for Zerlina, call 4711-4711"), ("Dana", "Zerlina, 47114711 and 47114712")]
    assert left_of("Dana", *said) == {"47114712"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Dana", "Bob", "mem"]), st.sampled_from(["41234567", "59876123"])
        ),
        max_size=12,
    )
)
def test_an_identifier_is_whose_who_said_it_first(said: list[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for name, number in said:
        first.setdefault(number, name)
    found = left_of("Dana", *((name, f"it is {number} then") for name, number in said))
    assert found == {number for number, name in first.items() if name == "Dana"}
