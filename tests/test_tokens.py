"""Token counts: exact where a vocabulary is at hand, large where not, corrected by reports."""

from __future__ import annotations

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.model import tokens
from memgpt_autogen.model.reports import Reports
from memgpt_autogen.model.tokens import DEFAULT_WINDOW, TokenCounter, estimate, window_of


def test_a_known_model_is_counted_with_its_vocabulary() -> None:
    text = "The quick brown fox jumps over the lazy dog, 1234567 times; naïvely, 你好."
    assert TokenCounter("gpt-4").text(text) == len(
        tiktoken.get_encoding("cl100k_base").encode(text)
    )


def test_special_tokens_and_lone_surrogates_are_only_text() -> None:
    counter = TokenCounter("gpt-4")
    assert counter.text("<|endoftext|>") > 1
    assert counter.text("broken \ud800 text") > 0


SAMPLES = [
    "Hello there, how do you do? I have been thinking about the plan for Thursday.",
    "8c4f1b2e-9aaa-4d3b-b2b1-0123456789ab",
    "def add(a: int, b: int) -> int:\n    return a + b\n\n\nprint(add(1, 22))\n",
    '{"name": "core_memory_append", "arguments": {"name": "human", "content": "x"}}',
    "Donaudampfschifffahrtsgesellschaftskapitän, größer, Äpfel",
    "今天天气很好，我们去公园散步吧。",
    "Привет, как дела? Сегодня хорошая погода.",
    "👩‍👩‍👧‍👦 🎉🎉",
    "AAAA BBBB CCCC qzxj wvkp",
]


@pytest.mark.parametrize("text", SAMPLES)
def test_the_estimate_errs_on_the_large_side(text: str) -> None:
    exact = TokenCounter("gpt-4").text(text)
    assert exact <= estimate(text) <= 4 * exact


@given(st.text(max_size=200))
def test_any_text_can_be_counted_and_estimated(text: str) -> None:
    assert TokenCounter("gpt-4").text(text) >= 0
    assert estimate(text) >= 0


def test_without_a_vocabulary_the_estimate_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_encoding", lambda name: None)
    assert TokenCounter("gpt-4").text(SAMPLES[0]) == estimate(SAMPLES[0])


def test_a_failing_download_falls_back_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def offline(name: str) -> tiktoken.Encoding:
        raise OSError("no network")

    monkeypatch.setattr(tokens, "_seed_cache", lambda name: None)
    monkeypatch.setattr(tiktoken, "get_encoding", offline)
    assert tokens._encoding.__wrapped__("cl100k_base") is None
    assert "memgpt-autogen[offline]" in caplog.text


def test_reports_correct_the_count_up_at_once_and_down_slowly() -> None:
    counter = TokenCounter("gpt-4")
    counter.learn(1000, 1200)
    assert counter.corrected(1000) == 1200
    counter.learn(1000, 1000)
    assert 1000 < counter.corrected(1000) < 1200
    for _ in range(40):
        counter.learn(1000, 1000)
    assert counter.corrected(1000) <= 1002


def test_a_report_far_from_the_count_must_be_confirmed() -> None:
    counter = TokenCounter("gpt-4")
    counter.learn(1000, 1700)
    assert counter.corrected(1000) == 1000
    counter.learn(1000, 1000)
    counter.learn(1000, 1700)
    assert counter.corrected(1000) == 1000  # the one between spoke against it
    counter.learn(1000, 1720)
    assert counter.corrected(1000) == 1720


@given(st.lists(st.integers(-5, 10**9), max_size=20))
def test_absurd_reports_are_bounded(reports: list[int]) -> None:
    counter = TokenCounter("gpt-4")
    for report in reports:
        counter.learn(1000, report)
        assert 500 <= counter.corrected(1000) <= 4000


@given(st.lists(st.integers(1000, 3000), max_size=40))
def test_a_running_total_is_never_learnt(sizes: list[int]) -> None:
    counter = TokenCounter("gpt-4")
    total = 0
    for size in sizes:
        total += size
        counter.learn(size, total)
    assert counter.corrected(1000) <= 1250


@pytest.mark.parametrize("kept", [2050, 4096], ids=["half", "all that fits"])
def test_a_server_that_cuts_prompts_is_found_out(kept: int) -> None:
    reports = Reports()
    sizes = range(1000, 9000, 200)
    cut = [
        size
        for size in sizes
        if reports.is_cut(size, min(size, kept) if size > 4096 else size, size)
    ]
    assert cut
    assert cut[0] > 4096
    assert reports.window is not None
    assert 3800 <= reports.window <= 4096


@given(st.lists(st.integers(500, 100_000), max_size=40), st.floats(0.6, 2))
def test_a_server_that_reports_what_there_was_is_never_suspected(
    sizes: list[int], factor: float
) -> None:
    reports = Reports()
    for size in sizes:
        assert not reports.is_cut(size, round(size * factor), round(size * factor))
    assert reports.window is None


def test_one_low_report_is_no_proof() -> None:
    reports = Reports()
    reports.is_cut(5000, 5000, 5000)
    assert reports.is_cut(5100, 90, 5100)
    assert reports.window is None
    assert not reports.is_cut(5200, 5200, 5200)
    assert reports.is_cut(5300, 90, 5300)
    assert reports.window is None


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("gpt-4", 8192),  # by its name
        ("GPT-4o", 128_000),
        ("gpt-4-turbo-preview", 128_000),
        ("gpt-4.5-preview", 128_000),
        ("gpt-3.5-turbo-instruct", 4096),
        ("gpt-4o-mini", 128_000),  # members of a family differ
        ("o1", 200_000),
        ("o1-mini", 128_000),
        ("o1-preview", 128_000),
        ("gpt-4.1-nano", 1_047_576),
        ("gpt-5-mini", 400_000),
        ("gpt-4-0613", 8192),  # dates and versions
        ("gpt-3.5-turbo-0613", 4096),
        ("gpt-3.5-turbo-0125", 16_385),
        ("gpt-4-0125-preview", 128_000),
        ("gpt-4o-2024-08-06", 128_000),
        ("chatgpt-4o-latest", 128_000),
        ("o1-mini-2024-09-12", 128_000),
        ("claude-3-5-sonnet-20241022", 200_000),
        ("claude-sonnet-4@20250514", 200_000),
        ("gemini-1.5-pro-002", 2_097_152),
        ("gemini-2.5-flash-preview-05-20", 1_048_576),
        ("mistral-large-2402", 32_768),
        ("mistral-large-latest", 131_072),
        ("llama3.1:8b-instruct-q4_0", 128_000),
        ("openai/gpt-4.1", 1_047_576),  # behind a provider's name, or tuned
        ("meta-llama/Llama-3.1-8B-Instruct", 128_000),
        ("ft:gpt-4o-mini-2024-07-18:acme::id", 128_000),
        ("qwen2.5-coder-1.5b-instruct", DEFAULT_WINDOW),  # unknown
        ("gpt-4.7", DEFAULT_WINDOW),
        ("gpt-4.5-nano", DEFAULT_WINDOW),
        ("gpt-4x", DEFAULT_WINDOW),
        ("gpt-4o-tiny", DEFAULT_WINDOW),
        ("o1-nano", DEFAULT_WINDOW),
        ("o10", DEFAULT_WINDOW),
        ("claude-9", DEFAULT_WINDOW),
        ("", DEFAULT_WINDOW),
    ],
)
def test_windows_by_whole_names(model: str, window: int) -> None:
    assert window_of(model) == window


def test_messages_count_calls_images_and_framing() -> None:
    counter = TokenCounter("gpt-4")
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert counter.message({"content": None, "tool_calls": [call]}) > counter.message(
        {"content": None}
    )
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    assert counter.message({"content": [{"type": "text", "text": "see"}, image]}) > 800
