"""Chat: what was said elsewhere, before it is a message of recall storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from memgpt_autogen.arguments import day_or_time
from memgpt_autogen.events import moment_of
from memgpt_autogen.storage.record import EPOCH

NO_TEXT = "without text"
SYSTEM = "instructions"
CALLS = "calls of tools"
RESULTS = "results of tools"


Said = tuple[str, str, datetime | None]
"""Who said it, the text, and when, if that is known."""


@dataclass
class Chat:
    """One conversation, in its order.

    Attributes:
        origin: what recall storage calls it.
        mark: the end of the origin by which it is known also under another title; empty: the
            whole origin.
        said: who said what, and when if that is known.
        written: when, where it does not say of a message.
        skipped: why something of it is no message, and how often.
    """

    origin: str
    mark: str = ""
    said: list[Said] = field(default_factory=list)
    written: datetime = EPOCH
    skipped: Counter[str] = field(default_factory=Counter)


def time_of(value: Any) -> datetime | None:
    """A time that a chat gives: seconds since 1970, or ISO 8601; None where it is none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, timezone.utc) if value > 0 else None
        return moment_of(day_or_time(value))
    except (ValueError, OverflowError, OSError):
        return None


def text_of(part: Any) -> str:
    """A part of a message as text; a picture is a word."""
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])
    kind = str(part.get("content_type") or part.get("type") or "")
    return "(image)" if "image" in kind else ""
