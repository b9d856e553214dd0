"""The words of records in any script, and the full-text entries (FTS5) that are made of them.

The words of a record are indexed in five columns, weighted in the ranking: its text,
its speaker, the text before and after it in the conversation, and its date.

SQLite's own tokenizer knows no scripts without spaces and loses marks that belong to
words, so texts are cut here and given to FTS5 as plain words between spaces. Case,
diacritics and Unicode's compatibility forms are folded. Scripts that put no spaces
between words (and Hangul, whose particles stick to them) become pairs of neighbouring
characters, with the last character of a run by itself: so every character begins a
word, and one that is asked for alone is found as a prefix.
"""

# ruff: noqa: S608 - table names are those of `Kind`; every value is a parameter

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterator

from memgpt_autogen.storage.record import MONTHS, Kind

# With any change of these, of the tables, of `_columns` or of what `words` makes of a
# text, raise journal.LAYOUT.
TOKENIZER = "porter ascii"  # texts come cut into words; what is not ASCII stays as it is
COLUMNS = "text, speaker, previous, next, date"
WEIGHTS = "1.0, 1.0, 0.7, 0.3, 0.5"
NEIGHBOUR_CHARACTERS = 600  # of the neighbours' texts; more would drown the record's own

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


def ascii_table(kept: str = "") -> bytes:
    """For `bytes.translate`: ASCII in lower case, spaces for what is of no word nor in `kept`."""
    return bytes(
        ord(chr(code).lower()) if chr(code).isalnum() or chr(code) in kept else ord(" ")
        for code in range(128)
    ).ljust(256)


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


class Entries:
    """The full-text entries of one kind's records.

    An entry is made from rows of the records' table alone, by `_columns`: the FTS5 table
    stores no text of its own, and an entry is taken out by giving the very columns it was
    made of.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._records = kind.name
        self.name = f"{kind.name}_words"

    @property
    def statement(self) -> str:
        """Makes the table."""
        return (
            f"CREATE VIRTUAL TABLE {self.name} USING fts5({COLUMNS}, content='',"
            f" tokenize='{TOKENIZER}')"
        )

    def before(
        self, connection: sqlite3.Connection, numbers: set[int]
    ) -> dict[int, tuple[str, ...] | None]:
        """What the entries of these records, and of those beside them, are made of now.

        Where a conversation only goes on, that is its last record and the new ones.
        """
        found = set(numbers)
        for number in numbers if self._kind.dialogue else ():
            for sql in (
                f"SELECT max(number) FROM {self._records} WHERE number < ?",
                f"SELECT min(number) FROM {self._records} WHERE number > ?",
            ):
                (neighbour,) = connection.execute(sql, [number]).fetchone()
                if neighbour is not None:
                    found.add(neighbour)
        return {number: self._columns(connection, number) for number in sorted(found)}

    def renew(
        self, connection: sqlite3.Connection, before: dict[int, tuple[str, ...] | None]
    ) -> None:
        """Make the entries true again, which were made of `before`."""
        for number, old in before.items():
            new = self._columns(connection, number)
            if old is not None and old != new:
                connection.execute(
                    f"INSERT INTO {self.name} ({self.name}, rowid, {COLUMNS})"
                    " VALUES ('delete', ?, ?, ?, ?, ?, ?)",
                    [number, *map(indexed, old)],
                )
            if new is not None and old != new:
                connection.execute(
                    f"INSERT INTO {self.name} (rowid, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                    [number, *map(indexed, new)],
                )

    def _columns(self, connection: sqlite3.Connection, number: int) -> tuple[str, ...] | None:
        """Text, speaker, previous, next, date; None if there is no such record."""
        sql = f"SELECT text, speaker, timestamp, tags FROM {self._records} WHERE number = ?"
        row = connection.execute(sql, [number]).fetchone()
        if row is None:
            return None
        text, speaker, timestamp, tags = row
        year, month, day = timestamp[:10].split("-")
        date = f"{int(day)} {MONTHS[int(month) - 1]} {int(year)}"  # as `readable` writes it
        if not self._kind.dialogue:
            return text, " ".join(json.loads(tags)) if tags else "", "", "", date
        around = []
        for comparison, order in (("<", "DESC"), (">", "ASC")):
            sql = (
                f"SELECT substr(text, 1, {NEIGHBOUR_CHARACTERS}) FROM {self._records}"
                f" WHERE number {comparison} ? ORDER BY number {order} LIMIT 1"
            )
            neighbour = connection.execute(sql, [number]).fetchone()
            around.append(neighbour[0] if neighbour else "")
        return text, speaker, around[0], around[1], date
