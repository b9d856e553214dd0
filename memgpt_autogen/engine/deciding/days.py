"""Days as a small model is told them: it repeats "yesterday", and cannot reckon from a date."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

from memgpt_autogen.storage.record import EPOCH, MICROSECOND, MONTHS, readable
from memgpt_autogen.storage.search.when import Span, times


def day_of(text: str) -> date | None:
    """A day that stands as 2024-01-03; None for what is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def reckoned(text: str, day: date) -> str:
    """A text of a day with `on 2 May 2024` where it says "yesterday", and the like."""
    noon = datetime.combine(day, time(12), timezone.utc)
    for span in times(text, noon)[0]:
        when = _span_text(span)
        if span.relative and when and f"the {span.said}".lower() not in text.lower():
            text = text.replace(span.said, when, 1)
    return text


def _span_text(span: Span) -> str:
    """A year, a month, a week, a weekend or a day; empty for others."""
    first, last = ((EPOCH + end * MICROSECOND).date() for end in (span.start, span.end))
    if (first, last) == (date(first.year, 1, 1), date(first.year, 12, 31)):
        return f"in {first.year}"
    if first.day == (last + timedelta(days=1)).day == 1 and first.month == last.month:
        return f"in {MONTHS[first.month - 1]} {first.year}"
    head = {0: "on", 1: "on the weekend of", 6: "in the week of"}.get((last - first).days)
    return f"{head} {readable(first)}" if head else ""
