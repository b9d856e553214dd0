"""The loop as a chat sees it: functions, heartbeats, mistakes, limits, nudges."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import openai
import pytest
from autogen import register_function

from memgpt_autogen import MemGPTAgent, Settings, SystemAlert, TimedEvent
from memgpt_autogen.engine.asking.summarizer import Summarizer
from memgpt_autogen.engine.loop import NUDGE, STEP_LIMIT_REPLY, TOKEN_BUDGET_REPLY
from memgpt_autogen.engine.queue_manager import Room
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.testing import (
    ScriptedModel,
    call,
    calls,
    cut,
    empty,
    fail,
    raw_call,
    reasoning,
    refusal,
    say,
    send,
)
from tests.clocks import NOON, Ticking

pytestmark = pytest.mark.autogen


Make = Callable[..., MemGPTAgent]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes agents that are closed at the end of the test."""
    made: list[MemGPTAgent] = []

    def build(model: ScriptedModel, name: str = "mem", **kwargs: Any) -> MemGPTAgent:
        kwargs.setdefault("memory", tmp_path / "memory")
        kwargs.setdefault("clock", Ticking())
        agent = MemGPTAgent(name, "Be helpful.", model.llm_config, **kwargs)
        made.append(agent)
        return agent

    yield build
    for agent in made:
        agent.close()


def ask(agent: MemGPTAgent, text: str, speaker: str = "Alice") -> Any:
    return agent.generate_reply([{"role": "user", "content": text, "name": speaker}])


def results(agent: MemGPTAgent) -> list[str]:
    return [result.text for step in agent.last_steps for result in step.results]


def test_a_fact_is_stored_and_answered_in_two_steps(make: Make) -> None:
    script = [
        call(
            "core_memory_append", name="human", content="Alice likes tea.", request_heartbeat=True
        ),
        send("Noted.", monologue="She will like that."),
    ]
    with ScriptedModel(script) as model:
        agent = make(model)
        assert ask(agent, "I like tea.") == "Noted."
        assert agent.core_memory["human"].value == "Alice likes tea."
        assert [step.monologue for step in agent.last_steps] == ["", "She will like that."]
        assert "now reads:\n  Alice likes tea." in model.requests[1].text
        assert model.requests[0].contains("Alice: I like tea.") == 1
        page = agent.recall.search("tea")
        assert {(m.speaker, m.text) for m in page.items} == {
            ("Alice", "I like tea."),
            ("mem", "Noted."),
        } - ({("mem", "Noted.")} if page.total == 1 else set())


def test_all_eight_functions_work(make: Make) -> None:
    heartbeat: dict[str, Any] = {"request_heartbeat": True}
    script = [
        calls(
            call("archival_memory_insert", content="The launch code is 4711.", **heartbeat),
            call("conversation_search", query="umbrella"),
            call("conversation_search_date", start_date="2026-05-08", end_date="2026-05-08"),
            call("core_memory_append", name="human", content="Has an umbrella."),
            call(
                "core_memory_replace", name="human", old_content="an umbrella", new_content="a hat"
            ),
            call("pause_heartbeats", minutes=5),
        ),
        call("archival_memory_search", query="launch code", **heartbeat),
        send("done"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model)
        assert ask(agent, "I lost my umbrella.") == "done"
        told = results(agent)
    assert told[0] == "Stored in archival memory."
    assert told[1].startswith("Page 1 of 1, 1 messages in all:")
    assert "] Alice: I lost my umbrella." in told[1]
    assert "] Alice: I lost my umbrella." in told[2]
    assert told[4].endswith("now reads:\n  Has a hat.")
    assert "2026-05-08" in told[5]
    assert told[6].startswith("Page 1 of 1, 1 passages in all:") and "4711" in told[6]


def test_results_come_in_pages(make: Make) -> None:
    script = [
        calls(
            call(
                "conversation_search_date", start_date="2026-05-08", end_date="2026-05-08", page=1
            ),
            call(
                "conversation_search_date", start_date="2026-05-08", end_date="2026-05-08", page=7
            ),
            call("conversation_search_date", start_date="2026-05-09", end_date="2026-05-08"),
            call("conversation_search_date", start_date="some day", end_date="2026-05-08"),
        ),
        send("done"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model, memory=Settings(location=str(Path.cwd() / "m"), page_size=2))
        for number in range(4):
            agent.recall.append(f"message {number}", speaker="Bob", timestamp=NOON)
        ask(agent, "look")
        told = results(agent)
    assert told[0].startswith("Page 2 of 3, 5 messages in all; page=2 has more:")
    assert "message 2" in told[0] and "message 3" in told[0] and "message 1" not in told[0]
    assert "the last is page=2" in told[1]
    assert "swap them" in told[2]
    assert "write it like 2026-05-08" in told[3]


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        (call("fly", to="moon"), "there is no function 'fly'; the functions are send_message,"),
        (raw_call("send_message", '{"message": '), "no valid JSON"),
        (raw_call("send_message", "[1]"), "must be a JSON object"),
        (call("conversation_search"), "query: field required"),
        (call("send_message", message="x", loud=True), "loud: extra inputs are not permitted"),
        (call("send_message", message=" "), "message is empty"),
        (call("core_memory_append", name="human", content="x" * 3000), "over its limit of 2000"),
        (call("archival_memory_insert", content=""), "content is empty"),
        (call("conversation_search", query="x", page=-1), "page: input should be greater"),
        (call("", x=1), "there is no function ''"),
        (cut(raw_call("send_message", '{"message": "and then')), "If the reply was cut off"),
    ],
)
def test_a_mistake_becomes_text_and_another_step(make: Make, mistake: Any, complaint: str) -> None:
    with ScriptedModel([mistake, send("sorry")]) as model:
        agent = make(model)
        assert ask(agent, "go") == "sorry"
        assert not agent.last_steps[0].results[0].ok
        assert complaint in results(agent)[0]
        assert complaint in json.dumps(model.requests[1].messages, ensure_ascii=False)
        assert agent.core_memory["human"].value == ""
        assert len(agent.archival) == 0


def test_parallel_calls_with_the_same_id_stay_apart(make: Make) -> None:
    script = [
        calls(
            call("core_memory_append", id="x", name="human", content="A"),
            call("core_memory_append", id="x", name="human", content="B", request_heartbeat=True),
        ),
        calls(
            call("send_message", id="x", message="one"), call("send_message", id="x", message="two")
        ),
        send("later", monologue=None),
    ]
    with ScriptedModel(script) as model:
        agent = make(model)
        assert ask(agent, "go") == "one\n\ntwo"
        assert ask(agent, "again") == "later"
    assert agent.core_memory["human"].value == "A\nB"


def test_text_without_a_call_is_a_message_and_beside_one_it_is_private(make: Make) -> None:
    with ScriptedModel([say("hello"), send("hi", monologue="secret")]) as model:
        agent = make(model)
        assert ask(agent, "a") == "hello"
        assert ask(agent, "b") == "hi"
        assert agent.last_steps[0].monologue == "secret"


def test_reasoning_is_monologue_and_refusals_and_cut_texts_are_messages(make: Make) -> None:
    script = [reasoning("deep", say("42")), refusal("I won't."), cut("partial")]
    with ScriptedModel(script) as model:
        agent = make(model)
        assert ask(agent, "a") == "42"
        assert agent.last_steps[0].monologue == "deep"
        assert ask(agent, "b") == "I won't."
        assert ask(agent, "c") == "partial"


def test_a_silent_turn_is_nudged_once_then_falls_to_the_default_reply(make: Make) -> None:
    script = [
        call("core_memory_append", name="human", content="x"),
        empty(),
        send("heard"),
        empty(),
        empty(),
    ]
    with ScriptedModel(script[:1] + script[2:]) as model:
        agent = make(model, default_auto_reply="(nothing to say)")
        assert ask(agent, "a") == "heard"
        assert NUDGE in model.requests[1].text
        assert ask(agent, "b") == "(nothing to say)"
        assert model.requests[-1].contains(NUDGE) == 2


def test_the_step_limit_ends_a_turn_politely(make: Make) -> None:
    def chatty(request: Any) -> Any:
        return call("conversation_search", query="x", request_heartbeat=True)

    with ScriptedModel(chatty) as model:
        agent = make(model, memory=Settings(location="./limited", max_steps=4))
        assert ask(agent, "go") == STEP_LIMIT_REPLY
        assert len(model.requests) == 4
        assert "last step" in model.requests[-1].text
        assert "last step" not in model.requests[-2].text


def test_the_token_budget_ends_a_turn_politely(make: Make) -> None:
    def chatty(request: Any) -> Any:
        return call("conversation_search", query="x", request_heartbeat=True)

    with ScriptedModel(chatty) as model:
        agent = make(model, memory=Settings(location="./budget", turn_token_budget=3000))
        assert ask(agent, "go") == TOKEN_BUDGET_REPLY
        assert 1 < len(model.requests) < 5


def test_errors_of_the_provider_pass_and_nothing_is_lost(make: Make) -> None:
    with ScriptedModel([fail(429), send("back")]) as model:
        agent = make(model)
        with pytest.raises(openai.RateLimitError):
            ask(agent, "remember 4711")
        assert [m.text for m in agent.recall.latest(5)] == ["remember 4711"]
        assert ask(agent, "remember 4711") == "back"
        assert model.requests[-1].contains("remember 4711") == 1
        assert len(agent.recall) == 2


def test_a_reopened_agent_goes_on_where_it_stopped(make: Make) -> None:
    script = [
        call("core_memory_append", name="human", content="Likes tea.", request_heartbeat=True),
        send("ok"),
        send("tea"),
    ]
    with ScriptedModel(script) as model:
        with make(model, persona="I am terse.") as first:
            ask(first, "I like tea.")
        second = make(model, persona="I am verbose.")
        assert second.core_memory["persona"].value == "I am terse."
        assert second.core_memory["human"].value == "Likes tea."
        assert ask(second, "What do I like?") == "tea"
        assert model.requests[-1].contains("Alice: I like tea.") == 1
        assert len(second.recall) == 4


def test_edits_by_the_program_reach_the_model(make: Make) -> None:
    with ScriptedModel([send("a"), send("b"), send("c")]) as model:
        agent = make(model)
        ask(agent, "one")
        agent.core_memory.set("human", "Prefers mail.")
        ask(agent, "two")
        ask(agent, "three")
        assert model.requests[0].contains("Prefers mail.") == 0
        assert model.requests[1].contains("'human' now reads:\n  Prefers mail.") == 1
        assert model.requests[2].contains("Prefers mail.") == 1


def test_notify_runs_a_turn_outside_chats_and_pauses_hold_timers_back(make: Make) -> None:
    script = [
        calls(call("pause_heartbeats", minutes=30), call("send_message", message="Watering now.")),
        send("still here"),
        send("timer"),
    ]
    with ScriptedModel(script) as model:
        clock = Ticking()
        agent = make(model, clock=clock)
        assert agent.notify(SystemAlert(timestamp=NOON, text="The plants are dry.")) == (
            "Watering now.",
        )
        assert agent.notify(TimedEvent(timestamp=NOON)) == ()
        assert agent.notify(SystemAlert(timestamp=NOON, text="?")) == ("still here",)
        clock.now += timedelta(hours=1)
        assert agent.notify(TimedEvent(timestamp=NOON)) == ("timer",)
        assert "(timer)" in model.requests[-1].text


def test_without_a_model_it_behaves_as_any_agent_and_opens_no_memory(tmp_path: Path) -> None:
    agent = MemGPTAgent("quiet", llm_config=False, memory=tmp_path / "m", default_auto_reply="auto")
    assert ask(agent, "hello") == "auto"
    assert not (tmp_path / "m").exists()
    with pytest.raises(ConfigurationError, match="llm_config"):
        agent.notify(TimedEvent(timestamp=NOON))


def test_wrong_settings_say_what_to_do(make: Make) -> None:
    with ScriptedModel([]) as model:
        with pytest.raises(ConfigurationError, match="memgpt_chat"):
            make(model, preset="no_such_preset")
        with pytest.raises(ConfigurationError, match="at least 2,048"):
            make(model, context_window=100)


def test_the_overview_adds_up(make: Make) -> None:
    with ScriptedModel([send("hi")]) as model:
        agent = make(model, context_window=4096)
        ask(agent, "hello there")
        overview = agent.context_overview()
    assert overview.window == 4096
    assert set(overview.sections) == {
        "system instructions", "functions", "core memory", "summary", "queue",
    }  # fmt: skip
    assert 0.9 < overview.total / (model.requests[0].prompt_tokens + 30) < 1.2
    assert (overview.recall_messages, overview.archival_passages) == (2, 0)


def test_the_key_is_never_written(make: Make, tmp_path: Path) -> None:
    with ScriptedModel([send("hi")]) as model:
        agent = make(model)
        ask(agent, "hello")
        agent.close()
        files = [path for path in (tmp_path / "memory").rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert model.api_key.encode() not in path.read_bytes()


def test_halves_of_characters_break_nothing(make: Make) -> None:
    script = [
        raw_call(
            "core_memory_append",
            '{"name": "human", "content": "cut \\ud83d", "request_heartbeat": true}',
        ),
        raw_call("send_message", '{"message": "hi \\ud83d"}'),
        send("still here"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model)
        assert ask(agent, "bad \udce9 byte") == "hi \ufffd"
        assert agent.core_memory["human"].value == "cut \ufffd"
        assert ask(agent, "well?") == "still here"


def test_a_picture_object_is_named_and_breaks_nothing(make: Make) -> None:
    part = {"type": "image_url", "image_url": {"url": object()}}
    with ScriptedModel([send("nice")]) as model:
        agent = make(model)
        assert agent.generate_reply([{"role": "user", "content": [part]}]) == "nice"
        assert "(image)" in model.requests[0].last_text


def test_what_was_sent_before_an_error_is_heard(make: Make) -> None:
    script = [
        calls(
            call("send_message", message="the answer"),
            call("conversation_search", query="x", request_heartbeat=True),
        ),
        fail(500),
        send("next"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model)
        assert ask(agent, "question") == "the answer"
        assert ask(agent, "another") == "next"


def test_an_interrupt_in_the_summary_drops_nothing(make: Make) -> None:
    with ScriptedModel(lambda request: send("ok")) as model:
        agent = make(model)
        ask(agent, "one")
        queue = agent._memgpt_capability.open().queue
        before = list(queue.context.entries)

        def interrupted(system: str, text: str) -> str:
            raise KeyboardInterrupt

        summarizer = Summarizer(interrupted, name="mem", limit=600, chunk=2000, failures=())
        tools = agent._memgpt_capability.open().executor.schemas
        queue.context.budget = queue.context.budget.shrunk(1200)
        with pytest.raises(KeyboardInterrupt):
            queue.make_room(Room(tools, lambda: summarizer))
        assert queue.context.entries == before


def test_the_agent_is_prompted_when_only_its_own_words_are_new(make: Make) -> None:
    history = [
        {"role": "user", "name": "Ann", "content": "hello"},
        {"role": "assistant", "name": "mem", "content": "typed by a human"},
    ]
    with ScriptedModel([send("a"), send("b")]) as model:
        agent = make(model)
        assert agent.generate_reply(history[:1]) == "a"
        said = {"role": "assistant", "name": "mem", "content": "a"}
        assert agent.generate_reply([history[0], said, history[1]]) == "b"
        assert "your turn" in model.requests[-1].last_text


def test_call_ids_suit_every_provider(make: Make) -> None:
    with ScriptedModel([send("a"), send("b")]) as model:
        agent = make(model)
        ask(agent, "x")
        ask(agent, "y")
        ids = [c["id"] for m in model.requests[1].messages for c in m.get("tool_calls") or ()]
    assert ids and all(len(each) == 9 and each.isalnum() for each in ids)


def test_a_farewell_is_remembered(make: Make) -> None:
    with ScriptedModel(
        lambda request: call("conversation_search", query="x", request_heartbeat=True)
    ) as model:
        agent = make(model, memory=Settings(location="./farewell", max_steps=2))
        assert ask(agent, "go") == STEP_LIMIT_REPLY
        assert agent.recall.latest(1)[0].text == STEP_LIMIT_REPLY


@pytest.mark.parametrize("problem", [KeyboardInterrupt, SystemExit])
def test_a_step_that_is_broken_off_keeps_what_was_done(
    make: Make, problem: type[BaseException]
) -> None:
    def break_off() -> str:
        raise problem

    script = [
        calls(
            call("core_memory_append", name="human", content="Likes tea."),
            call("send_message", message="Noted."),
            call("break_off"),
            call("send_message", message="not said"),
        ),
        send("again"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model)
        register_function(break_off, caller=agent, executor=agent, description="Breaks off.")
        with pytest.raises(problem):
            ask(agent, "go")
        assert agent.core_memory["human"].value == "Likes tea."
        assert [m.text for m in agent.recall.latest(9)] == ["go", "Noted."]
        agent.close()
        assert ask(agent, "go") == "again"
        request = model.requests[1]
        assert request.contains("Alice: go") == 1
        assert request.contains("Likes tea.") >= 1
        assert request.contains("Noted.") == 1
        assert request.contains("broken off before it ended") == 1
        assert not request.contains("not said")
        assert agent.context_overview().counters.model_calls == 2
