"""Times that a question names, as spans of time: `yesterday`, `in May 2023`, `two weeks ago`.

Written for English. What is said of a clock's time ("last week") is told apart from
dates that stand for themselves ("3 May 2023"). A date without a year is the latest
one that is not in the future. Weeks begin on Monday. All days are those of the zone
of `now`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from memgpt_autogen.storage.journal.words import ascii_table
from memgpt_autogen.storage.record import micros
from memgpt_autogen.zones import in_zone, span_of, zone_of

_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_MONTH_NUMBERS = {
    name: number
    for number, full in enumerate(_MONTHS.split(), 1)
    for name in (full, full[:3], full[:4] if full == "september" else full)
}
_DAY_NUMBERS = {name: number for number, name in enumerate(_DAYS.split())}
_NUMBERS = "a one two three four five six seven eight nine ten eleven twelve"
_COUNTS = {name: max(number, 1) for number, name in enumerate(_NUMBERS.split())}
_COUNTS |= {"an": 1, "couple": 2, "few": 3}

_M = f"(?P<month>{'|'.join(sorted(_MONTH_NUMBERS, key=len, reverse=True))})\\.?"
_D = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_Y = r"(?P<year>(?:19|20)\d\d)"
_COUNT = rf"(?:a\s+)?(?P<count>\d{{1,3}}|{'|'.join(_COUNTS)})(?:\s+of)?\s+"
_UNIT = r"(?P<unit>day|week|month|year)"
_BEFORE = r"(?:in|during|since|until|till|by|of|from|last|this|before|after|around|on)"
_ASKS = re.compile(
    r"\b(?:when|what (?:date|day|month|year|time)|which (?:date|day|month|year)|since when|how long"
    r"|how many (?:days|weeks|months|years))\b",
    re.IGNORECASE,
)
_TIME_WORDS = frozenset(
    f"""
    yesterday today tonight tomorrow last next ago recently since morning evening night day days
    week weeks weekend weekends month months year years {_MONTHS} {_DAYS}
    """.split()
)
_BETWEEN = re.compile(r"[^\w-]+")
_LOWER = ascii_table("_-")
# A number stands by itself; that it begins with a digit lets `re` look for one quickly.
_NUMBER = re.compile(r"\d(?<![\w-]\d)\d{0,3}(?![\w-])")


@dataclass(frozen=True)
class Span:
    """A time asked for; both ends are inclusive, in microseconds since 1970.

    `relative`: it was said as seen from now, such as "yesterday". `said`: the words.
    """

    start: int
    end: int
    relative: bool
    said: str


@dataclass(frozen=True)
class _Form:
    """A way to name a time; `span` makes the first day and the day after the last."""

    pattern: re.Pattern[str]
    span: Callable[[re.Match[str], date], tuple[date, date]]
    relative: bool


def times(query: str, now: datetime) -> tuple[list[Span], str]:
    """The times that a query names, and what of the query is left without them."""
    found: list[Span] = []
    zone = zone_of(now)
    today = in_zone(now, zone).date()
    for form in _FORMS:
        kept: list[str] = []
        at = 0
        for match in form.pattern.finditer(query):
            try:
                first, after = form.span(match, today)
                ends = span_of(first, zone)[0], span_of(after - timedelta(days=1), zone)[1]
                span = Span(micros(ends[0]), micros(ends[1]), form.relative, match.group())
            except (ValueError, OverflowError):  # 31 June, the year 0
                continue
            found.append(span)
            kept.append(query[at : match.start()])
            at = match.end()
        query = " ".join([*kept, query[at:]])
    return found, query


def asks_when(query: str) -> bool:
    """Whether a query asks for a time."""
    return _ASKS.search(query) is not None


def tells_time(text: str) -> bool:
    """Whether a text has a word of time, or a short number, which may be of one."""
    if text.isascii():  # by far the fastest way, and most texts
        words = text.encode().translate(_LOWER).decode().split()
    else:
        words = _BETWEEN.split(text.lower())
    return not _TIME_WORDS.isdisjoint(words) or _NUMBER.search(text) is not None


def _dated(match: re.Match[str], today: date) -> tuple[date, date]:
    """A day, a month or a year, with or without its year."""
    parts = match.groupdict()
    named = parts.get("month")
    month = (_MONTH_NUMBERS.get(named.lower()) or int(named)) if named else None
    day = int(parts["day"]) if parts.get("day") else None
    if parts.get("year"):
        return _period(int(parts["year"]), month, day)
    span = _period(today.year, month, day)
    return span if span[0] <= today else _period(today.year - 1, month, day)


def _period(year: int, month: int | None, day: int | None) -> tuple[date, date]:
    if month is None:
        return date(year, 1, 1), date(year + 1, 1, 1)
    if day is None:
        return date(year, month, 1), _months_after(date(year, month, 1), 1)
    return date(year, month, day), date(year, month, day) + timedelta(days=1)


def _months_after(first: date, months: int) -> date:
    years, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(years, month + 1, 1)


def _near(match: re.Match[str], today: date) -> tuple[date, date]:
    """Today, yesterday and the day before it."""
    said = match.group().lower()
    back = 2 if "before" in said else 1 if said in ("yesterday", "last night") else 0
    return today - timedelta(days=back), today - timedelta(days=back - 1)


def _week(match: re.Match[str], today: date) -> tuple[date, date]:
    """This or the last week, weekend, month or year of the calendar."""
    back = 0 if match["which"].lower() == "this" else 1
    unit = match["unit"].lower()
    if unit == "year":
        return _period(today.year - back, None, None)
    if unit == "month":
        first = _months_after(today, -back)
        return first, _months_after(first, 1)
    monday = today - timedelta(days=today.weekday() + 7 * back)
    if unit == "weekend":
        return monday + timedelta(days=5), monday + timedelta(days=7)
    return monday, monday + timedelta(days=7)


def _ago(match: re.Match[str], today: date) -> tuple[date, date]:
    """So long ago: the day itself for days; the unit around it for the rest."""
    count, unit = _count(match), match["unit"].lower()
    if unit == "day":
        return today - timedelta(days=count), today - timedelta(days=count - 1)
    if unit == "week":
        centre = today - timedelta(weeks=count)
        return centre - timedelta(days=3), centre + timedelta(days=4)
    if unit == "month":
        first = _months_after(today, -count)
        return first, _months_after(first, 1)
    return _period(today.year - count, None, None)


def _lately(match: re.Match[str], today: date) -> tuple[date, date]:
    """The last so many days, up to now."""
    days = _count(match) * {"day": 1, "week": 7, "month": 31, "year": 366}[match["unit"].lower()]
    return today - timedelta(days=days), today + timedelta(days=1)


def _weekday(match: re.Match[str], today: date) -> tuple[date, date]:
    """The latest such day before today."""
    back = (today.weekday() - _DAY_NUMBERS[match["name"].lower()] - 1) % 7 + 1
    return today - timedelta(days=back), today - timedelta(days=back - 1)


def _count(match: re.Match[str]) -> int:
    said = match["count"].lower()
    return _COUNTS[said] if said in _COUNTS else int(said)


def _form(
    pattern: str, span: Callable[[re.Match[str], date], tuple[date, date]], *, relative: bool
) -> _Form:
    return _Form(re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), span, relative)


# The first that fits takes the words, so fuller ways stand before shorter ones.
_FORMS = (
    _form(rf"{_Y}-(?P<month>\d\d)-(?P<day>\d\d)", _dated, relative=False),
    _form(rf"{_D}\s+(?:of\s+)?{_M},?\s+{_Y}", _dated, relative=False),
    _form(rf"{_M}\s+{_D},?\s+{_Y}", _dated, relative=False),
    _form(rf"{_M},?\s+(?:of\s+)?{_Y}", _dated, relative=False),
    _form(rf"{_D}\s+(?:of\s+)?{_M}", _dated, relative=False),
    _form(rf"{_M}\s+{_D}", _dated, relative=False),
    # Alone, May and March may be words, and Mar. or Jun. names.
    _form(rf"{_BEFORE}\s+(?P<month>{_MONTHS.replace(' ', '|')})", _dated, relative=False),
    _form(rf"{_BEFORE}\s+{_Y}", _dated, relative=False),
    _form(rf"{_COUNT}{_UNIT}s?\s+ago", _ago, relative=True),
    _form(rf"(?:last|past)\s+{_COUNT}{_UNIT}s?", _lately, relative=True),
    _form(r"(?P<which>last|past|this)\s+(?P<unit>weekend|week|month|year)", _week, relative=True),
    _form(rf"(?:last|on|this|past)\s+(?P<name>{_DAYS.replace(' ', '|')})", _weekday, relative=True),
    _form(
        r"the\s+day\s+before\s+yesterday|yesterday|last\s+night|today|tonight|this\s+(?:morning"
        r"|afternoon|evening)",
        _near,
        relative=True,
    ),
)
