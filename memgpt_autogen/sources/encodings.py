"""Encodings: the text that bytes hold."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's, which it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WESTERN = "cp1252"
_FEW = 4  # bytes beyond ASCII: too few to tell a language by
_NEARLY = 0.06  # of disorder: what the most frequent encoding may have more than the best guess
_SAMPLE = 1 << 18  # bytes that are enough to guess by
_ODD = re.compile(r"[^\W\d_][¡-¬¯-±´-¿×÷]+[^\W\d_]")  # a sign in a word: of another encoding
_BREAKS = re.compile(r"[\s。、，．]")


def decoded(data: bytes) -> str:
    """The text that bytes hold: by its mark, as UTF-8, else in the likeliest encoding.

    Raises:
        ValueError: they are no text.
    """
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" not in data:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode(_guessed(data), "replace")
    wide = _wide(data)
    if wide is None:
        raise ValueError("it holds binary data")
    return data.decode(wide)


def is_utf8(data: bytes) -> bool:
    """Whether bytes, which may be cut anywhere, are text that says so: UTF-8, or a mark."""
    if any(data.startswith(mark) for mark in _MARKS):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _guessed(data: bytes) -> str:
    """The likeliest of the encodings of bytes that are not UTF-8."""
    beyond = sum(byte > 127 for byte in data[:_SAMPLE])
    if beyond < _FEW and beyond * 4 < len(data):
        return _WESTERN
    found = from_bytes(data[:_SAMPLE])
    best = found.best()
    if best is None:
        return _WESTERN
    if _ODD.search(data[:_SAMPLE].decode(_WESTERN, "replace")):
        return best.encoding
    for match in found:  # of those that read alike, the one that most files are in
        if _WESTERN in (match.encoding, *match.could_be_from_charset) and (
            match.coherence >= best.coherence and match.chaos <= best.chaos + _NEARLY
        ):
            return _WESTERN
    return best.encoding


def _wide(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark; None where the zeros stand otherwise than there."""
    sample = data[: _SAMPLE - _SAMPLE % 4]
    quarters = [sample[at::4].count(0) / max(len(sample) // 4, 1) for at in range(4)]
    for encoding, zeros in (("utf-32-le", (2, 3)), ("utf-32-be", (0, 1))):
        if len(data) % 4 == 0 and all(quarters[at] > 0.9 for at in zeros):
            return _if_it_decodes(data, encoding)
    even, odd = quarters[0] + quarters[2], quarters[1] + quarters[3]
    return _if_it_decodes(data, "utf-16-le" if odd > even else "utf-16-be")


def _if_it_decodes(data: bytes, encoding: str) -> str | None:
    """The encoding, if what it makes of the bytes looks like text."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    odd = sum(not one.isprintable() and one not in "\t\n\r\f\u3000\xa0" for one in text)
    return encoding if odd * 100 <= len(text) and _BREAKS.search(text) else None
