"""What is new in an AutoGen chat, through everything that happens to its message list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.adapter.digests import (
    OWN,
    REMEMBERED,
    Chat,
    digest,
    first_new,
    kept_by_transform,
)


def fresh(chat: Chat, present: list[str]) -> list[str]:
    start = first_new(chat.heard, present)
    chat.take_in(present, start)
    return present[start:]


def test_a_growing_chat_gives_each_message_once() -> None:
    chat = Chat()
    assert fresh(chat, ["a", "b"]) == ["a", "b"]
    chat.heard.append(OWN)
    assert fresh(chat, ["a", "b", OWN, "c"]) == ["c"]
    chat.heard.append(OWN)
    assert fresh(chat, ["a", "b", OWN, "c", OWN, "c"]) == ["c"]


def test_a_failed_turn_is_taken_up_again_without_a_repeat() -> None:
    chat = Chat()
    assert fresh(chat, ["a"]) == ["a"]
    assert not chat.answered
    assert fresh(chat, ["a"]) == []


def test_the_same_words_in_a_second_chat_are_new() -> None:
    chat = Chat()
    fresh(chat, ["hi"])
    chat.heard.append(OWN)
    assert fresh(chat, ["hi"]) == ["hi"]
    chat.heard.append(OWN)
    assert fresh(chat, ["hi", OWN, "bye"]) == ["bye"]


def test_an_answer_that_was_lost_on_its_way_makes_no_message_new() -> None:
    """The process was killed after it wrote its answer, before the chat had it."""
    chat = Chat()
    fresh(chat, ["a"])
    chat.heard.append(OWN)
    fresh(chat, ["a", OWN, "b"])
    chat.heard.append(OWN)
    assert fresh(chat, ["a", OWN, "b"]) == []
    chat.heard.append(OWN)
    assert fresh(chat, ["a", OWN, "b", OWN, "c"]) == ["c"]


def test_the_same_words_again_after_a_chat_was_cut_are_new() -> None:
    chat = Chat()
    fresh(chat, ["go on"])
    chat.heard.append(OWN)
    assert fresh(chat, [OWN, "go on"]) == ["go on"]


@given(
    st.lists(st.booleans(), min_size=1, max_size=8),
    st.integers(0, 3),
)
def test_a_chat_with_lost_answers_gives_each_message_once(lost: list[bool], cut: int) -> None:
    chat, present = Chat(), ["first", OWN]
    fresh(chat, present)
    for number, is_lost in enumerate(lost):
        present = [*present[min(cut, len(present) - 2) :], f"m{number}"]
        assert fresh(chat, present) == [f"m{number}"]
        chat.heard.append(OWN)
        if is_lost:
            assert fresh(chat, present) == []
            chat.heard.append(OWN)
        present.append(OWN)


def test_another_chat_under_the_same_name_is_new() -> None:
    chat = Chat()
    fresh(chat, ["a", "b"])
    chat.heard.append(OWN)
    assert fresh(chat, ["x", "y"]) == ["x", "y"]


def test_a_shortened_history_repeats_nothing() -> None:
    chat = Chat()
    fresh(chat, ["a", "b", "c"])
    chat.heard.append(OWN)
    assert fresh(chat, ["c", OWN, "d"]) == ["d"]
    chat.heard.append(OWN)
    assert fresh(chat, ["a", OWN, "d", OWN, "e"]) == ["e"]  # first message kept


def test_a_reply_that_never_entered_the_chat_does_no_harm() -> None:
    chat = Chat()
    fresh(chat, ["a"])
    chat.heard.append(OWN)
    assert fresh(chat, ["a", "b"]) == ["b"]


def test_a_transform_that_rewrites_everything_leaves_what_follows_the_own_reply() -> None:
    chat = Chat()
    fresh(chat, ["a", "b"])
    chat.heard.append(OWN)
    assert fresh(chat, ["a'", "b'", OWN, "c"]) == ["c"]


def test_nothing_new_when_the_agent_spoke_last() -> None:
    chat = Chat()
    fresh(chat, ["a"])
    chat.heard.append(OWN)
    assert fresh(chat, ["a", OWN]) == []
    assert chat.answered


def test_long_chats_keep_a_bounded_memory() -> None:
    chat = Chat()
    messages: list[str] = []
    for number in range(3 * REMEMBERED):
        messages.append(str(number))
        assert fresh(chat, messages) == [str(number)]
        messages.append(OWN)
        chat.heard.append(OWN)
    assert len(chat.heard) <= REMEMBERED + 1


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), max_size=12))
def test_every_message_is_taken_exactly_once(rounds: list[list[str]]) -> None:
    chat, messages, taken = Chat(), [], []
    for said in rounds:
        messages.extend(said)
        taken.extend(fresh(chat, list(messages)))
        messages.append(OWN)
        chat.heard.append(OWN)
    assert taken == [mark for mark in messages if mark != OWN]


@given(
    st.lists(st.lists(st.integers(0, 10_000), min_size=1, max_size=4), max_size=12),
    st.integers(1, 6),
)
def test_a_history_limiter_changes_nothing(rounds: list[list[int]], kept: int) -> None:
    chat, messages, taken, count = Chat(), [], [], 0
    for said in rounds:
        marks = [f"{count + i}:{word}" for i, word in enumerate(said)]
        count += len(marks)
        messages.extend(marks)
        taken.extend(fresh(chat, messages[-max(kept, len(marks) + 1) :]))
        messages.append(OWN)
        chat.heard.append(OWN)
    assert taken == [mark for mark in messages if mark != OWN]


def test_a_restart_goes_on_from_the_saved_marks() -> None:
    before = Chat()
    fresh(before, ["a", "b"])
    before.heard.append(OWN)
    assert first_new(before.heard, ["a", "b", OWN, "c"]) == 3


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
