"""Queries in plain language, taken apart: what to look for, and what must be there exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from memgpt_autogen.storage.journal.words import (
    STOP_WORDS,
    asked_words,
    is_unspaced,
    number_forms,
    phone_numbers,
    words,
)
from memgpt_autogen.storage.search.when import Span, times
from memgpt_autogen.storage.text import clean

MAX_TERMS = 64
MAX_EXACT = 8
_LONGEST = 20_000  # characters of a query that are read

# What any message is: a question of nothing but these and a time asks for all of that time.
_ANY_MESSAGE = frozenset(
    """
    anything chat chatted conversation conversations discuss discussed everything happen happened
    happening mention mentioned message messages said say saying something speak spoke talk talked
    talking tell thing things told
    """.split()  # noqa: SIM905 - the same
)

_QUOTED = re.compile(
    r"\"([^\"]{2,300})\"|“([^”]{2,300})”|«([^»]{2,300})»|「([^」]{1,300})」|`([^`]{2,300})`"
    r"|(?<!\w)'([^']{2,300})'(?!\w)"
)
_CHUNK = re.compile(r"[^\s\"“”«»「」`,;!?()\[\]{}<>|=]{2,200}")
_IDENTIFIER = re.compile(
    r"""
      (?=[^\W_]*\d)(?=\d*[^\W\d_])(?!\d{1,4}[^\W\d_]{1,4}$)[^\W_]{5,}  # letters with digits
    | \d{5,}                                                        # a long number
    | \d+(?:\.\d+){3,}                                              # an address
    | (?=.*\d)(?=.*[^\W\d_])[^\W_]+(?:[-_./:\\@\#+]+[^\W_]+)+       # parts, one with a digit
    | \w*[^\W_]_[^\W_]\w*                                           # snake_case
    | [^\s@]+@[^\s@]+\.\w+                                          # mail
    | \w+://\S+                                                     # a link
    | [~./\\]*[^\s/\\]+(?:[/\\][^\s/\\]+){2,} | [~./\\]*[/\\][^\s/\\]+(?:[/\\][^\s/\\]+)*  # paths
    | [^\s/]{2,}\.[a-z][a-z0-9]{1,4} | (?:[^\s/]+[/\\])+[^\s/]+\.[a-z0-9]{1,5}  # names of files
    | (?:[A-Z][a-z0-9]+)+(?:Error|Exception|Warning) | (?:[A-Z][a-z0-9]+){3,} | E[A-Z]{4,}
    """,
    re.VERBOSE,
)
# Dates, times and hours are not names of one thing.
_DATE = re.compile(r"\d{1,4}(?:[-/.:]\d{1,4}){1,2}(?:[Tt][\d:.]+)?(?:[aApP][mM]|[zZ])?")


@dataclass(frozen=True)
class Query:
    """A query taken apart.

    Attributes:
        text: what was asked.
        terms: what to look for in full text; any of them counts.
        exact: runs of words that what is looked for holds as they stand.
        words: all its words.
        spans: the times it names.
        beside: its telling words beside those times. Where there are none but names
            of speakers, it asks for all that was said then.
    """

    text: str
    terms: tuple[str, ...]
    exact: tuple[str, ...]
    words: frozenset[str]
    spans: tuple[Span, ...] = ()
    beside: frozenset[str] = frozenset()


def parsed(query: str, now: datetime | None = None) -> Query:
    """A query taken apart; times are found where a clock's time is given.

    Stop words are left out of the terms unless there is nothing else. Identifiers such
    as UUIDs and file names also count as a whole, in addition to their parts.
    """
    text = clean(query)[:_LONGEST]
    spans, rest = times(text, now) if now is not None else ([], text)
    # Dates stand in the index too; "last week" would only find who said "last week".
    said = " ".join([rest, *(span.said for span in spans if not span.relative)])
    asked = list(dict.fromkeys(asked_words(said))) or list(dict.fromkeys(asked_words(text)))
    telling = [word for word in asked if word not in STOP_WORDS] or asked
    exact = exact_phrases(text)
    terms = [term(word) for word in telling[:MAX_TERMS]]
    terms += [phrase(whole) for whole in exact]
    beside = frozenset(asked_words(rest)) - STOP_WORDS - _ANY_MESSAGE
    return Query(
        text,
        tuple(dict.fromkeys(terms)),
        exact,
        frozenset(asked_words(text)),
        tuple(spans),
        beside,
    )


def exact_phrases(text: str) -> tuple[str, ...]:
    """Quoted phrases, identifiers and phone numbers of a query, as words between spaces."""
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(text)]
    found = [" ".join(asked_words(part)) for part in quoted]
    for match in _CHUNK.finditer(_QUOTED.sub(" ", text)):
        chunk = match.group().rstrip(".:'’-").lstrip("'‘-#")
        if _IDENTIFIER.fullmatch(chunk) and not _DATE.fullmatch(chunk):
            found.append(" ".join(asked_words(chunk)))
    for number in phone_numbers(text):
        found += number_forms(number)
    return tuple(dict.fromkeys(one for one in found if len(one) > 1))[:MAX_EXACT]


def flat(text: str) -> str:
    """A text as its words between single spaces, so that `exact` phrases can be found in it."""
    numbers = [form for number in phone_numbers(text) for form in number_forms(number)]
    return f" {' '.join([*words(text), *numbers])} "


def term(word: str) -> str:
    """A word as FTS5 reads it: quoted, so nothing in it is syntax."""
    return f'"{word}"*' if len(word) == 1 and is_unspaced(word) else f'"{word}"'


def phrase(whole: str) -> str:
    """Words that follow each other, as FTS5 reads them."""
    return f'"{whole}"'
