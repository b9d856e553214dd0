"""Encodings: the text that bytes hold."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from contextlib import suppress

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
_ENOUGH = 8  # characters that tell UTF-16 from another encoding
_SURE = 0.95  # of the characters, that they are of one script
_SHARED = {0x00, 0x20, 0x30, 0xFF}  # high bytes of signs that many scripts share
_IDEOGRAPHS = ("gb2312", "big5", "cp932", "euc_kr")  # hold those that are in use
_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0e-\x1f]")
_BREAKS = re.compile(r"[\s。、，．]")
_DECLARED = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HEAD = 4096  # bytes in which HTML and XML say their encoding


def decoded(data: bytes, declared: str = "") -> str:
    """The text that bytes hold: by its mark, as UTF-8, as declared, else the likeliest.

    Args:
        data: of one file or page.
        declared: the encoding that somebody says it has, if one does.

    Raises:
        ValueError: they are no text.
    """
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data:
        wide = _wide(data)
        if wide is None:
            raise ValueError("it holds binary data")
        return data.decode(wide)
    with suppress(UnicodeDecodeError):
        text = data.decode("utf-8")
        # UTF-16 of Thai, Devanagari and others looks like letters and control characters.
        is_odd = len(_CONTROLS.findall(text[:_HEAD])) * 4 > len(text[:_HEAD])
        wide = _wide_without_zeros(data) if is_odd else None
        return data.decode(wide) if wide else text
    with suppress(LookupError, UnicodeDecodeError):
        if declared:
            return data.decode(declared)
    return data.decode(_wide_without_zeros(data) or _guessed(data), "replace")


def declared_in(markup: bytes) -> str:
    """The encoding that HTML or XML says itself that it has; empty where it does not."""
    found = _DECLARED.search(markup[:_HEAD])
    return found[1].decode("ascii", "ignore") if found else ""


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
    orders = ["utf-16-le", "utf-16-be"] if odd > even else ["utf-16-be", "utf-16-le"]
    return next(filter(None, (_if_it_decodes(data, one) for one in orders)), None)


def _if_it_decodes(data: bytes, encoding: str) -> str | None:
    """The encoding, if what it makes of the bytes looks like text."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    odd = sum(not one.isprintable() and one not in "\t\n\r\f\u3000\xa0" for one in text)
    is_text = odd * 100 <= len(text) and (_BREAKS.search(text) or _is_of_one_script(text))
    return encoding if is_text else None


def _wide_without_zeros(data: bytes) -> str | None:
    """UTF-16 without a mark, of a script that is nowhere near Latin's zeros."""
    sample = data[: min(len(data), 4096)]
    if len(data) % 2 or len(data) < 2 * _ENOUGH:
        return None
    for encoding in ("utf-16-le", "utf-16-be"):
        text = sample.decode(encoding, "replace")
        if text.isprintable() and _is_of_one_script(text):
            return _if_it_decodes(data, encoding)
    return None


def _is_of_one_script(text: str) -> bool:
    """Whether nearly all characters are of one alphabet, or ideographs that are in use."""
    pages = Counter(ord(one) >> 8 for one in text)
    own = Counter({page: count for page, count in pages.items() if page not in _SHARED})
    usual = _SHARED | {page for page, _ in own.most_common(1)}
    rest = "".join(one for one in text if ord(one) >> 8 not in usual)
    known = max((len(rest.encode(one, "ignore").decode(one)) for one in _IDEOGRAPHS), default=0)
    return len(rest) - known <= (1 - _SURE) * len(text)
