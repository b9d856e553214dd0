"""Time: one zone for all dates, with the rules of each date; clocks that jump."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen import MemGPTAgent, Settings, SystemAlert, TimedEvent
from memgpt_autogen.engine.formatting import date_span
from memgpt_autogen.errors import ConfigurationError, ModelMistake
from memgpt_autogen.storage.record import micros
from memgpt_autogen.storage.search.when import times
from memgpt_autogen.testing import ScriptedModel, call, say, send
from memgpt_autogen.zones import MACHINE, in_zone, name_of, span_of, stamp, zone_of

NEW_YORK, BERLIN, KOLKATA, KIRITIMATI, LORD_HOWE = map(
    ZoneInfo,
    [
        "America/New_York",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Pacific/Kiritimati",
        "Australia/Lord_Howe",
    ],
)
# The same as the machine's zone, by rules that need no zone database.
RULES = {
    "EST5EDT,M3.2.0,M11.1.0": NEW_YORK,
    "CET-1CEST,M3.5.0,M10.5.0/3": BERLIN,
    "IST-5:30": KOLKATA,
    "<+14>-14": KIRITIMATI,
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0": LORD_HOWE,
}
Machine = Callable[[str], None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Puts the machine into a zone for the test."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change its zone")

    def to(rules: str) -> None:
        monkeypatch.setenv("TZ", rules)
        time.tzset()

    yield to
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (NEW_YORK, date(2026, 3, 8), 23),
        (NEW_YORK, date(2026, 11, 1), 25),
        (NEW_YORK, date(2026, 1, 15), 24),
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (KOLKATA, date(2026, 3, 29), 24),
        (LORD_HOWE, date(2026, 4, 5), 24.5),
        (LORD_HOWE, date(2026, 10, 4), 23.5),
        (KIRITIMATI, date(2026, 10, 4), 24),
        (KIRITIMATI, date(1994, 12, 31), 0),  # left out
        (ZoneInfo("Africa/Cairo"), date(2026, 4, 24), 23),  # has no midnight
        (ZoneInfo("America/Havana"), date(2026, 11, 1), 25),  # has two
        (timezone(timedelta(hours=-8)), date(2026, 3, 8), 24),
    ],
)
def test_a_day_is_from_its_midnight_to_the_next_ones(zone: tzinfo, day: date, hours: float) -> None:
    first, last = span_of(day, zone)
    assert last - first == max(timedelta(hours=hours) - timedelta(microseconds=1), timedelta())
    if hours:
        assert first.astimezone(zone).date() == last.astimezone(zone).date() == day
        assert (first - timedelta(microseconds=1)).astimezone(zone).date() < day
        assert (last + timedelta(microseconds=1)).astimezone(zone).date() > day


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_calendars_ends_are_days_too(day: date) -> None:
    for zone in (NEW_YORK, KIRITIMATI, MACHINE):
        first, last = span_of(day, zone)
        assert micros(first) < micros(last)


@pytest.mark.parametrize("rules", RULES)
def test_the_machines_zone_has_the_rules_of_each_date(machine: Machine, rules: str) -> None:
    machine(rules)
    there = RULES[rules]
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    while moment.year < 2028:
        ours, real = moment.astimezone(MACHINE), moment.astimezone(there)
        assert ours.replace(tzinfo=None) == real.replace(tzinfo=None)
        assert (ours.fold, ours.utcoffset()) == (real.fold, real.utcoffset())
        assert ours.astimezone(timezone.utc) == moment
        assert span_of(real.date(), MACHINE) == span_of(real.date(), there)
        moment += timedelta(minutes=30 * 7)


def test_a_clock_means_its_zone_and_todays_offset_means_the_machines(machine: Machine) -> None:
    machine("EST5EDT,M3.2.0,M11.1.0")
    july = datetime(2026, 7, 1, 12)  # noqa: DTZ001 - as programs write it
    assert zone_of(july) is MACHINE
    assert zone_of(july.astimezone()) is MACHINE
    assert zone_of(july.replace(tzinfo=timezone(timedelta(hours=-4)))) is MACHINE
    assert zone_of(july.replace(tzinfo=timezone.utc)) is timezone.utc
    assert zone_of(july.replace(tzinfo=BERLIN)) is BERLIN
    fixed = timezone(timedelta(hours=-8))
    assert zone_of(july.replace(tzinfo=fixed)) is fixed
    machine("UTC0")
    assert zone_of(july.replace(tzinfo=timezone.utc)) is timezone.utc


class Pytz(tzinfo):
    """One of the offsets that pytz has for a zone."""

    zone = "America/New_York"

    def utcoffset(self, moment: Any) -> timedelta:
        return timedelta(hours=-4)

    dst = utcoffset

    def tzname(self, moment: Any) -> str:
        return "EDT"


def test_one_of_pytzs_offsets_means_its_zone() -> None:
    assert zone_of(datetime(2026, 7, 1, tzinfo=Pytz())) is NEW_YORK


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        ("EST5EDT,M3.2.0,M11.1.0", "EST/EDT (UTC-05:00/UTC-04:00)"),
        ("IST-5:30", "IST (UTC+05:30)"),
        ("<+14>-14", "UTC+14:00"),
        ("UTC0", "UTC"),
        ("GMT0", "UTC"),
    ],
)
def test_the_machines_zone_has_a_name(machine: Machine, rules: str, name: str) -> None:
    machine(rules)
    assert name_of(MACHINE) == name
    assert name_of(BERLIN) == "Europe/Berlin"
    assert name_of(timezone(timedelta(hours=2))) == "UTC+02:00"


@given(st.datetimes(), st.sampled_from([timezone.utc, NEW_YORK, MACHINE]))
def test_any_moment_can_be_shown_anywhere(wall: datetime, there: tzinfo) -> None:
    moment = wall.replace(tzinfo=there)
    for zone in (KIRITIMATI, NEW_YORK, MACHINE, None):
        assert len(stamp(moment, zone)) == 16
        assert micros(in_zone(moment, zone)) == micros(moment)


# --- dates as models write them ------------------------------------------------------------

NOW = datetime(2026, 7, 1, 12, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-01-15", "2026-01-15T05:00", "2026-01-16T04:59:59.999999"),
        ("2026-07-15", "2026-07-15T04:00", "2026-07-16T03:59:59.999999"),
        ("2026-1-5", "2026-01-05T05:00", "2026-01-06T04:59:59.999999"),
        ("20260105", "2026-01-05T05:00", "2026-01-06T04:59:59.999999"),
        ("2026/01/05", "2026-01-05T05:00", "2026-01-06T04:59:59.999999"),
        ("[2026-01-15 17:04]", "2026-01-15T22:04", "2026-01-15T22:04:59.999999"),
        ("2026-01-15T17:04Z", "2026-01-15T17:04", "2026-01-15T17:04:59.999999"),
        ("2026-01-15T17:04:05.123Z", "2026-01-15T17:04:05", "2026-01-15T17:04:05.999999"),
        ("2026-01-15t17:04+05:30", "2026-01-15T11:34", "2026-01-15T11:34:59.999999"),
        ("2026-01-15 17:04 -0300", "2026-01-15T20:04", "2026-01-15T20:04:59.999999"),
        ("2026-01-15T17:04+02", "2026-01-15T15:04", "2026-01-15T15:04:59.999999"),
        ("2026-01-15T17", "2026-01-15T22:00", "2026-01-15T22:59:59.999999"),
        # An hour that is there twice, and one that is left out: all that may be meant.
        ("2026-11-01T01:30", "2026-11-01T05:30", "2026-11-01T06:30:59.999999"),
        ("2026-03-08T02:30", "2026-03-08T06:30", "2026-03-08T07:30:59.999999"),
        ("yesterday", "2026-06-30T04:00", "2026-07-01T03:59:59.999999"),
        ("May 2023", "2023-05-01T04:00", "2023-06-01T03:59:59.999999"),
    ],
)
def test_dates_that_models_write(text: str, first: str, last: str) -> None:
    found = tuple(one.astimezone(timezone.utc) for one in date_span(text, NOW))
    assert found == tuple(datetime.fromisoformat(f"{one}+00:00") for one in (first, last))


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-02-30", "2026-13-01", "2026-01-15T25:00", "2026-01-15+99:99", "5"]
)
def test_what_is_no_date_is_answered_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ModelMistake, match="write it like 2026-05-08 or 2026-05-08T17:04"):
        date_span(text, NOW)


def test_times_in_questions_are_of_the_clocks_zone_in_summer_and_winter() -> None:
    [span] = times("on 15 January 2026", NOW)[0]
    assert (span.start, span.end) == tuple(map(micros, span_of(date(2026, 1, 15), NEW_YORK)))


# --- as an agent lives through it ----------------------------------------------------------

SAID = {
    "late on the 14th": datetime(2026, 1, 14, 23, 30),  # noqa: DTZ001 - as programs write it
    "early on the 15th": datetime(2026, 1, 15, 0, 30),  # noqa: DTZ001
    "late on the 15th": datetime(2026, 1, 15, 23, 30),  # noqa: DTZ001
    "early on the 16th": datetime(2026, 1, 16, 0, 30),  # noqa: DTZ001
}
DAY = call(
    "conversation_search_date",
    start_date="2026-01-15",
    end_date="2026-01-15",
    request_heartbeat=True,
)


@pytest.mark.autogen
@pytest.mark.parametrize("rules", RULES)
def test_a_winters_day_asked_for_in_summer(machine: Machine, tmp_path: Path, rules: str) -> None:
    machine(rules)

    def july() -> datetime:
        return datetime(2026, 7, 1, 12).astimezone()

    with ScriptedModel([DAY, send("Two.")]) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=tmp_path, clock=july) as agent:
            for text, moment in SAID.items():
                agent.recall.append(text, "Dana", moment)
            agent.generate_reply([{"role": "user", "name": "Dana", "content": "And then?"}])
            day = date(2026, 1, 15)
            assert agent.recall.search("", start=day, end=day).total == 2
    assert model.requests[-1].last_text.split("\n")[1:] == [
        "[2026-01-15 00:30] Dana: early on the 15th",
        "[2026-01-15 23:30] Dana: late on the 15th",
    ]


@pytest.mark.autogen
def test_all_dates_are_shown_in_one_zone_that_the_prompt_names(tmp_path: Path) -> None:
    place = Settings(location=str(tmp_path), timezone="America/New_York")
    utc = timezone.utc
    with ScriptedModel([DAY, send("One."), send("Hm.")]) as model:
        with MemGPTAgent(
            "mem",
            "",
            model.llm_config,
            memory=place,
            clock=lambda: datetime(2026, 7, 1, tzinfo=utc),
        ) as agent:
            agent.recall.append("hello", "Dana", datetime(2026, 1, 16, 4, 30, tzinfo=utc))
            agent.recall.append("later", "Dana", datetime(2026, 1, 16, 5, tzinfo=utc))
            agent.generate_reply([{"role": "user", "name": "Dana", "content": "And then?"}])
            agent.notify(SystemAlert(timestamp=datetime(2026, 1, 1, tzinfo=KOLKATA), text="Hi."))
    assert model.requests[0].text.count("America/New_York") == 1
    assert "[2026-06-30 20:00] Dana: And then?" in model.requests[0].last_text
    assert model.requests[1].last_text.endswith("all:\n[2026-01-15 23:30] Dana: hello")
    assert model.requests[2].last_text == "[2025-12-31 13:30] (system alert) Hi."
    heads = {request.messages[0]["content"] for request in model.requests}
    assert len(heads) == 1  # the same, so that it is cached


@pytest.mark.autogen
def test_a_reopened_agent_can_have_another_zone(tmp_path: Path) -> None:
    for zone in ("Europe/Berlin", "Asia/Kolkata"):
        place = Settings(location=str(tmp_path), timezone=zone)
        with ScriptedModel([say("Hi.")]) as model:
            with MemGPTAgent("mem", "", model.llm_config, memory=place) as agent:
                agent.generate_reply([{"role": "user", "name": "Dana", "content": zone}])
        assert model.requests[0].messages[0]["content"].count(zone) == 1


@pytest.mark.parametrize("name", ["Berlin", "", "../etc/passwd", "UTC+2"])
def test_an_unknown_zone_is_told_with_what_to_give(tmp_path: Path, name: str) -> None:
    agent = MemGPTAgent(
        "mem", llm_config=False, memory=Settings(location=str(tmp_path), timezone=name)
    )
    with pytest.raises(ConfigurationError, match="IANA name, such as Europe/Berlin"):
        _ = agent.core_memory


class Jumping:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 10, 31, 23, 30, tzinfo=NEW_YORK)

    def __call__(self) -> datetime:
        return self.now

    def jump(self, **by: int) -> None:
        utc = self.now.astimezone(timezone.utc) + timedelta(**by)
        self.now = utc.astimezone(NEW_YORK)


@pytest.mark.autogen
def test_a_pause_lasts_its_minutes_and_ends_when_the_clock_is_set_back(tmp_path: Path) -> None:
    clock = Jumping()
    pause = call("pause_heartbeats", minutes=180)
    with ScriptedModel(
        lambda request: pause if "pause" in request.last_text else say("Hi.")
    ) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=tmp_path, clock=clock) as agent:

            def beat() -> bool:
                return bool(agent.notify(TimedEvent(timestamp=clock(), text="beat")))

            agent.generate_reply([{"role": "user", "name": "Dana", "content": "pause"}])
            [result] = agent.last_steps[0].results
            assert result.text.endswith("until 2026-11-01 01:30.")  # the second half past one
            clock.jump(minutes=179)
            assert not beat()
            agent.close()
            assert not beat()
            clock.jump(minutes=1)
            assert beat()
            agent.generate_reply([{"role": "user", "name": "Dana", "content": "pause again"}])
            assert not beat()
            clock.jump(days=-400)
            assert beat()


@pytest.mark.meaning
@pytest.mark.autogen
def test_nothing_is_lost_or_out_of_order_where_the_clock_jumps(tmp_path: Path) -> None:
    clock = Jumping()
    words = "and so on " * 60
    with ScriptedModel(
        lambda request: send("Yes.") if request.tools else say("They count.")
    ) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=tmp_path, clock=clock, context_window=4096
        ) as agent:
            for number in range(24):
                clock.jump(days=(-300, 40, 700)[number % 3])
                agent.generate_reply(
                    [{"role": "user", "name": "Dana", "content": f"number {number} {words}"}]
                )
            assert agent.context_overview().counters.evictions
            heard = [one for one in agent.recall.latest(48) if one.speaker == "Dana"]
            assert [one.text.split()[1] for one in heard] == [str(n) for n in range(24)]
            listed = agent.recall.between(None, None, limit=48).items
            assert [one.timestamp for one in listed] == sorted(one.timestamp for one in listed)
            assert agent.recall.search("number 7").items[0].text.startswith("number 7 ")
        shown = [line for line in model.requests[-1].text.split("\n") if "Dana: number" in line]
    numbers = [int(line.split("number ")[1].split()[0]) for line in shown]
    assert numbers == sorted(numbers) and numbers[-1] == 23
