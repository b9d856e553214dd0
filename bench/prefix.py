"""How much of a request a provider's prompt cache would have seen before.

A request is written as its tools, then its messages, one JSON value a line: what was
only appended to then begins with the whole of what came before. The share is the
longest common prefix of two requests, in characters, divided by the length of the
earlier one.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

REMEMBERED = 8  # requests that a cache is taken to hold


def serialized(body: Mapping[str, Any]) -> str:
    """The part of a request's body that makes the prompt."""
    values = [*(body.get("tools") or []), *body["messages"]]
    return "\n".join(json.dumps(value, ensure_ascii=False) for value in values)


def common_prefix(one: str, other: str) -> int:
    """The length of the longest common prefix."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class PrefixMeter:
    """Compares each request of one agent with the requests before it."""

    def __init__(self) -> None:
        self._seen: deque[str] = deque(maxlen=REMEMBERED)

    def measure(self, body: Mapping[str, Any]) -> tuple[float | None, float | None]:
        """The share of the request before, and the best of the last eight; None at first."""
        text = serialized(body)
        shares = [common_prefix(text, seen) / len(seen) for seen in self._seen]
        self._seen.append(text)
        return (shares[-1], max(shares)) if shares else (None, None)
