"""What an agent does outside its turns in chats: events, who hears it, and stopped turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent

from memgpt_autogen import (
    ConfigurationError,
    Login,
    MemGPTAgent,
    MessageEvent,
    Settings,
    SystemAlert,
    TurnEnd,
)
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import call, calls, send
from memgpt_autogen.zones import ago
from tests.clocks import NOON, Ticking
from tests.groupchat import manager_of, speaker
from tests.playing import playing

pytestmark = pytest.mark.autogen

Playing = Callable[..., Any]

DRY = SystemAlert("The plants are dry.")


@pytest.fixture
def play(tmp_path: Path) -> Playing:
    """An agent beside its model, which are closed at the end."""

    def played(*steps: Any, script: Any = None, **kwargs: Any) -> Any:
        return playing(
            script or list(steps),
            tmp_path / "m",
            embedder=HashingEmbedder(),
            clock=Ticking(),
            **kwargs,
        )

    return played


def listener(name: str = "ann") -> Any:
    """Somebody who hears what is sent, and answers nothing."""
    return ConversableAgent(
        name, llm_config=False, human_input_mode="NEVER", is_termination_msg=lambda message: True
    )


# --- events ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5, minutes=59), "5 hours ago"),
        (timedelta(days=3, hours=2), "3 days ago"),
        (timedelta(days=70), "2 months ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(days=-2), "just now"),
    ],
)
def test_how_long_ago_is_told_in_plain_words(before: timedelta, words: str) -> None:
    assert ago(NOON - before, NOON) == words


def test_a_login_tells_when_its_person_last_said_something(play: Playing) -> None:
    with play(send("Hello Ann."), send("Welcome.")) as (agent, model):
        agent.recall.append("Long ago.", "Ann", NOON - timedelta(days=9))
        agent.recall.append("See you.", "Ann", NOON - timedelta(days=3))
        agent.notify(Login("Ann"))
        agent.notify(Login("Ben"))
    assert "(login) Ann is online; last seen 3 days ago." in model.requests[0].last_text
    assert "(login) Ben is online for the first time." in model.requests[1].last_text


def test_a_message_outside_chats_is_one_of_its_speaker(play: Playing) -> None:
    with play(send("Hi Ann.")) as (agent, _):
        assert agent.notify(MessageEvent(speaker="Ann", text="Hello?")) == ("Hi Ann.",)
        assert [(one.speaker, one.origin) for one in agent.recall.latest(9)] == [
            ("Ann", "Ann"),
            ("mem", "Ann"),
        ]


# --- who hears it ------------------------------------------------------------------------


def test_without_a_recipient_the_callback_hears_it(play: Playing) -> None:
    heard: list[str] = []
    with play(
        calls(call("send_message", message="One."), call("send_message", message="Two.")),
        send("In a chat."),
        on_message=heard.append,
    ) as (agent, _):
        assert agent.notify(DRY) == ("One.", "Two.")
        agent.generate_reply([{"role": "user", "name": "ann", "content": "hi"}])
    assert heard == ["One.", "Two."]


def test_a_callback_that_nobody_would_await_is_refused() -> None:
    async def heard(text: str) -> None: ...

    with pytest.raises(ConfigurationError, match="on_message=heard: give a plain function"):
        MemGPTAgent("mem", llm_config=False, on_message=heard)


def test_a_recipient_gets_it_in_their_chat_and_it_is_not_taken_in_again(play: Playing) -> None:
    heard: list[str] = []
    with play(send("Hi."), send("Ann, water them."), send("Thanks."), on_message=heard.append) as (
        agent,
        model,
    ):
        ann = listener()
        ann.send("hello", agent, request_reply=True, silent=True)
        ann.send("I am off.", agent, request_reply=False, silent=True)
        assert agent.notify(DRY, ann) == ("Ann, water them.",)
        assert ann.chat_messages[agent][-1]["content"] == "Ann, water them."
        ann.send("done", agent, request_reply=True, silent=True)
        said = [one.text for one in agent.recall.latest(9)]
    assert said == ["hello", "Hi.", "I am off.", "Ann, water them.", "done", "Thanks."]
    last = model.requests[-1]
    assert last.contains("Ann, water them.") == 1 and last.contains("I am off.") == 1
    assert not heard


def test_a_group_chat_goes_on_with_it(play: Playing) -> None:
    with play(send("Hi all."), send("The plants are dry!"), send("Good.")) as (agent, model):
        ann = speaker("ann", lambda number: f"ann {number}")
        manager = manager_of([ann, agent], max_round=3)
        ann.initiate_chat(manager, message="start", silent=True)
        assert agent.notify(DRY, manager) == ("The plants are dry!",)
        said = [(one["name"], one["content"]) for one in manager.groupchat.messages]
        recalled = [one.text for one in agent.recall.latest(9)]
    assert said == [
        ("ann", "start"),
        ("mem", "Hi all."),
        ("ann", "ann 1"),
        ("mem", "The plants are dry!"),
        ("ann", "ann 2"),
        ("mem", "Good."),
    ]
    assert recalled == [text for _, text in said]
    assert model.requests[-1].contains("The plants are dry!") == 1


def test_kept_apart_it_is_said_in_the_recipients_own_queue(tmp_path: Path) -> None:
    settings = Settings(location=str(tmp_path / "m"), separate_partners=True)
    script = [send("Hi Ann."), send("Hi Ben."), send("Ann, water them.")]
    with playing(script, settings, embedder=HashingEmbedder(), clock=Ticking()) as (agent, model):
        ann, ben = listener("ann"), listener("ben")
        ann.send("hello from ann", agent, request_reply=True, silent=True)
        ben.send("hello from ben", agent, request_reply=True, silent=True)
        agent.notify(DRY, ann)
        assert agent.recall.latest(1)[0].origin == "ann"
    assert model.requests[-1].contains("hello from ann")
    assert not model.requests[-1].contains("hello from ben")


async def test_asynchronously_it_gets_there_too(play: Playing) -> None:
    with play(send("Ann, water them.")) as (agent, _):
        ann = listener()
        assert await agent.a_notify(DRY, ann) == ("Ann, water them.",)
        assert ann.chat_messages[agent][-1]["content"] == "Ann, water them."


# --- stopped turns -----------------------------------------------------------------------

BUSY = calls(
    call("send_message", message="Let me look."),
    call("core_memory_append", name="human", content="Wants tea.", request_heartbeat=True),
)


def test_a_stopped_turn_ends_at_its_next_step_and_is_resumed(play: Playing) -> None:
    with play(BUSY, send("Found it."), send("And more.")) as (agent, model):
        stopping(agent, after=1)
        ann = listener()
        ann.send("look", agent, request_reply=True, silent=True)
        assert ann.chat_messages[agent][-1]["content"] == "Let me look."
        assert agent._memgpt_capability.last_turn.end is TurnEnd.STOPPED
        assert agent.core_memory["human"].value == "Wants tea."
        assert agent.resume() == ("Found it.",)
        assert agent.resume() == (), "it came to its end"
        ann.send("go on", agent, request_reply=True, silent=True)
        said = [one.text for one in agent.recall.latest(9)]
    assert "you were stopped here" in model.requests[1].text
    assert "go on with what you were doing" in model.requests[1].last_text
    assert said == ["look", "Let me look.", "Found it.", "go on", "And more."]


def test_a_stopped_turn_that_said_nothing_gives_the_usual_reply(play: Playing) -> None:
    silent = call("core_memory_append", name="human", content="x", request_heartbeat=True)
    with play(calls(silent), send("Done."), default_auto_reply="(busy)") as (agent, model):
        stopping(agent, after=1)
        assert agent.generate_reply(sender=asker(agent, "work")) == "(busy)"
        assert not agent.stop(), "no turn runs"
        ask = [{"role": "user", "name": "ann", "content": "and now?"}]
        assert agent.generate_reply(ask) == "Done."
    assert model.requests[1].contains("work") and model.requests[1].contains("and now?")


async def test_a_stopped_asynchronous_turn_is_answered_once(play: Playing) -> None:
    with play(BUSY, send("Found it.")) as (agent, _):
        stopping(agent, after=1)
        ann = listener()
        await ann.a_send("look", agent, request_reply=True, silent=True)
        assert ann.chat_messages[agent][-1]["content"] == "Let me look."
        assert await agent.a_resume(ann) == ("Found it.",)
        assert ann.chat_messages[agent][-1]["content"] == "Found it."


def test_an_urgent_event_stops_the_turn_that_runs(play: Playing) -> None:
    reached, goes_on = threading.Event(), threading.Event()

    def slowly(_: Any) -> Any:
        if not reached.is_set():
            reached.set()
            assert goes_on.wait(20)
            return BUSY
        return send("Fire! Out!")

    with play(script=slowly) as (agent, model):
        replies: list[Any] = []
        ask = [{"role": "user", "name": "ann", "content": "look"}]
        turn = threading.Thread(target=lambda: replies.append(agent.generate_reply(ask)))
        turn.start()
        assert reached.wait(20)
        fire = threading.Thread(target=lambda: agent.notify(SystemAlert("Fire!"), urgent=True))
        fire.start()
        while not agent._memgpt_capability.turns.running._stops[0].is_set:
            time.sleep(0.01)
        goes_on.set()
        turn.join(20)
        fire.join(20)
    assert replies == [""], "none of the late calls was run"
    assert model.requests[1].last_text.endswith("Fire!")
    assert model.requests[1].contains("look")


def test_what_an_interrupt_broke_off_is_resumed_also_after_reopening(play: Playing) -> None:
    with play(BUSY, send("Found it.")) as (agent, model):
        agent._memgpt_capability.translator.on_step = interrupting
        with pytest.raises(KeyboardInterrupt):
            agent.generate_reply([{"role": "user", "name": "ann", "content": "look"}])
        agent.close()
        again = MemGPTAgent(
            "mem", "Be brief.", model.llm_config, memory=agent._memgpt_capability.settings,
            embedder=HashingEmbedder(), clock=Ticking(),
        )  # fmt: skip
        with again:
            assert again.resume() == ("Found it.",)
            assert again.resume() == ()
            assert [one.text for one in again.recall.latest(9)] == [
                "look",
                "Let me look.",
                "Found it.",
            ]


def interrupting(*_: Any) -> None:
    raise KeyboardInterrupt


def stopping(agent: Any, after: int) -> None:
    """Let the agent be stopped, from another thread, when it has taken so many steps."""
    taken = 0

    def on_step(*_: Any) -> None:
        nonlocal taken
        taken += 1
        if taken == after:
            thread = threading.Thread(target=agent.stop)
            thread.start()
            thread.join()

    agent._memgpt_capability.translator.on_step = on_step


def asker(agent: Any, text: str) -> Any:
    ann = listener()
    ann.send(text, agent, request_reply=False, silent=True)
    return ann
