"""Frames: the marks by which the model tells who says what, which nobody's words can imitate.

A frame stands at the beginning of a line: `[2026-05-08 17:04] Ann: …`, `(system alert) …`. So
each further line of a text is indented, and one that looks like a frame even so is quoted
besides (`> `). Names are made of one line without what ends a frame. All of it is made where
it is shown: what is stored stays as it was said.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import islice
from unicodedata import category, normalize

ALERT = "(system alert)"  # the mark of the memory system's own words
MEMORY = "(from memory)"  # of what it has looked up for the model

_INDENT, _QUOTE = "  ", "> "
_COMPARED = 100  # characters of a line that are compared with the frames
_NAME = 64  # characters of a name that are shown

# How a line begins that could be taken for one of ours; brackets of all kinds are round here.
_FRAME = re.compile(
    r"""
      (?:\(\s*)+ (?: \d{4}\W{1,3}\d{1,2}\W{1,3}\d{1,2}          # [2026-05-08 17:04]
                   | system\W*alert | summary\W+of | calls\b | result\s+of | i\W+(?:said|called)\b
                   | (?:login|document|timer|result|note|before|after|from\W+memory)\s*\) )
    | page\s*\d+\s*of\s*\d
    | \#+\s*(?:core\s*memory|outside\s*your\s*view|your\s*role)
    | (?:summary\s*so\s*far|new\s*messages)\s*:
    | <\s*/?\s*(?:persona|human)\b
    """,
    re.VERBOSE,
)
_FIRST = "(<#psn"  # what a frame begins with
_TAG = re.compile(r"<\s*/?\s*\w")
_SHOWN = re.compile(rf"^{_INDENT}(?:{_QUOTE})?", re.MULTILINE)
# Letters of other scripts, and others, that look like those of the frames.
_ALIKE = str.maketrans(
    "авсԁеһнії јкӏмопрѕтуѵхԝ αβγεηικνορτυχω ɑɡıɩօոսհ ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏ ∶ː꞉−",
    "abcdehhii jklmonpstyvxw abyenikvoptuxw agiionuh abcdefghijklmnoprstuvwy :::-",
)
_SEEN_AS = {"Ps": "(", "Pe": ")", "Pd": "-", "Zs": " "}
_BLANK = "\u115f\u1160\u2800"  # letters and symbols that show nothing
_ROUNDED = re.compile(r"[()（）﹙﹚⁽⁾]")
_COLONS = re.compile(r"[:：﹕︓∶ː꞉։׃⦂]+(?=\s|$)")
_MARKED = re.compile(r"~[0-9a-f]{4}$")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LIKE_LATIN = re.compile(r"[\u0370-\u058f\u10a0-\u10ff\u13a0-\u13ff\u1c80-\u1c8f\u2c80-\u2cff]")


def below(text: str) -> str:
    """A text that follows a frame on its line: further lines are indented."""
    first, *rest = text.splitlines() or [""]
    return "\n".join([first, *map(_indented, rest)])


def apart(text: str) -> str:
    """A text that is a message of its own, such as a tool's result."""
    lines = text.splitlines()
    if len(lines) > 1:
        return "\n".join(map(_indented, lines))
    return _quoted(lines[0]) if lines else ""


def block(text: str) -> str:
    """The text of a core memory block, as it stands between its tags."""
    return "\n".join(_indented(line, tags=True) for line in text.splitlines())


def clip(text: str, limit: int) -> str:
    """`text`, or its beginning and end with a note of what was cut between them.

    Where lines were cut, what follows is not put on the line of somebody else.
    """
    if len(text) <= limit:
        return text
    tail = limit // 4
    head, end = text[: limit - tail].rstrip(), len(text) - tail
    note = f"…[{end - len(head)} characters left out]…"
    if "\n" in text[len(head) : end]:
        first, *rest = text[end:].split("\n")
        return "\n".join([head, note, _indented(first.strip()), *rest])
    return f"{head} {note} {text[end:]}"


def unframed(text: str) -> str:
    """A text as it was before it was shown: without indents and quotation marks of ours."""
    return _SHOWN.sub("", text)


def _indented(line: str, *, tags: bool = False) -> str:
    return _INDENT + _quoted(line, tags=tags) if line.strip() else ""


def _quoted(line: str, *, tags: bool = False) -> str:
    beginning = _skeleton(line)
    is_alike = _FRAME.match(beginning) or (tags and _TAG.match(beginning))
    return f"{_QUOTE}{line}" if is_alike else line


def _skeleton(line: str) -> str:
    """How a line begins to the eye: in small plain letters, without what does not show."""
    shown = _plain(line)
    first = _small(next(shown, ""))
    if first[:1] not in _FIRST:
        return first  # as most lines do, so no more of it is looked at
    return (first + _small("".join(islice(shown, _COMPARED)))).strip()


def _small(text: str) -> str:
    return text.casefold().translate(_ALIKE)


def _plain(line: str) -> Iterator[str]:
    last = " "
    for char in line:
        for part in char if char.isascii() else normalize("NFKD", char):
            kind = category(part)
            seen = _SEEN_AS.get(kind, part)
            if kind[0] not in "CM" and part not in _BLANK and (seen, last) != (" ", " "):
                yield seen
                last = seen


def name(true: str) -> str:
    """A name as frames show it, which the true name alone is shown as.

    One line, in which no frame ends or begins. A name that had to be changed for that, or that
    mixes letters that look alike, ends with a mark of its own (`~1f3c`), so that nobody but
    Ann is Ann.
    """
    shown = "".join(" " if char.isspace() else char for char in true if _shows(char))
    if _FRAME.search(_small("".join(_plain(shown)))):
        shown = _ROUNDED.sub("", shown)
    shown = _COLONS.sub("", shown.lstrip(" (（﹙⁽"))
    shown = " ".join(shown.split()) or "nobody"
    mixed = any(_LATIN.search(word) and _LIKE_LATIN.search(word) for word in shown.split())
    if shown == true and not mixed and len(true) <= _NAME and not _MARKED.search(true):
        return true
    mark = hashlib.blake2b(true.encode("utf-8", "replace"), digest_size=2).hexdigest()
    return f"{shown[: _NAME - 5].rstrip()}~{mark}"


def _shows(char: str) -> bool:
    kind = category(char)
    return (kind[0] != "C" or char.isspace()) and normalize("NFKC", char) not in "[]<>" + _BLANK


def fits_tag(text: str) -> bool:
    """Whether a core memory block can have this name."""
    return bool(text.strip()) and text.splitlines() == [text] and not set("<>") & set(text)


def label(text: str) -> str:
    """The name of a source and its tags in round brackets, on one line."""
    shown = f"({' '.join(text.split())})".replace("[", "(").replace("]", ")")
    return f"(source {shown[1:]}" if _FRAME.match(_skeleton(shown)) else shown
