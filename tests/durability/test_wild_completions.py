"""Ten thousand completions, from sound to wild: none ends a turn, or the agent, with an error."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, malformed, say

WINDOWS = (2048, 4096, 16_384)
MAX_STEPS = 4
NAMES = [
    "send_message", "core_memory_append", "core_memory_replace", "conversation_search",
    "conversation_search_date", "archival_memory_insert", "archival_memory_search",
    "pause_heartbeats", "stock",
]  # fmt: skip

words = st.text(max_size=40) | st.sampled_from(
    ["tea", "TERMINATE", "2026-05-08", "human", "x" * 999]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["message", "name", "content", "old_content", "new_content", "query", "speaker", "page",
     "start_date", "end_date", "archive", "minutes", "request_heartbeat", "part"]
)  # fmt: skip
fitting = st.dictionaries(keys, words | st.integers(0, 9) | st.booleans(), max_size=4)
arguments = st.one_of(
    fitting.map(json.dumps),
    st.dictionaries(keys, values, max_size=4).map(json.dumps),
    fitting,  # not as a text
    values,
    words,
    st.sampled_from(["{", "[" * 3000, '{"message": "cut of', '{"a":' * 900 + "1" + "}" * 900]),
    st.integers(1000, 100_000).map(lambda size: json.dumps({"message": "long " * (size // 5)})),
)
calls = st.fixed_dictionaries(
    {
        "id": st.just("call_1") | scalars,
        "type": st.just("function") | scalars,
        "function": st.fixed_dictionaries(
            {"name": st.sampled_from(NAMES) | words, "arguments": arguments}
        )
        | values,
    }
)
contents = st.one_of(
    st.none(),
    words,
    words.map(lambda text: f"<think>{text}</think>{text}"),
    words.map(lambda text: f"{text}</think>"),
    fitting.map(lambda a: json.dumps({"name": "send_message", "arguments": a})),
    fitting.map(lambda a: f"<tool_call>{json.dumps({'name': 'stock', 'arguments': a})}"),
    values,
)
messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": contents},
    optional={
        "tool_calls": st.lists(calls, max_size=20) | values,
        "function_call": values,
        "refusal": values,
        "reasoning_content": values,
    },
)
counts = st.integers(-1, 10**7) | scalars
usages = values | st.fixed_dictionaries(
    {"prompt_tokens": counts, "completion_tokens": counts, "total_tokens": counts}
)
reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter", ""]) | scalars


@st.composite
def completions(draw: st.DrawFn) -> str:
    choice = {"index": 0, "message": draw(messages), "finish_reason": draw(reasons)}
    head = {"id": "chat-1", "object": "chat.completion", "created": 0, "model": "m"}
    return json.dumps({**head, "choices": [choice], "usage": draw(usages)})


class Answering:
    """Gives what was drawn, then plain answers."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def __call__(self, request: ChatRequest) -> Step:
        return malformed(self.drawn.pop(0)) if self.drawn else say("Plain.")


@contextmanager
def agents(folder: Path) -> Iterator[list[tuple[Answering, ScriptedModel, MemGPTAgent]]]:
    with ExitStack() as stack:
        made = []
        for window in WINDOWS:
            script = Answering()
            model = stack.enter_context(ScriptedModel(script, window=10**7))
            given = Settings(
                location=str(folder / str(window)), max_steps=MAX_STEPS, summary="digest",
                block_limit=200,
            )  # fmt: skip
            agent = MemGPTAgent(
                "m", "", model.llm_config, memory=given, context_window=window,
                max_consecutive_auto_reply=10**9, embedder=HashingEmbedder(),
            )  # fmt: skip
            agent.register_for_execution()(stock)
            agent.register_for_llm(description="Stock of a part.")(stock)
            made.append((script, model, stack.enter_context(agent)))
        yield made


def stock(part: str) -> str:
    return f"12 {part}"


def ask(agent: MemGPTAgent, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])


def run(folder: Path, examples: int) -> tuple[int, int]:
    """How many completions were answered with, and the bytes that memory grew by at the end."""
    given_completions, sizes = 0, []
    with agents(folder) as made:

        @seed(8)
        @settings(
            max_examples=examples,
            database=None,
            phases=[Phase.generate],  # to shrink these takes minutes
        )
        @given(st.lists(completions(), min_size=1, max_size=3))
        def answered(drawn: list[str]) -> None:
            nonlocal given_completions
            for script, model, agent in made:
                model.requests.clear()  # which would be all that grows
                script.drawn = list(drawn)
                ask(agent, "Hi.")
                assert len(agent.last_steps) <= MAX_STEPS
                given_completions += len(drawn) - len(script.drawn)
                script.drawn = []
                assert ask(agent, "And now?") == "Plain."
            sizes.append(tracemalloc.get_traced_memory()[0])

        answered()
    middle, end = sizes[len(sizes) // 2], sizes[-1]
    return given_completions, end - middle


def test_wild_completions_end_no_turn(tmp_path: Path) -> None:
    count, _ = run(tmp_path, 12)
    assert count > 40


@pytest.mark.slow_durability
def test_ten_thousand_wild_completions_end_no_turn(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        count, grown = run(tmp_path, 2000)
    finally:
        tracemalloc.stop()  # with all agents closed: Python crashes where a thread is at work
    print(f"{count:,} completions; memory grew by {grown / 2**20:.1f} MB in the second half")
    assert count >= 10_000
    assert grown < 20 * 2**20
