"""Events: what one is about comes first, and it happens now unless a time is given."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from memgpt_autogen import (
    ConfigurationError,
    DocumentUpload,
    Event,
    Login,
    MessageEvent,
    SystemAlert,
    TimedEvent,
)
from memgpt_autogen.events import local_now
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import send
from tests.clocks import NOON
from tests.playing import playing

EARLIER = NOON - timedelta(days=1)


class Backup(SystemAlert):
    """A program's own kind."""

    size: int

    def body(self) -> str:
        return f"{super().body()} {self.size} bytes."


@pytest.mark.autogen
@pytest.mark.parametrize(
    ("event", "line"),
    [
        (lambda: Login("Ann"), "[2026-05-08 12:00] (login) Ann is online for the first time."),
        (lambda: Login(name="Ann", first=True), "[2026-05-08 12:00] (login) Ann is online for"),
        (lambda: Login("Ann", EARLIER), "[2026-05-07 12:00] (login) Ann is online for the first"),
        (
            lambda: Login("Ann", last_seen=EARLIER),
            "[2026-05-08 12:00] (login) Ann is online; last seen 1 day ago.",
        ),
        (lambda: SystemAlert("Done."), "[2026-05-08 12:00] (system alert) Done."),
        (
            lambda: SystemAlert("Done.", timestamp="2026-05-07T09:30Z"),
            "[2026-05-07 09:30] (system alert) Done.",
        ),
        (lambda: Backup(text="Done.", size=5), "[2026-05-08 12:00] (system alert) Done. 5 bytes."),
        (lambda: TimedEvent("Tick."), "[2026-05-08 12:00] (timer) Tick."),
        (TimedEvent, "[2026-05-08 12:00] (timer) This is a timed heartbeat; nobody is waiting"),
        (
            lambda: DocumentUpload("handbook", 12),
            "[2026-05-08 12:00] (document) The source 'handbook' with 12 passages can now be",
        ),
    ],
)
def test_an_agent_is_told_of_it_by_its_own_clock(event: Callable[[], Event], line: str) -> None:
    with playing([send("Noted.")], ":memory:", embedder=HashingEmbedder(), clock=lambda: NOON) as (
        agent,
        model,
    ):
        assert agent.notify(event()) == ("Noted.",)
    assert model.requests[0].last_text.startswith(line)


def test_without_an_agent_it_happens_now() -> None:
    before = local_now()
    assert before <= Login("Ann").timestamp <= local_now()
    assert SystemAlert("x", date(2026, 5, 8)).timestamp == datetime(2026, 5, 8)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Login(5), "Login(name=5): give a text."),  # type: ignore[arg-type]
        (
            lambda: SystemAlert("x", timestamp=5),  # type: ignore[arg-type]
            "SystemAlert(timestamp=5): give a datetime, a date, or text in ISO 8601 such as",
        ),
        (
            lambda: DocumentUpload("handbook", "12"),  # type: ignore[arg-type]
            "DocumentUpload(passages='12'): give a whole number.",
        ),
        (lambda: TimedEvent("x", txt="y"), "TimedEvent(txt='y'): give one of timestamp, text."),
        (
            lambda: MessageEvent(speaker="Ann"),  # type: ignore[call-arg]
            "MessageEvent(text): give one, for it has no default.",
        ),
    ],
)
def test_a_wrong_one_is_refused(wrong: Callable[[], object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        wrong()


def test_one_that_was_saved_is_read_again() -> None:
    heard = MessageEvent(
        speaker="Ann", text="Hello.", timestamp=NOON.astimezone(timezone(timedelta(hours=2)))
    )
    saved: Any = heard.model_dump_json()
    assert MessageEvent.model_validate_json(saved) == heard
    assert MessageEvent.model_validate(heard.model_dump(mode="json")) == heard
