"""The main context: what is shown, what it costs, and what leaves first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memgpt_autogen.engine.budget import Budget
from memgpt_autogen.engine.main_context import MainContext
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.model.tokens import TokenCounter
from memgpt_autogen.steps import FunctionCall, FunctionResult, Step
from tests.clocks import NOON

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]


def context(window: int = 2000) -> MainContext:
    budget = Budget.of(window, reply=None, pressure_share=0.7, eviction_share=0.5)
    return MainContext(TokenCounter("gpt-4"), budget, instructions="Be kind.", memory="<human>")


def event(text: str, **kwargs: Any) -> MessageEvent:
    return MessageEvent(timestamp=NOON, id="1", speaker="Alice", text=text, **kwargs)


def step(number: int, result: str = "fine") -> Step:
    call = FunctionCall(id=f"call_{number}", name="f", arguments="{}")
    return Step(
        text="hm",
        calls=(call,),
        results=(FunctionResult(call_id=call.id, name="f", ok=True, text=result),),
    )


def test_the_order_is_instructions_memory_summary_queue() -> None:
    main = context()
    main.summary = "They met."
    main.entries = [event("hello"), step(1)]
    roles = [message["role"] for message in main.render()]
    assert roles == ["system", "user", "user", "assistant", "tool"]
    assert main.render()[0]["content"] == "Be kind.\n\n<human>"
    assert main.render()[1]["content"] == "(summary of earlier messages) They met."


def test_own_words_and_images_are_rendered_for_the_model() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:abc"}}
    main = context()
    main.entries = [
        event("I said so.", own=True),
        event("see (image)", images=(image,)),
    ]
    line = "[2026-05-08 12:00] Alice: see (image)"
    assert main.render()[1] == {"role": "assistant", "content": "I said so."}
    assert main.render()[2]["content"] == [{"type": "text", "text": line}, image]


def test_a_long_entry_is_cut_with_a_note_until_it_fits() -> None:
    main = context()
    main.entries = [event("x" * 50_000)]
    shown = main.render()[1]["content"]
    assert "characters left out" in shown and len(shown) < 2000
    while main.squeeze():
        pass
    assert len(main.render()[1]["content"]) < 300
    assert main.entries == [event("x" * 50_000)]


def fill(main: MainContext) -> None:
    number = 0
    while main.tokens(TOOLS) <= main.budget.limit:
        number += 1
        main.entries.append(event(f"message {number} " + "word " * 20))
        main.entries.append(step(number))


def test_an_eviction_takes_the_oldest_down_to_the_target() -> None:
    main = context()
    fill(main)
    before = list(main.entries)
    main.pressure_announced = True
    evicted = main.evict(TOOLS)
    assert evicted == before[: len(evicted)]
    assert main.entries == before[len(evicted) :]
    assert main.tokens(TOOLS) <= main.budget.target
    assert main.tokens(TOOLS) > main.budget.target - 60
    assert not main.pressure_announced


def test_what_is_not_answered_yet_stays_while_it_fits() -> None:
    main = context()
    first = event("the question")
    main.entries = [first]
    fill(main)
    evicted = main.evict(TOOLS, keep=[first])
    assert evicted and first not in evicted
    assert main.entries[0] is first


def test_unanswered_messages_leave_when_nothing_else_is_left_to_go() -> None:
    main = context()
    fill(main)
    main.evict(TOOLS, keep=list(main.entries))
    assert main.tokens(TOOLS) <= main.budget.limit


def test_pressure_is_announced_once_between_evictions() -> None:
    main = context()
    assert not main.under_pressure(TOOLS)
    while main.tokens(TOOLS) < main.budget.warning:
        assert not main.under_pressure(TOOLS)
        main.entries.append(event("word " * 20))
    assert main.under_pressure(TOOLS)
    main.pressure_announced = True
    assert not main.under_pressure(TOOLS)


def test_in_a_small_window_sizes_follow_the_room_that_is_left() -> None:
    main = context(window=1000)
    main.instructions = "rule " * 600
    assert not main.under_pressure(TOOLS)
    main.entries = [event("hello"), event("there")]
    assert main.evict(TOOLS) == []


def test_the_factor_of_the_provider_counts() -> None:
    main = context()
    fill(main)
    main.counter.factor = 2.0
    main.evict(TOOLS)
    assert main.tokens(TOOLS) <= main.budget.target


def test_sections_add_up_to_the_request() -> None:
    main = context()
    main.entries = [event("hello"), step(1)]
    assert sum(main.sections(TOOLS).values()) == main.counted(TOOLS)


def test_a_shrunk_budget_keeps_its_proportions() -> None:
    budget = Budget.of(8000, reply=None, pressure_share=0.7, eviction_share=0.5)
    assert budget == Budget(window=8000, reply=1000, warning=5600, target=4000)
    assert budget.shrunk(4000) == Budget(window=4000, reply=500, warning=2800, target=2000)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), min_size=1, max_size=30))
def test_no_eviction_parts_a_call_from_its_result(kinds: list[tuple[bool, int]]) -> None:
    main = context()
    for number, (is_step, size) in enumerate(kinds):
        main.entries.append(step(number, "w " * size) if is_step else event("w " * size))
        if main.tokens(TOOLS) > main.budget.limit:
            main.evict(TOOLS)
    open_calls: set[str] = set()
    for message in main.render():
        if message["role"] == "tool":
            assert message["tool_call_id"] in open_calls
            open_calls.discard(message["tool_call_id"])
        else:
            assert not open_calls
            open_calls = {call["id"] for call in message.get("tool_calls", ())}
    assert not open_calls


def test_a_window_smaller_than_the_fixed_parts_evicts_all_but_the_newest() -> None:
    main = context(window=1000)
    main.instructions = "rule " * 2000
    main.entries = [event("a"), event("b")]
    assert main.evict(TOOLS) == [event("a")]
    assert main.tokens(TOOLS) > main.budget.limit


@pytest.mark.parametrize("reply", [None, 100, 5000])
def test_the_reply_never_takes_more_than_half(reply: int | None) -> None:
    budget = Budget.of(2000, reply=reply, pressure_share=0.7, eviction_share=0.5)
    assert 1000 <= budget.limit < 2000


def test_other_functions_are_counted_anew_wherever_they_lie_in_memory() -> None:
    main = context()
    sizes = set()
    for number in range(20):  # a list that is freed leaves its address to the next one
        tools = [{"type": "function", "function": {"name": "f" * (40 * number + 1)}}]
        assert main.sections(tools)["functions"] == main.counter.tools(tools)
        assert main.sections(tuple(tools)) == main.sections(tools)
        sizes.add(main.sections(tools)["functions"])
    assert len(sizes) == 20
    assert main.sections([])["functions"] == 0
