"""Record: one stored text, as Chroma keeps it and as it is embedded and indexed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True)
class Kind:
    """A kind of record, and how it is found.

    Attributes:
        name: of the collection and the table.
        prefix: of ids, before a number that only ever rises.
        id_of: the id of a number.
        dialogue: each record continues the one before it: date and speaker are
            embedded with the text, and neighbours' words are indexed with it.
    """

    name: str
    prefix: str
    dialogue: bool
    id_of: Callable[[int], str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id_of", f"{self.prefix}{{:08d}}".format)

    def number_of(self, id: str) -> int | None:
        """The number in an id of this kind; None for any other text."""
        digits = id[len(self.prefix) :]
        if not id.startswith(self.prefix) or not (digits.isascii() and digits.isdigit()):
            return None
        number = int(digits[:19])
        return number if self.id_of(number) == id and number < 2**63 else None


RECALL = Kind("recall", "m", dialogue=True)
ARCHIVAL = Kind("archival", "p", dialogue=False)


@dataclass(frozen=True)
class Record:
    """One stored text: the row of a message or of a passage.

    Attributes:
        number: unique within its kind, rising in the order of storing.
        timestamp: aware of its zone.
        origin: where it came from: a chat, a program; empty where nobody said.
    """

    number: int
    text: str
    timestamp: datetime
    speaker: str = ""
    tags: tuple[str, ...] = ()
    origin: str = ""

    def embedded(self, kind: Kind) -> str:
        """The text that is embedded: who said it when helps a question find it."""
        if not kind.dialogue:
            return self.text
        return f"[{readable(self.timestamp)}] {self.speaker}: {self.text}"

    def metadata(self) -> dict[str, str]:
        """What Chroma keeps beside text and vector: flat, never None."""
        found = {"timestamp": self.timestamp.isoformat()}
        if self.speaker:
            found["speaker"] = self.speaker
        if self.tags:
            found["tags"] = json.dumps(self.tags, ensure_ascii=False)
        if self.origin:
            found["origin"] = self.origin
        return found

    @classmethod
    def restored(cls, number: int, text: str | None, metadata: Mapping[str, Any]) -> Record:
        """The record that `metadata` and `text` were made from."""
        return cls(
            number=number,
            text=text or "",
            timestamp=datetime.fromisoformat(metadata["timestamp"]),
            speaker=metadata.get("speaker", ""),
            tags=tuple(json.loads(metadata.get("tags", "[]"))),
            origin=metadata.get("origin", ""),
        )


def record_of(
    number: int, text: str, timestamp: str, speaker: str, tags: str, origin: str
) -> Record:
    """The record that a row holds."""
    found = tuple(json.loads(tags)) if tags else ()
    return Record(number, text, datetime.fromisoformat(timestamp), speaker, found, origin)


def readable(moment: date) -> str:
    """The date as people write it: `8 May 2023`."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly; `moment` is aware."""
    return (moment - EPOCH) // MICROSECOND
