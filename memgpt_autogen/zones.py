"""Time zones: the one in which an agent's dates are shown and meant, and the machine's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from datetime import time as clock_time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from memgpt_autogen.errors import ConfigurationError

_BEYOND = (OverflowError, OSError, ValueError)  # the first and last years of the calendar

_DAY = 86_400  # seconds
_LENGTHS = (
    *(("year", 365.25 * _DAY), ("month", 365.25 / 12 * _DAY), ("day", _DAY)),
    *(("hour", 3600), ("minute", 60)),
)


class _MachineZone(tzinfo):
    """The machine's zone, by the rules of each date: today's offset is not that of winter."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else aware(moment.replace(tzinfo=None)).utcoffset()

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else aware(moment.replace(tzinfo=None)).tzname()

    def dst(self, moment: datetime | None) -> timedelta | None:  # noqa: ARG002 - tzinfo's
        return None

    def fromutc(self, moment: datetime) -> datetime:
        here = moment.replace(tzinfo=timezone.utc).astimezone()
        first = here.replace(tzinfo=self)
        return first if first.utcoffset() == here.utcoffset() else first.replace(fold=1)


MACHINE: tzinfo = _MachineZone()


@dataclass
class ZonedClock:
    """A clock that tells the time of `look` in one zone."""

    look: Callable[[], datetime]
    zone: tzinfo

    def __call__(self) -> datetime:
        return in_zone(self.look(), self.zone)


def aware(moment: datetime) -> datetime:
    """`moment` with a time zone: the machine's where it has none."""
    if moment.utcoffset() is not None:
        return moment
    try:
        return moment.astimezone()
    except _BEYOND:
        return moment.replace(tzinfo=timezone.utc)


def in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    """The same moment in another zone; None: in its own."""
    moment = aware(moment)
    try:
        return moment if zone is None else moment.astimezone(zone)
    except _BEYOND:
        return moment


def stamp(moment: datetime, zone: tzinfo | None = None) -> str:
    """`moment` to the minute, as the model sees it: `2026-05-08 17:04`."""
    return in_zone(moment, zone).replace(tzinfo=None).isoformat(" ", "minutes")


def ago(moment: datetime, now: datetime) -> str:
    """How long `moment` is past, in plain words: `3 days ago`."""
    seconds = (aware(now) - aware(moment)).total_seconds()
    for name, length in _LENGTHS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def span_of(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The first and the last moment of a day, from its midnight to the next one's."""
    try:
        first, after = (
            datetime.combine(one, clock_time.min, tzinfo=zone).astimezone(timezone.utc)
            for one in (day, day + timedelta(days=1))
        )
    except _BEYOND:
        first = datetime.combine(day, clock_time.min, tzinfo=timezone.utc)
        return first, datetime.combine(day, clock_time.max, tzinfo=timezone.utc)
    return first, max(first, after - timedelta(microseconds=1))  # a day may have been left out


def zone_of(moment: datetime) -> tzinfo:
    """The zone that a clock means which tells this moment.

    `datetime.now().astimezone()` gives the offset of today where the machine's zone is
    meant, and pytz one of several offsets where its zone is.
    """
    zone = moment.tzinfo
    if zone is None:
        return MACHINE
    if isinstance(name := getattr(zone, "zone", None), str):
        return zone_named(name)
    fixed = isinstance(zone, timezone) and zone is not timezone.utc
    here = aware(moment.replace(tzinfo=None)).utcoffset()
    return MACHINE if fixed and here == moment.utcoffset() else zone


def zone_named(name: str) -> tzinfo:
    """The zone of an IANA name, such as `Europe/Berlin`.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as problem:
        raise ConfigurationError(
            f"there is no time zone {name!r} on this machine: give an IANA name, such as"
            " Europe/Berlin, and `pip install tzdata` where no zone is known."
        ) from problem


def name_of(zone: tzinfo) -> str:
    """A zone's name, the same in summer and winter."""
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    if zone is not MACHINE:
        return str(zone)
    names = time.tzname[: 1 + bool(time.daylight)]
    offsets = [-time.timezone, *([-time.altzone] if time.daylight else ())]
    told = "/".join(str(timezone(timedelta(seconds=one))) for one in offsets)
    is_plain = not all(name.isalpha() for name in names) or told == "UTC"
    return told if is_plain else f"{'/'.join(names)} ({told})"
