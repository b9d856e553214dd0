"""Migration: what earlier versions wrote, in the form that this one reads."""

from __future__ import annotations

import re
from typing import Any

_TIME = re.compile(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d)\] ")

Json = dict[str, Any]


def from_version_1(content: Json) -> Json:
    """A checkpoint of version 1, in which queue, blocks and drafts were parts of the state."""
    state = dict(content["state"])
    messages = {one["id"]: one for one in (*content["messages"], *state.pop("drafts", ()))}
    state["chats"] = state.pop("cursors", {})
    blocks = [{"block": {"version": 1, **_own(one)}} for one in state.pop("blocks", ())]
    queue = [_entry(one, messages, content["created"]) for one in state.pop("queue", ())]
    state.pop("version", None)
    return {
        **content,
        "version": 2,
        "state": state,
        "queue": queue,
        "blocks": blocks,
        "messages": [messages[key] for key in sorted(messages)],
        "passages": [dict(one) for one in content["passages"]],
    }


def _own(block: Json) -> Json:
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
