"""Days as a small model is told them: it repeats "yesterday", and cannot reckon from a date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone

from memgpt_autogen.storage.search.when import MONTHS, Span, times

MONTH_NAMES = tuple(MONTHS.title().split())
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def day_of(text: str) -> date | None:
    """A day that stands as 2024-01-03; None for what is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def day_text(day: date) -> str:
    """A day as one says it, such as 3 January 2024."""
    return f"{day.day} {MONTH_NAMES[day.month - 1]} {day.year}"


def reckoned(text: str, day: date) -> Iterator[str]:
    """What a text of a day means by its "yesterday" and the like: `"yesterday" was 2 May 2024`."""
    noon = datetime.combine(day, time(12), timezone.utc)
    for span in times(text, noon)[0]:
        if span.relative:
            yield f'"{span.said}" was {_span_text(span)}'


def _span_text(span: Span) -> str:
    """A year, a month, a day, or the first day and the last."""
    first, last = ((_EPOCH + timedelta(microseconds=end)).date() for end in (span.start, span.end))
    if (first, last) == (date(first.year, 1, 1), date(first.year, 12, 31)):
        return str(first.year)
    if first.day == (last + timedelta(days=1)).day == 1 and first.month == last.month:
        return f"{MONTH_NAMES[first.month - 1]} {first.year}"
    if last - first == timedelta(days=6):
        return f"in the week of {day_text(first)}"
    return " to ".join(dict.fromkeys([day_text(first), day_text(last)]))
