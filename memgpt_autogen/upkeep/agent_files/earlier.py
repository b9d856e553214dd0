"""What earlier versions wrote, checkpoints of one JSON object, as the lines of an agent file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

FORMAT = "memgpt-autogen checkpoint"
VERSION = 2

_TIME = re.compile(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d)\] ")

Json = dict[str, Any]


def lines_of(content: Json) -> Iterator[tuple[str, Json]]:
    """Where a line's value stood in the checkpoint, and the line.

    Raises:
        KeyError, TypeError, AttributeError: something is missing, or of another type.
    """
    if content["version"] == 1:
        content = _from_version_1(content)
    yield from _shared(content)
    yield "state", _line("state", content["state"])
    yield from _own(content)


def _shared(content: Json) -> Iterator[tuple[str, Json]]:
    for archive in content.get("archives", ()):
        yield "archives", _line("source", {"writable": True}, archive["name"])
        for passage in archive["passages"]:
            yield "archives", _line("passage", passage)
    for block in content.get("shared_blocks", ()):
        yield "shared_blocks", _line("shared", block)


def _own(content: Json) -> Iterator[tuple[str, Json]]:
    for entry in content["queue"]:
        yield "queue", _line("queue", entry)
    for partner, own in content.get("aside", {}).items():
        yield "aside", _line("aside", own, partner)
    for kept in content["blocks"]:
        yield "blocks", _line("block", kept["block"])
        for change in kept.get("history", ()):
            yield "blocks", _line("change", change, kept["block"]["name"])
    for kind in ("message", "passage"):
        for one in content[f"{kind}s"]:
            yield f"{kind}s", _line(kind, one)


def _line(kind: str, value: Any, of: str = "") -> Json:
    return {"kind": kind, "of": of, "value": value}


def _from_version_1(content: Json) -> Json:
    """A checkpoint of version 1, in which queue, blocks and drafts were parts of the state."""
    state = dict(content["state"])
    messages = {one["id"]: one for one in (*content["messages"], *state.pop("drafts", ()))}
    state["chats"] = state.pop("cursors", {})
    blocks = [{"block": {"version": 1, **_block(one)}} for one in state.pop("blocks", ())]
    queue = [_entry(one, messages, content["created"]) for one in state.pop("queue", ())]
    state.pop("version", None)
    return {
        **content,
        "state": state,
        "queue": queue,
        "blocks": blocks,
        "messages": [messages[key] for key in sorted(messages)],
    }


def _block(block: Json) -> Json:
    return {key: block[key] for key in ("name", "value", "limit", "read_only") if key in block}


def _entry(entry: Json, messages: dict[str, Json], created: str) -> Json:
    if entry["kind"] == "step":
        return {"kind": "step", **entry["step"]}
    known = messages.get(entry.get("recall_id") or "")
    if known is not None:
        images = entry.get("images", ())
        return {**known, "kind": "message", "own": entry.get("own", False), "images": images}
    line = str(entry["line"])
    time = _TIME.match(line)
    return {
        "kind": "notice",
        "timestamp": f"{time[1]}:00+00:00".replace(" ", "T") if time else created,
        "text": _TIME.sub("", line),
        "alert": entry.get("alert", False),
    }
