"""Timed events: they come when they are due, once each, wherever the agent was meanwhile."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.base import STATE_PAUSED
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen import (
    ConfigurationError,
    DirectoryLockedError,
    MemGPTAgent,
    Schedule,
    TimedEvent,
)
from memgpt_autogen.engine.scheduling.scheduler import SCHEDULER
from memgpt_autogen.engine.scheduling.timetable import following, times, weekdays
from memgpt_autogen.events import local_now
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ScriptedModel, call, calls, send
from memgpt_autogen.zones import zone_named
from tests.clocks import NOON

pytestmark = pytest.mark.autogen

HOUR = timedelta(hours=1)
SECONDS = 20.0  # that a busy machine may take


class Clock:
    """One that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Heard(list[str]):
    """What the agent said, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._more = threading.Condition()

    def __call__(self, text: str) -> None:
        with self._more:
            self.append(text)
            self._more.notify_all()

    def wait(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self) >= count, SECONDS), list(self)


def made(model: ScriptedModel, tmp_path: Path, **kwargs: Any) -> MemGPTAgent:
    kwargs.setdefault("clock", Clock())
    return MemGPTAgent(
        "mem", "", model.llm_config, memory=tmp_path, embedder=HashingEmbedder(), **kwargs
    )


def looks(count: int = 2) -> None:
    """Wait for so many looks of the scheduler."""
    time.sleep(0.5 * count)


# --- when ------------------------------------------------------------------------------------


def test_an_interval_comes_within_a_second_by_a_set_clock(tmp_path: Path) -> None:
    clock, heard = Clock(), Heard()
    script = [send("one"), send("two"), send("three")]
    with ScriptedModel(script) as model:
        with made(model, tmp_path, clock=clock, on_message=heard) as agent:
            assert agent.schedule("Water the plants.", every=HOUR) == agent.schedules[0]
            clock.now += HOUR - timedelta(seconds=1)
            looks()
            assert not heard, "it is not due"
            clock.now += timedelta(seconds=1)
            begun = time.monotonic()
            heard.wait(1)
            assert time.monotonic() - begun < SECONDS / 2
            assert agent.schedules[0].due == NOON + 2 * HOUR
            clock.now += HOUR
            heard.wait(2)
            assert agent.unschedule("timer 1") and not agent.unschedule("timer 1")
            agent.schedule(TimedEvent("Once."), at=clock.now + HOUR, name="once")
            clock.now += HOUR
            heard.wait(3)
            assert agent.schedules == ()
        first, _, last = (request.last_text for request in model.requests)
    assert first.endswith("(timer) Water the plants.") and last.endswith("(timer) Once.")


def test_it_comes_within_a_second_by_the_real_clock(tmp_path: Path) -> None:
    heard = Heard()
    with ScriptedModel([send("now")]) as model:
        with made(model, tmp_path, clock=local_now, on_message=heard) as agent:
            due = agent.schedule("Now.", at=local_now() + timedelta(seconds=1)).due
            heard.wait(1)
            told = agent.recall.latest(1)[0].timestamp - due
    assert timedelta() <= told < timedelta(seconds=SECONDS / 2)


def test_a_crontab_is_meant_in_the_agents_zone(tmp_path: Path) -> None:
    berlin = zone_named("Europe/Berlin")
    plan = Schedule(name="x", text="x", due=NOON, cron="0 9 * * 1-5")
    saturday = datetime(2026, 3, 28, 12, tzinfo=timezone.utc)  # summer begins in the night
    assert following(plan, saturday, berlin) == datetime(2026, 3, 30, 7, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", "*"),
        ("0", "sun"),
        ("7", "sun"),
        ("1-5", "mon,tue,wed,thu,fri"),
        ("5-7", "fri,sat,sun"),
        ("Fri-Mon", "fri,sat,sun,mon"),
        ("*/2", "sun,tue,thu,sat"),
        ("mon,3", "mon,wed"),
    ],
)
def test_weekdays_are_those_of_a_crontab(field: str, days: str) -> None:
    assert weekdays(field) == days


@given(
    every=st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    late=st.integers(0, 10**8).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_an_interval_keeps_its_beat_however_late_it_is(every: timedelta, late: timedelta) -> None:
    plan = Schedule(name="x", text="x", due=NOON, every=every)
    due = following(plan, NOON + late, timezone.utc)
    assert due is not None and NOON + late < due <= NOON + late + every
    assert due == NOON + times(plan, NOON + late, timezone.utc) * every


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({}, "give one of every=, cron= and at="),
        ({"every": HOUR, "cron": "* * * * *"}, "give one of every=, cron= and at="),
        ({"every": timedelta(0)}, "give a second or more"),
        ({"cron": "9 o'clock"}, "give five fields"),
        ({"cron": "61 9 * * *"}, "give five fields"),
        ({"cron": "0 9 * * someday"}, "give five fields"),
        ({"cron": "0 9 * * 1/0"}, "give five fields"),
        ({"cron": "0 9 30 2 *"}, "there is no such time"),
        ({"at": "tomorrow"}, "give a datetime, a date, or text in ISO 8601"),
    ],
)
def test_what_is_no_time_is_refused(when: dict[str, Any], told: str, tmp_path: Path) -> None:
    with ScriptedModel([]) as model, made(model, Path(":memory:")) as agent:
        with pytest.raises(ConfigurationError, match=told):
            agent.schedule("x", **when)
        assert agent.schedules == ()


def test_an_agent_without_a_model_has_no_schedule(tmp_path: Path) -> None:
    agent = MemGPTAgent("mem", llm_config=False, memory=tmp_path, embedder=HashingEmbedder())
    with pytest.raises(ConfigurationError, match="llm_config"):
        agent.schedule("x", every=HOUR)
    agent.close()


# --- held back, and missed ---------------------------------------------------------------------


def test_a_pause_holds_them_back_until_it_ends(tmp_path: Path) -> None:
    clock, heard = Clock(), Heard()
    paused = calls(call("pause_heartbeats", minutes=150), call("send_message", message="quiet"))
    with ScriptedModel([paused, send("awake")]) as model:
        with made(model, tmp_path, clock=clock, on_message=heard) as agent:
            agent.schedule("Tick.", every=HOUR)
            clock.now += HOUR
            heard.wait(1)
            clock.now += 2 * HOUR  # 30 minutes before its end
            looks()
            assert heard == ["quiet"]
            clock.now += HOUR
            heard.wait(2)
        assert "Tick. (missed: it was due at 2026-05-08 14:00, 3 times since then)" in (
            model.requests[1].last_text
        )


def test_what_was_missed_while_closed_comes_once(tmp_path: Path) -> None:
    clock, heard = Clock(), Heard()
    with ScriptedModel([send("late")]) as model:
        with made(model, tmp_path, clock=clock, on_message=heard) as agent:
            agent.schedule("Tick.", every=HOUR, name="tick")
        clock.now += 3 * HOUR
        looks()
        assert not model.requests, "a closed agent does nothing"
        with made(model, tmp_path, clock=clock, on_message=heard) as agent:
            heard.wait(1)
            looks()
            assert heard == ["late"] and agent.schedules[0].due == NOON + 4 * HOUR
        assert "due at 2026-05-08 13:00, 3 times" in model.requests[0].last_text


def test_a_killed_agent_acts_on_it_after_reopening(tmp_path: Path) -> None:
    clock, heard = Clock(), Heard()
    killed, midway = tmp_path / "killed", tmp_path / "midway"

    def script(request: Any) -> Any:
        if not midway.exists():  # what would be there, were it killed now
            shutil.copytree(tmp_path / "m", midway)
        return send("late" if "missed" in request.text else "tick")

    with ScriptedModel(script) as model:
        with made(model, tmp_path / "m", clock=clock, on_message=heard) as agent:
            agent.schedule("Tick.", every=HOUR)
            shutil.copytree(tmp_path / "m", killed)
            clock.now += HOUR
            heard.wait(1)
        clock.now += HOUR / 2
        with made(model, killed, clock=clock, on_message=heard):
            heard.wait(2)
        with made(model, midway, clock=clock, on_message=heard) as agent:
            looks()
            assert agent.resume() == ("tick",)
            assert model.requests[-1].contains("(timer) Tick.") == 1
    assert heard == ["tick", "late", "tick"], "told once, and not lost"


def test_only_the_process_that_owns_the_agent_acts(tmp_path: Path) -> None:
    clock, heard = Clock(), Heard()
    with ScriptedModel([send("mine")]) as model:
        with made(model, tmp_path, clock=clock) as agent:
            agent.schedule("Tick.", every=HOUR)
            directory = agent._memgpt_capability.open().store.directory
            assert directory is not None
        with FileLock(directory / "lock"):
            with made(model, tmp_path, clock=clock, on_message=heard) as agent:
                clock.now += HOUR
                looks()
                assert not model.requests
                with pytest.raises(DirectoryLockedError):
                    agent.schedule("Mine.", every=HOUR)
        with made(model, tmp_path, clock=clock, on_message=heard):
            heard.wait(1)


def test_a_failing_model_stops_no_schedule(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memgpt_autogen.engine.scheduling.scheduler.REST_SECONDS", 0.0)
    clock, heard = Clock(), Heard()

    def failing(text: str) -> None:
        heard(text)
        raise OSError("the callback fails")

    with ScriptedModel([send("one"), send("two")]) as model:
        with made(model, tmp_path, clock=clock, on_message=failing) as agent:
            agent.schedule("Tick.", every=HOUR)
            for count in (1, 2):
                clock.now += HOUR
                heard.wait(count)
    assert "a timed event of mem failed" in caplog.text


def test_one_that_names_somebody_forgotten_is_listed() -> None:
    with ScriptedModel([]) as model, made(model, Path(":memory:")) as agent:
        agent.recall.append("I have a dentist.", "Ann")
        agent.schedule("Remind Ann.", every=HOUR, name="dentist")
        left = agent.forget("Ann").left
    assert [(one.tier, one.place, one.parts) for one in left] == [
        ("schedules", "dentist", ("Ann",))
    ]


# --- beside other turns ----------------------------------------------------------------------


def test_it_waits_for_a_turn_that_runs(tmp_path: Path) -> None:
    clock, heard = Clock(), Heard()
    asked, goes_on = threading.Event(), threading.Event()

    def script(request: Any) -> Any:
        if "(timer)" in request.last_text:
            return send("tick")
        asked.set()
        return send("answer" if goes_on.wait(SECONDS) else "too late")

    with ScriptedModel(script) as model:
        with made(model, tmp_path, clock=clock, on_message=heard) as agent:
            agent.schedule("Tick.", every=HOUR)
            replies: list[Any] = []
            ask = [{"role": "user", "name": "ann", "content": "hello"}]
            turn = threading.Thread(target=lambda: replies.append(agent.generate_reply(ask)))
            turn.start()
            assert asked.wait(SECONDS)
            clock.now += HOUR
            looks()
            assert not heard
            goes_on.set()
            turn.join(SECONDS)
            heard.wait(1)
            assert replies == ["answer"] and heard == ["tick"]


def test_a_callback_may_use_the_agent_and_close_it(tmp_path: Path) -> None:
    clock, done = Clock(), threading.Event()
    with ScriptedModel([send("tick"), send("and")]) as model:

        def heard(text: str) -> None:
            if text == "tick":
                agent.notify(TimedEvent("More."))
                agent.close()
                done.set()

        agent = made(model, tmp_path, clock=clock, on_message=heard)
        agent.schedule("Tick.", every=HOUR)
        clock.now += HOUR
        assert done.wait(SECONDS)


def test_agents_that_are_gone_are_watched_no_more(tmp_path: Path) -> None:
    with ScriptedModel([]) as model:
        with made(model, tmp_path) as agent:
            agent.schedule("Tick.", every=HOUR)
            assert SCHEDULER._watched
    wait_until(lambda: not SCHEDULER._watched)
    assert SCHEDULER._running.state == STATE_PAUSED


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
