"""Distinctive: the parts of a text that show that another text comes from it.

Identifiers (long numbers, codes, mail addresses, links) are nobody's but who said them.
Names, shorter numbers, dates and rare words may be anybody's, and only point to somebody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple

from memgpt_autogen.storage.journal.words import STOP_WORDS, fold, is_unspaced, runs
from memgpt_autogen.storage.record import MONTHS

CAPITAL = "^"  # begins the form of a word where it is written as a name is

_MAIL = re.compile(r"[^\s@<>()\[\]{},;:\"'|]{1,64}@[^\s@<>()\[\]{},;:\"'|]{1,250}\.\w+")
_LINK = re.compile(r"(?:\b\w{1,20}://|www\.)[^\s<>\"'`|]+", re.IGNORECASE)
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" if name[3:] else name for name in MONTHS)
_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:T|\s)\d{1,2}:\d\d(?::\d\d)?)?\b")
_DATE = re.compile(r"\b(\d{1,2})[./-](\d{1,2})[./-](?:\d{4}|\d\d)\b")
_DAY_FIRST = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?({_MONTH})\b", re.IGNORECASE
)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b", re.IGNORECASE)

_DIGIT = re.compile(r"\d")
_GROUP = re.compile(r"[^\W_]+")
# What may stand between the groups of a number or a code: +49 (0)170 12-34, DE02 1203.
_BETWEEN = re.compile(r"[ \-‐‑–./()'’_]{1,3}|[,:]")
_GLUE = "-‐‑–./_:"
_GROUPS = 10  # of one number or code at the most
_TAIL = 8  # last digits, which no prefix of a phone number changes
_YEAR = re.compile(r"(?:19|20)\d\d")
_ORDINARY = re.compile(r"(?:19|20)\d\d|\d0*|\d{1,6}[a-z]{1,3}|\d+x\d+")  # 300, 250ml, 1920x1080

_PHRASE = 12  # letters of two or three words that others seldom say in a row
_GONE = " | "  # stands for what was taken out
_WORD = re.compile(r"[^\W\d_]+")
_OPENING = " \t\"'“”‘’«»()[]*-–#>•¡¿"  # what may stand between two sentences
_TITLE = re.compile(r"\b[^\W\d_]{1,3}\.")  # Dr., St., an initial
_PLAIN = (
    STOP_WORDS
    | {fold(name) for name in MONTHS}
    | {
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        *("yes", "please", "thank", "thanks", "hello", "okay"),
    }
)


class Part(NamedTuple):
    """A distinctive part of a text.

    Attributes:
        identifies: nobody else says it by chance.
        spelled: how it stands in the text.
    """

    identifies: bool
    spelled: str


def distinctive(text: str, is_common: Callable[[str], bool]) -> dict[str, Part]:
    """The distinctive parts of a text by their forms, which are those of `forms`.

    Args:
        text: of any language; names are known by their capitals, and in scripts without
            them, as other words, by being rare.
        is_common: whether a word, in small letters, is an ordinary one.
    """
    text = normalised(text)
    found: dict[str, Part] = {}
    for form, spelled in _addresses(text):
        found[form] = Part("/" in form or "@" in form, spelled)
    rest = _LINK.sub(_GONE, _MAIL.sub(_GONE, text))
    for form, spelled in _dates(rest):
        found[form] = Part(False, spelled)
    for pattern in (_ISO, _DATE):
        rest = pattern.sub(_GONE, rest)
    for form, spelled, groups, is_whole in _joined(rest):
        identifies = _identifies(form, groups)
        if identifies or (is_whole and _tells(form)):
            found[form] = Part(identifies, spelled)
    words = _words(rest)
    for form, start, end, _, is_name in words:
        if is_name or not is_common(form):
            found.setdefault(form, Part(False, rest[start:end]))
        found.setdefault(CAPITAL + form, Part(False, rest[start:end]))
    for form, spelled in (*_phrases(rest, words), *((one, one) for one in _unspaced(rest))):
        found.setdefault(form, Part(False, spelled))
    return found


def forms(text: str) -> set[str]:
    """All forms that a text has a part in: what is distinctive in another is looked for there."""
    words = _words(normalised(text))
    return plain_forms(text) | {CAPITAL + one.form for one in words if one.is_name}


def plain_forms(text: str) -> set[str]:
    """Those of the forms that do not tell whether a word is written as a name is."""
    found = identifiers(text)
    text = normalised(text)
    found.update(form for form, _ in _dates(text))
    words = [form for one in _WORD.findall(text) if (form := _form(one))]
    pairs = list(map(" ".join, pairwise(words)))
    found.update(words, pairs, map(" ".join, zip(pairs, words[2:], strict=False)), _unspaced(text))
    return found


def identifiers(text: str) -> set[str]:
    """Those of the forms that may identify: of addresses, numbers and codes."""
    text = normalised(text)
    found = {form for form, _ in _addresses(text)}
    found.update(form for form, *_ in _joined(text))
    return found


def ordinary(tokens: Callable[[str], int]) -> Callable[[str], bool]:
    """Tells ordinary words: they are in a vocabulary of English, or one token to the model."""
    file = resources.files("memgpt_autogen") / "data" / "bert_uncased_vocab.txt"
    english = frozenset(file.read_text(encoding="utf-8").splitlines())
    return cache(lambda word: word in english or tokens(f" {word}") < 2)


def normalised(text: str) -> str:
    """A text in Unicode's plainest forms, with our digits and nothing that does not show."""
    if text.isascii():
        return text.replace("\r", "\n")
    text = "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in unicodedata.normalize("NFKC", text)
        if unicodedata.category(char) != "Cf"
    )
    return text.replace("\r", "\n")


def _addresses(text: str) -> Iterator[tuple[str, str]]:
    for match in _MAIL.finditer(text) if "@" in text else ():
        yield match.group().strip(".-").casefold(), match.group()
    for match in _LINK.finditer(text) if "://" in text or "www." in text.lower() else ():
        plain = re.sub(r"^(?:\w+://)?(?:www\.)?", "", match.group().casefold())
        plain = plain.rstrip(".,;:!?)/")
        if plain:
            yield plain, match.group()


def _dates(text: str) -> Iterator[tuple[str, str]]:
    """Month and day, as `--05-08`: the year may be left out, and is a number of its own."""
    if not _DIGIT.search(text):
        return
    for pattern, at in ((_ISO, (2, 3)), (_DATE, (2, 1)), (_DATE, (1, 2))):
        for match in pattern.finditer(text):
            month, day = (int(match[one]) for one in at)
            if 1 <= month <= 12 and 1 <= day <= 31:
                yield f"--{month:02}-{day:02}", match.group()
    for pattern, month_at, day_at in ((_DAY_FIRST, 2, 1), (_MONTH_FIRST, 1, 2)):
        for match in pattern.finditer(text):
            name, day = match[month_at][:3].casefold(), int(match[day_at])
            month = [one[:3].casefold() for one in MONTHS].index(name) + 1
            if 1 <= day <= 31:
                yield f"--{month:02}-{day:02}", match.group()


def _joined(text: str) -> Iterator[tuple[str, str, list[str], bool]]:
    """Numbers and codes without what groups them: form, spelling, groups, whether all of it."""
    for run in _runs(text):
        groups = [match.group().casefold() for match in run]
        for first in range(len(run)):
            for last in range(first, min(first + _GROUPS, len(run))):
                part = groups[first : last + 1]
                form = "".join(part)
                if len(form) < 3 or not _DIGIT.search(form):
                    continue
                spelled = text[run[first].start() : run[last].end()]
                is_whole = first == last or (first, last) == (0, len(run) - 1)
                yield form, spelled, part, is_whole
                if form.isdigit() and len(form) > _TAIL:
                    yield form[-_TAIL:], spelled, part, False


def _runs(text: str) -> Iterator[list[re.Match[str]]]:
    """Groups that follow each other: with digits, or a few letters that go with such."""
    run: list[re.Match[str]] = []
    if not _DIGIT.search(text):
        return
    for match in _GROUP.finditer(text):
        if run and not _belong(text, run[-1], match):
            yield run
            run = []
        group = match.group()
        if _DIGIT.search(group) or (len(group) <= 4 and _goes_along(text, match)):
            run.append(match)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _belong(text: str, first: re.Match[str], then: re.Match[str]) -> bool:
    between = text[first.end() : then.start()]
    if between == ",":  # of thousands
        return first.group()[-1].isdigit() and then.group()[0].isdigit()
    return _BETWEEN.fullmatch(between) is not None


def _goes_along(text: str, match: re.Match[str]) -> bool:
    """Whether letters may belong to a code: capitals, or with a hyphen or its like beside."""
    beside = text[max(match.start() - 1, 0) : match.start()] + text[match.end() : match.end() + 1]
    return match.group().isupper() or any(char in _GLUE for char in beside)


def _tells(form: str) -> bool:
    """Whether a number or code tells anything: 100 and 2000 do not."""
    if form.isdigit():
        return len(form.strip("0")) > 1
    return len(form) > 3


def _identifies(form: str, groups: list[str]) -> bool:
    digits = sum(map(str.isdigit, form))
    if all(map(_ORDINARY.fullmatch, groups)) or len(form) < 6:
        return False
    if digits == len(form):
        return len(form) > 6 and len(form.strip("0")) > 4
    if not all(_DIGIT.search(group) for group in groups):  # PIN 4711, EUR 1,250.50
        return digits > 6
    changes = len(re.findall(r"(?<=\d)(?=\D)|(?<=\D)(?=\d)", form))
    return sum(map(str.isdigit, _YEAR.sub("", form, count=1))) > 3 or changes > 2


class _Word(NamedTuple):
    """A word that tells something, where it stands."""

    form: str
    start: int
    end: int
    is_capital: bool
    is_name: bool


def _words(text: str) -> list[_Word]:
    shouted = sum(map(str.isupper, text)) > sum(map(str.islower, text))
    found: list[_Word] = []
    for match in _WORD.finditer(text):
        spelled = match.group()
        if form := _form(spelled):
            start, end = match.span()
            is_capital = spelled[0].isupper() and not shouted
            is_name = is_capital and not _begins(text, start)
            found.append(_Word(form, start, end, is_capital, is_name))
    return found


def _phrases(text: str, words: list[_Word]) -> Iterator[tuple[str, str]]:
    """Of two or three words in a row those that are long, or a whole name: form and spelling."""
    for at, (first, then) in enumerate(pairwise(words)):
        form, is_name = f"{first.form} {then.form}", first.is_capital and then.is_capital
        if len(form) > _PHRASE or (is_name and not text[first.end : then.start].strip(" -")):
            yield form, text[first.start : then.end]
        for third in words[at + 2 : at + 3]:
            if len(form) + len(third.form) > _PHRASE:
                yield f"{form} {third.form}", text[first.start : third.end]


def _unspaced(text: str) -> Iterator[str]:
    """Three characters in a row of scripts without spaces."""
    for run in () if text.isascii() else runs(text):
        if is_unspaced(run):
            for at in range(len(run) - 2):
                yield run[at : at + 3]


def _begins(text: str, at: int) -> bool:
    """Whether a sentence begins there, so that a capital says nothing."""
    before = text[max(at - 40, 0) : at].rstrip(_OPENING)
    if not before or before[-1] in "!?…\n":
        return True
    title = _TITLE.fullmatch(before.split()[-1])
    return before[-1] == "." and not (title and title.group()[0].isupper())


@lru_cache(maxsize=1 << 16)
def _form(word: str) -> str:
    """A word as it is compared: in small letters, without accents and a plural's s.

    Empty for one that tells nothing, or is of a script without spaces.
    """
    form = fold(word)
    form = form[:-1] if len(form) > 4 and form.endswith("s") and not form.endswith("ss") else form
    return "" if len(word) < 3 or form in _PLAIN or is_unspaced(word) else form
