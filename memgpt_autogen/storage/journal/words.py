"""The words of a text in any script, folded so that spellings of one word are the same.

SQLite's own tokenizer knows no scripts without spaces and loses marks that belong to
words, so texts are cut here and given to FTS5 as plain words between spaces. Case,
diacritics and Unicode's compatibility forms are folded. Scripts that put no spaces
between words (and Hangul, whose particles stick to them) become pairs of neighbouring
characters, with the last character of a run by itself: so every character begins a
word, and one that is asked for alone is found as a prefix.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Thai to Myanmar, Hangul, Khmer, Kana, Han; what NFKC maps to others is left out.
_UNSPACED = (
    "\u0e01-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u309f\u30a0-\u30fa"
    "\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# Blocks whose vowels and marks belong to words, though Python's \w leaves them out: those of
# India without its full stops, and Tibet.
_MARKED = "\u0700-\u074f\u0900-\u0963\u0966-\u0df3\u0f18-\u0f84\u0f90-\u0fbc\u200c\u200d"
_SYMBOLS = "\u2600-\u27bf\U0001f000-\U0001faff"  # pictures are words of one character

_TOKEN = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])(?:[^\W_]|[{_MARKED}]))+|[{_SYMBOLS}]")
_ASCII_TOKEN = re.compile(r"[a-z0-9]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
# Accents, and the vowel points of Hebrew and Arabic, which most texts leave out.
_DIACRITICS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u065f\u0670]+")
# Groups of digits as in phone numbers, at least seven digits in all.
_NUMBER = re.compile(r"(?<![\w.])[+(]{0,2}\d(?:[\s().\-/]{0,3}\d){6,18}(?![\w])")
# Dates, and addresses of machines.
_NO_PHONE = re.compile(
    r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./](?:\d\d){1,2}\b|\d{1,3}(?:\.\d{1,3}){3}$"
)
_CERTAIN = 8  # more digits than this in one word may be a phone number too
LOCAL_DIGITS = 7  # of a phone number, without what may be prefixed for other places

STOP_WORDS = frozenset(
    """
    a about above after again against all am an and any are aren as at be because been before
    being below between both but by can cannot could couldn d did didn do does doesn doing don
    down during each few for from further had hadn has hasn have haven having he her here hers
    herself him himself his how i if in into is isn it its itself just ll m me might more most
    must mustn my myself no nor not now o of off on once only or other our ours ourselves out
    over own re s same shall shan she should shouldn so some such t than that the their theirs
    them themselves then there these they this those through to too under until up us ve very
    was wasn we were weren what when where which while who whom why will with won would wouldn
    you your yours yourself yourselves
    """.split()  # noqa: SIM905 - as a list it would fill two screens
)


def fold(text: str) -> str:
    """`text` in lower case, without diacritics, in Unicode's plainest forms."""
    if text.isascii():
        return text.lower()
    plain = _DIACRITICS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", plain).casefold()


def words(text: str) -> list[str]:
    """The words of a text to be indexed, in its order."""
    found: list[str] = []
    for run in runs(text):
        found += [*pairs(run), run[-1]] if is_unspaced(run) and len(run) > 1 else [run]
    return found


def asked_words(text: str) -> list[str]:
    """The words of a query: those that a text holding the same has in its index."""
    found: list[str] = []
    for run in runs(text):
        found += pairs(run) if is_unspaced(run) and len(run) > 1 else [run]
    return found


def runs(text: str) -> list[str]:
    """Words between spaces and marks; of scripts without spaces, what stands together."""
    folded = fold(text)
    return (_ASCII_TOKEN if folded.isascii() else _TOKEN).findall(folded)


def pairs(run: str) -> list[str]:
    """The pairs of neighbouring characters."""
    return [run[at : at + 2] for at in range(len(run) - 1)]


def is_unspaced(run: str) -> bool:
    """Whether a run is of a script that puts no spaces between words."""
    return not run.isascii() and _IS_UNSPACED.match(run) is not None


def indexed(text: str) -> str:
    """What FTS5 gets for a text: its words, then its phone numbers without gaps."""
    numbers = [form for number in phone_numbers(text) for form in number_forms(number)]
    if text.isascii():  # FTS5 cuts this as `words` does, and faster
        return f"{text} {' '.join(numbers)}" if numbers else text
    return " ".join([*words(text), *numbers])


def phone_numbers(text: str) -> Iterator[str]:
    """The digits of numbers written in groups, such as +1 (555) 010-9999, or very long."""
    for match in _NUMBER.finditer(text):
        digits = "".join(char for char in match.group() if char.isdecimal())
        grouped = digits != match.group() and not _NO_PHONE.match(match.group())
        if grouped or (len(digits) > _CERTAIN and match.group().isdecimal()):
            yield fold(digits)


def number_forms(digits: str) -> list[str]:
    """A number as it is indexed: all digits, and those that no prefix changes."""
    return [digits] if len(digits) <= LOCAL_DIGITS else [digits, digits[-LOCAL_DIGITS:]]
