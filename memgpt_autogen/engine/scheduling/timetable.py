"""The timetable: when an agent's timed events are due, kept in its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import partial
from typing import TypeVar

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.events import Event, Schedule, TimedEvent
from memgpt_autogen.zones import aware, stamp

T = TypeVar("T")

LATE = timedelta(minutes=1)  # from then on the model is told
SHORTEST = timedelta(seconds=1)
_COUNTED = 1000  # times of a cron that were missed; more are not counted one by one

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON = "five fields, as in a crontab, such as '0 9 * * mon-fri' (minute hour day month weekday)"


@dataclass(frozen=True)
class Timetable:
    """The schedules of an open agent; whoever changes them holds its lock."""

    engine: Engine

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """What is scheduled, what is due first coming first."""
        return tuple(sorted(self.engine.queue.state.schedules, key=lambda one: one.due))

    def add(
        self,
        text: str,
        *,
        every: timedelta | None = None,
        cron: str | None = None,
        at: datetime | None = None,
        name: str | None = None,
    ) -> Schedule:
        """Let a timed event come; another one of the name goes. Written when it returns.

        Raises:
            ConfigurationError: it is not said when, or what is said is no time.
            DirectoryLockedError: another process runs this agent's turns.
        """
        self.engine.own()
        if sum(one is not None for one in (every, cron, at)) != 1:
            raise ConfigurationError("schedule(…): give one of every=, cron= and at=.")
        if every is not None and every < SHORTEST:
            raise ConfigurationError(f"every={every}: give a second or more.")
        now, zone = self.engine.clock(), self.engine.clock.zone
        if at is None:
            plan = Schedule(name="", text=text, due=now, every=every, cron=cron or "")
            due = following(plan, now, zone)
            if due is None:
                raise ConfigurationError(f"cron={cron!r}: there is no such time.")
        else:
            due = at if at.utcoffset() is not None else at.replace(tzinfo=zone)
        taken = {one.name for one in self.schedules}
        free = (f"timer {number}" for number in range(1, len(taken) + 2))
        called = name or next(one for one in free if one not in taken)
        made = Schedule(name=called, text=text, due=_utc(due), every=every, cron=cron or "")
        self._put(called, made)
        return made

    def remove(self, name: str) -> bool:
        """Let it come no more; False if there is none of the name."""
        found = any(one.name == name for one in self.schedules)
        if found:
            self.engine.own()
            self._put(name, None)
        return found

    def due(self) -> Schedule | None:
        """What is due first; None where nothing is, or `pause_heartbeats` holds it back."""
        schedules = self.schedules
        if not schedules or schedules[0].due > self.engine.clock() or self.engine.paused:
            return None
        return schedules[0]

    def act(self, acting: Callable[[TimedEvent, Callable[[], None]], T]) -> T | None:
        """Let what is due first be acted on; None where nothing is, or the agent was closed.

        Args:
            acting: takes the event, and what to call before the turn that is about it: the
                schedule then goes on, which is written with the event.

        Raises:
            StorageError: of `acting`; the event may not be written, and is due again.
        """
        due = self.due() if self.engine.is_open else None
        if due is None:
            return None
        try:
            return acting(self._event(due), partial(self._advance, due))
        except StorageError:
            self._set(due.name, due)  # rather twice than never
            raise

    def holds_back(self, event: Event) -> bool:
        """Whether an event is a timed one, and `pause_heartbeats` is in force."""
        return isinstance(event, TimedEvent) and self.engine.paused

    def _event(self, schedule: Schedule) -> TimedEvent:
        """What the model is told of one that is due, also how late it is."""
        now, zone = self.engine.clock(), self.engine.clock.zone
        if now - schedule.due < LATE:
            return TimedEvent(schedule.text)
        missed = times(schedule, now, zone)
        since = f", {missed} times since then" if missed > 1 else ""
        when = stamp(schedule.due, zone)
        return TimedEvent(f"{schedule.text} (missed: it was due at {when}{since})")

    def _advance(self, schedule: Schedule) -> None:
        """Go on to its next time, to be written with the event; one that comes once is done."""
        due = following(schedule, self.engine.clock(), self.engine.clock.zone)
        self._set(schedule.name, schedule.model_copy(update={"due": _utc(due)}) if due else None)

    def _set(self, name: str, schedule: Schedule | None) -> None:
        """Put a schedule in the place of the one of this name; None: take that away."""
        state = self.engine.queue.state
        others = (one for one in state.schedules if one.name != name)
        state.schedules = (*others, *([schedule] if schedule else ()))

    def _put(self, name: str, schedule: Schedule | None) -> None:
        before = self.engine.queue.state.schedules
        try:
            self._set(name, schedule)
            self.engine.queue.save()
        except BaseException:
            self.engine.queue.state.schedules = before
            raise


def following(schedule: Schedule, now: datetime, zone: tzinfo) -> datetime | None:
    """The first time of a schedule after `now`; None for one that comes once.

    Raises:
        ConfigurationError: its `cron` is none.
    """
    if schedule.every is not None:
        passed = max((now - schedule.due) // schedule.every, 0)
        return schedule.due + (passed + 1) * schedule.every
    if not schedule.cron:
        return None
    return _next_of(schedule.cron, now, zone)


def times(schedule: Schedule, now: datetime, zone: tzinfo) -> int:
    """How often a schedule was due until `now`."""
    if schedule.every is not None:
        return (now - schedule.due) // schedule.every + 1
    count, due = 1, _next_of(schedule.cron, schedule.due, zone) if schedule.cron else None
    while due is not None and due <= now and count < _COUNTED:
        count, due = count + 1, _next_of(schedule.cron, due, zone)
    return count


def _next_of(cron: str, now: datetime, zone: tzinfo) -> datetime | None:
    # APScheduler takes half a second to import, and few agents have a schedule.
    from apscheduler.triggers.cron import CronTrigger

    fields = cron.split()
    if len(fields) != 5:
        raise ConfigurationError(f"cron={cron!r}: give {_CRON}.")
    try:
        minute, hour, day, month, weekday = fields
        trigger = CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=weekdays(weekday),
            timezone=zone,
        )
    except ValueError as problem:
        raise ConfigurationError(f"cron={cron!r}: give {_CRON}. {problem}.") from None
    found: datetime | None = trigger.get_next_fire_time(None, now + timedelta(microseconds=1))
    return found


def weekdays(field: str) -> str:
    """A crontab's weekdays by their names: its 0 and 7 are Sunday, APScheduler's 0 is Monday.

    Raises:
        ValueError: they are none.
    """
    if field == "*":
        return field
    found: list[str] = []
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0-6" if span == "*" else span).partition("-")
        start, end = _weekday(first), _weekday(last or ("6" if step else first))
        if last == "7" or end < start:
            end += 7
        found += [_WEEKDAYS[number % 7] for number in range(start, end + 1, int(step or 1))]
    return ",".join(dict.fromkeys(found))


def _weekday(name: str) -> int:
    if name in _WEEKDAYS:
        return _WEEKDAYS.index(name)
    number = int(name)
    if not 0 <= number <= 7:
        raise ValueError(f"there is no weekday {name}")
    return number % 7


def _utc(moment: datetime) -> datetime:
    return aware(moment).astimezone(timezone.utc)
