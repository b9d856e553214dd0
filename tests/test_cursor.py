"""What is new in an AutoGen chat, through everything that happens to its message list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.adapter.cursor import (
    OWN,
    REMEMBERED,
    Cursor,
    digest,
    first_new,
    kept_by_transform,
)


def fresh(cursor: Cursor, present: list[str]) -> list[str]:
    return present[cursor.advance(present) :]


def test_a_growing_chat_gives_each_message_once() -> None:
    cursor = Cursor()
    assert fresh(cursor, ["a", "b"]) == ["a", "b"]
    cursor.replied()
    assert fresh(cursor, ["a", "b", OWN, "c"]) == ["c"]
    cursor.replied()
    assert fresh(cursor, ["a", "b", OWN, "c", OWN, "c"]) == ["c"]


def test_a_failed_turn_is_taken_up_again_without_a_repeat() -> None:
    cursor = Cursor()
    assert fresh(cursor, ["a"]) == ["a"]
    assert not cursor.answered
    assert fresh(cursor, ["a"]) == []


def test_the_same_words_in_a_second_chat_are_new() -> None:
    cursor = Cursor()
    fresh(cursor, ["hi"])
    cursor.replied()
    assert fresh(cursor, ["hi"]) == ["hi"]
    cursor.replied()
    assert fresh(cursor, ["hi", OWN, "bye"]) == ["bye"]


def test_another_chat_under_the_same_name_is_new() -> None:
    cursor = Cursor()
    fresh(cursor, ["a", "b"])
    cursor.replied()
    assert fresh(cursor, ["x", "y"]) == ["x", "y"]


def test_a_shortened_history_repeats_nothing() -> None:
    cursor = Cursor()
    fresh(cursor, ["a", "b", "c"])
    cursor.replied()
    assert fresh(cursor, ["c", OWN, "d"]) == ["d"]
    cursor.replied()
    assert fresh(cursor, ["a", OWN, "d", OWN, "e"]) == ["e"]  # first message kept


def test_a_reply_that_never_entered_the_chat_does_no_harm() -> None:
    cursor = Cursor()
    fresh(cursor, ["a"])
    cursor.replied()
    assert fresh(cursor, ["a", "b"]) == ["b"]


def test_a_transform_that_rewrites_everything_leaves_what_follows_the_own_reply() -> None:
    cursor = Cursor()
    fresh(cursor, ["a", "b"])
    cursor.replied()
    assert fresh(cursor, ["a'", "b'", OWN, "c"]) == ["c"]


def test_nothing_new_when_the_agent_spoke_last() -> None:
    cursor = Cursor()
    fresh(cursor, ["a"])
    cursor.replied()
    assert fresh(cursor, ["a", OWN]) == []
    assert cursor.answered


def test_long_chats_keep_a_bounded_memory() -> None:
    cursor = Cursor()
    chat: list[str] = []
    for number in range(3 * REMEMBERED):
        chat.append(str(number))
        assert fresh(cursor, chat) == [str(number)]
        chat.append(OWN)
        cursor.replied()
    assert len(cursor.taken) <= REMEMBERED + 1


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), max_size=12))
def test_every_message_is_taken_exactly_once(rounds: list[list[str]]) -> None:
    cursor, chat, taken = Cursor(), [], []
    for said in rounds:
        chat.extend(said)
        taken.extend(fresh(cursor, list(chat)))
        chat.append(OWN)
        cursor.replied()
    assert taken == [mark for mark in chat if mark != OWN]


@given(
    st.lists(st.lists(st.integers(0, 10_000), min_size=1, max_size=4), max_size=12),
    st.integers(1, 6),
)
def test_a_history_limiter_changes_nothing(rounds: list[list[int]], kept: int) -> None:
    cursor, chat, taken, count = Cursor(), [], [], 0
    for said in rounds:
        marks = [f"{count + i}:{word}" for i, word in enumerate(said)]
        count += len(marks)
        chat.extend(marks)
        taken.extend(fresh(cursor, chat[-max(kept, len(marks) + 1) :]))
        chat.append(OWN)
        cursor.replied()
    assert taken == [mark for mark in chat if mark != OWN]


def test_a_restart_goes_on_from_the_saved_marks() -> None:
    before = Cursor()
    fresh(before, ["a", "b"])
    before.replied()
    assert first_new(before.taken, ["a", "b", OWN, "c"]) == 3


def test_digests_tell_speakers_and_tool_calls_apart_and_own_replies_not() -> None:
    message = {"content": "hi", "role": "user"}
    called = {**message, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    marks = {
        digest(message, own=False, speaker="Alice"),
        digest(message, own=False, speaker="Bob"),
        digest(called, own=False, speaker="Bob"),
    }
    assert len(marks) == 3
    assert digest(message, own=True, speaker="me") == digest({}, own=True, speaker="me") == OWN
    assert digest({"content": "\ud800"}, own=False, speaker="Bob")


def kept(unaltered: str, start: int, altered: str) -> str:
    return "".join(altered[index] for index in kept_by_transform(unaltered, start, altered))


def test_transforms_may_drop_rewrite_and_reorder() -> None:
    assert kept("abOc", 3, "Oc") == "c"
    assert kept("abOcd", 3, "cOd") == "cd"  # a limiter that reorders
    assert kept("abOcd", 3, "d") == "d"
    assert kept("abOc", 3, "ABOC") == "C"  # all rewritten, one to one
    assert kept("abOc", 3, "OC") == "C"
    assert kept("aObO", 4, "bO") == ""
    assert kept("aOa", 2, "Oa") == "a"
