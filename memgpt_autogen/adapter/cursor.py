"""Which of an AutoGen chat's messages are new to the agent.

The message list that AutoGen passes is no log: `clear_history` and message
transforms shorten it, a resumed or second chat starts it anew, and it holds the
agent's own replies. So the cursor remembers digests of what was taken, and new
is what stands behind the best alignment with them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

OWN = "own"
REMEMBERED = 200
_CONVINCING = 20


def digest(message: Mapping[str, Any], *, own: bool, speaker: str) -> str:
    """A short fingerprint of a message, the same in every process.

    The agent's own replies all have one: hooks may rewrite them on their way out.
    """
    if own:
        return OWN
    parts = [speaker, *(message.get(key) for key in _FIELDS)]
    text = json.dumps(parts, sort_keys=True, default=_name)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _name(value: Any) -> str:
    """What is no JSON, such as a picture object, without its address in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(value))


_FIELDS = ("content", "tool_calls", "tool_responses", "function_call")


def first_new(taken: Sequence[str], present: Sequence[str]) -> int:
    """The index in `present` behind which everything is new.

    Both are digests. The index follows the longest run of `present` that ends like
    `taken`; among equals the last. Without any such run (`taken` ends with an own
    reply that never entered the chat, or a transform rewrote everything) own
    replies are left out of the comparison, and at last what stands behind the
    latest own reply counts as new.
    """
    anchored = _align(taken, present)
    if anchored:
        return anchored
    others = [index for index, mark in enumerate(present) if mark != OWN]
    matched = _align([mark for mark in taken if mark != OWN], [present[i] for i in others])
    if matched and not _begins_anew(taken, present, matched):
        return others[matched - 1] + 1
    if taken and OWN in present:
        return len(present) - present[::-1].index(OWN)
    return 0


def _begins_anew(taken: Sequence[str], present: Sequence[str], matched: int) -> bool:
    """All was seen, and answered, and the answer is not there: the same words in a new chat."""
    return bool(taken) and taken[-1] == OWN and OWN not in present and matched == len(present)


def _align(taken: Sequence[str], present: Sequence[str]) -> int:
    best_end, best_length = 0, 0
    for end in range(len(present), 0, -1):
        length = 0
        while length < min(end, len(taken)) and present[end - 1 - length] == taken[-1 - length]:
            length += 1
        if length > best_length:
            best_end, best_length = end, length
            if length >= min(_CONVINCING, len(taken)):
                break
    return best_end


def kept_by_transform(unaltered: Sequence[str], start: int, altered: Sequence[str]) -> list[int]:
    """The indices in `altered` that stand for `unaltered[start:]`.

    Both are digests of one chat, before and after AutoGen's message transforms, which
    may drop, rewrite and even reorder messages (0.2.35 to 0.14.1:
    `MessageHistoryLimiter` moves the oldest one it keeps).
    """
    if len(altered) == len(unaltered):
        return list(range(start, len(altered)))
    wanted = Counter(unaltered[start:])
    missing = sum(wanted.values())
    known = set(unaltered)
    same: list[int] = []
    rewritten: list[int] = []
    for index in range(len(altered) - 1, -1, -1):
        mark = altered[index]
        if wanted[mark] > 0:
            wanted[mark] -= 1
            same.append(index)
        elif mark not in known:
            rewritten.append(index)
    return sorted(same + rewritten[: missing - len(same)])


class Cursor:
    """What was taken from one chat, at most `REMEMBERED` digests of it."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self.taken = list(taken)

    @property
    def answered(self) -> bool:
        """The latest turn in this chat ended with a reply."""
        return bool(self.taken) and self.taken[-1] == OWN

    def advance(self, present: Sequence[str]) -> int:
        """Take `present` over; the index of the first new message."""
        start = first_new(self.taken, present)
        fresh = list(present[start:])
        self.taken = [*self.taken, *fresh][-REMEMBERED:] if start else list(present[-REMEMBERED:])
        return start

    def replied(self) -> None:
        """The agent's reply follows the messages taken so far."""
        self.taken.append(OWN)

    def not_replied(self) -> None:
        """The reply that was to follow does not."""
        if self.answered:
            self.taken.pop()
