"""Lines: what an agent file is made of, each a JSON object of a kind.

    {"format": "memgpt-autogen agent file", "version": 3, "agent": NAME}
    {"kind": "source", "of": NAME, …}     an archive or a source, then its passages and files
    {"kind": "shared", …}                 a shared block, then its changes
    {"kind": "state", …}                  the agent: state, queues, blocks, messages, passages
    {"kind": "end", "value": SHA-256 of all bytes before this line}

Nothing in it tells of the machine, the time or the embedder, so the same agent is always the
same bytes. Vectors are left out: any embedder computes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from memgpt_autogen.memory.state import AgentState, Entry, PutAside
from memgpt_autogen.storage.journal.blocks import BlockChange, StoredBlock
from memgpt_autogen.storage.record import ARCHIVAL, RECALL, Kind, Record
from memgpt_autogen.storage.text import clean
from memgpt_autogen.zones import aware

FORMAT = "memgpt-autogen agent file"
VERSION = 3

LineKind = Literal[
    "source",
    "passage",
    "file",
    "next",
    "shared",
    "change",
    "state",
    "queue",
    "aside",
    "block",
    "message",
]
PARTS = ("source", "shared", "state")  # kinds that begin what belongs to one thing


@dataclass(frozen=True)
class Line:
    """One line, read.

    Attributes:
        kind: what its value is.
        value: the typed value.
        of: whose it is: the name of a source, of a file, of a partner, of a block.
        part: what the line belongs to: the kind and the name of that line.
    """

    kind: str
    value: Any
    of: str = ""
    part: tuple[str, str] = ("", "")


def written(kind: LineKind, value: Any, of: str = "") -> bytes:
    """A line of a file; `value` is JSON."""
    return as_bytes({"kind": kind, **({"of": of} if of else {}), "value": value})


def as_bytes(content: Mapping[str, Any]) -> bytes:
    """An object as one line. What UTF-8 cannot hold is replaced, as in storage."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return clean(text).encode() + b"\n"


def typed(kind: str, value: Any) -> Any:
    """What the value of a line stands for.

    Raises:
        Exception: it is none of that kind.
    """
    return _TYPES[kind](value)


def of_state(state: AgentState) -> Any:
    """A state as JSON: all but what is as in a new agent, so that later versions may know more.

    In a mapping of it the order of keys has no meaning: it is sorted.
    """
    found = state.model_dump(mode="json", exclude_defaults=True)
    return json.loads(json.dumps(found, sort_keys=True))


def of_aside(own: PutAside) -> Any:
    """What was put aside of a partner's, as JSON."""
    found = own.model_dump(mode="json", exclude_defaults=True, exclude={"queue"})
    queue = [of_entry(entry) for entry in own.queue]
    return {**json.loads(json.dumps(found, sort_keys=True)), "queue": queue}


def of_entry(entry: Any) -> Any:
    """An entry of a queue as JSON."""
    return {"kind": entry.kind, **entry.model_dump(mode="json", exclude_defaults=True)}


def of_change(change: BlockChange) -> Any:
    """A change of a block as JSON."""
    return {**vars(change), "time": change.time.isoformat()}


def of_record(kind: Kind, record: Record) -> Any:
    """A message or a passage as JSON."""
    found: dict[str, Any] = {"id": kind.id_of(record.number), "text": record.text}
    found["timestamp"] = record.timestamp.isoformat()
    if kind.dialogue:
        found["speaker"] = record.speaker
    else:
        found["tags"] = list(record.tags)
    return {**found, "origin": record.origin}


def _record(kind: Kind, value: Any) -> Record:
    number = kind.number_of(value["id"])
    if number is None:
        raise ValueError(f"{value['id']!r} is no id of {kind.name} storage")
    return Record(
        number,
        _text(value["text"]),
        aware(moment(value["timestamp"])),
        speaker=_text(value.get("speaker", "")),
        tags=tuple(map(_text, value.get("tags", ()))),
        origin=_text(value.get("origin", "")),
    )


def moment(text: str) -> datetime:
    """A time in ISO 8601, as we and pydantic write it."""
    return datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return clean(value)


def _change(value: Any) -> BlockChange:
    texts = (_text(value[key]) for key in ("author", "before", "after"))
    return BlockChange(int(value["version"]), moment(value["time"]), *texts)


_BLOCK: TypeAdapter[StoredBlock] = TypeAdapter(StoredBlock)
_ENTRY: TypeAdapter[Any] = TypeAdapter(Entry)

_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "source": dict,
    "file": _text,
    "next": int,
    "shared": _BLOCK.validate_python,
    "block": _BLOCK.validate_python,
    "change": _change,
    "state": AgentState.model_validate,
    "queue": _ENTRY.validate_python,
    "aside": PutAside.model_validate,
    "message": lambda value: _record(RECALL, value),
    "passage": lambda value: _record(ARCHIVAL, value),
}
