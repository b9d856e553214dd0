"""The timeline: one page of records in the order of their times, from any place on.

A page goes on from the last record of the one before, by the index, so the last page of 100,000
records takes as long as the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import Record, micros
from memgpt_autogen.zones import MACHINE, span_of

Place = tuple[int, int]
"""A place in the order of times: microseconds since 1970, and a number."""

_AFTER_ALL = 2**62  # more than any record's number


@dataclass(frozen=True)
class Timeline:
    """A page of records, the newest first; the places from where there are newer and older ones."""

    records: Sequence[Record]
    newer: Place | None
    older: Place | None


def timeline(
    table: RecordTable,
    where: Where,
    limit: int,
    *,
    before: Place | None = None,
    after: Place | None = None,
) -> Timeline:
    """The records that fit: the newest, or those before or after a place."""
    if after is not None:
        found = table.page(replace(where, after=after), limit=limit, newest_first=False)[::-1]
    else:
        found = table.page(replace(where, before=before), limit=limit, newest_first=True)
    if not found:
        return Timeline((), None, None)
    first, last = place_of(found[0]), place_of(found[-1])
    newer = table.page(replace(where, after=first), limit=1, newest_first=False)
    older = table.page(replace(where, before=last), limit=1, newest_first=True)
    return Timeline(found, first if newer else None, last if older else None)


def place_of(record: Record) -> Place:
    return micros(record.timestamp), record.number


def place_from(text: str) -> Place | None:
    """The place that `as_text` wrote; None for an empty text.

    Raises:
        ConfigurationError: it is no place.
    """
    if not text:
        return None
    at, _, number = text.rpartition(".")
    try:
        place = int(at), int(number)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no place in a timeline.") from None
    if max(map(abs, place)) >= 2**63:
        raise ConfigurationError(f"{text!r} is no place in a timeline.")
    return place


def as_text(place: Place) -> str:
    return f"{place[0]}.{place[1]}"


def end_of(day: str) -> Place:
    """The place behind all of a day, in this machine's zone.

    Raises:
        ConfigurationError: it is no day.
    """
    try:
        return micros(span_of(date.fromisoformat(day), MACHINE)[1]), _AFTER_ALL
    except ValueError:
        raise ConfigurationError(f"{day!r} is no day: give one as 2026-05-08.") from None
