"""Digests of AutoGen's messages: by them an agent tells what in a chat it has heard.

The message list that AutoGen passes is no log: `clear_history` and message transforms
shorten it, a resumed or second chat starts it anew, and it holds the agent's own
replies. So the digests of what was heard are remembered, and new is what stands behind
the best alignment with them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.memory.partners import partner_of
from memgpt_autogen.steps import Turn

AutoGenMessages = Sequence[Mapping[str, Any]]

OWN = "own"
# Ends a call whose result a transform took out of the chat, as AutoGen does with handoffs.
HIDDEN_RESULT = "(done)"
REMEMBERED = 200
_CONVINCING = 20
_FIELDS = ("content", "tool_calls", "tool_responses", "function_call")


class Partner(Protocol):
    """Whose chat it is: the AutoGen agent that sends the messages."""

    @property
    def name(self) -> str:
        """Its name, by which a chat is found again after a restart."""
        ...


class Chat:
    """What an agent has heard of one chat.

    Attributes:
        key: by which it is saved: its partner's name; where partners are kept apart, one that
            no other partner has.
        heard: digests of the latest messages taken in, and a mark for each own reply.
        is_group: the partner speaks for others, as a group chat's manager does.
        known: messages and their digests as of the last time: AutoGen passes the whole
            chat at every turn, in the same objects.
        last: the latest turn whose reply may be cancelled, even after its end.
        taken_in_early: its latest messages were taken in without a turn that answers them.
    """

    def __init__(self, heard: Sequence[str] = ()) -> None:
        self.key = ""
        self.heard = list(heard)
        self.is_group = False
        self.known: list[tuple[Mapping[str, Any], str]] = []
        self.last: tuple[Turn, Stop] | None = None
        self.taken_in_early = False

    @property
    def answered(self) -> bool:
        """The latest turn in this chat ended with a reply."""
        return bool(self.heard) and self.heard[-1] == OWN

    def look_for_group(self, own_name: str, sender: str, speakers: Collection[str]) -> None:
        """Note whether others besides the agent and the sender speak in it."""
        self.is_group |= not {own_name, sender}.issuperset(speakers)

    def has(self, messages: AutoGenMessages) -> bool:
        """Whether these were taken in, as the messages of this chat or its beginning."""
        count = len(messages)
        return 0 < count <= len(self.known) and self.known[count - 1][0] is messages[-1]

    def take_in(self, present: Sequence[str], start: int) -> None:
        """Remember the digests of a chat whose new messages begin at `start`."""
        heard = [*self.heard, *present[start:]] if start else present
        self.heard = list(heard[-REMEMBERED:])

    def unheard(self) -> Turn | None:
        """The latest turn, if its reply was cancelled, so that nobody has heard it."""
        return self.last[0] if self.last is not None and self.last[1].is_cancelled else None


class News(NamedTuple):
    """What is new in a chat.

    Attributes:
        marks: the digests of the whole chat, before message transforms.
        start: where in it the new messages begin.
        speakers: who said what transforms left of them, by the place in what they left.
    """

    marks: list[str]
    start: int
    speakers: dict[int, str]


def news_in(
    messages: AutoGenMessages,
    unaltered: AutoGenMessages | None,
    *,
    heard: Sequence[str],
    own_name: str,
    sender: str,
    known: Sequence[tuple[Mapping[str, Any], str]] = (),
) -> News:
    """Compare a chat with what was heard of it.

    Args:
        messages: the chat as message transforms left it.
        unaltered: the chat before the transforms, where there were any.
        heard: the digests of what was heard.
        own_name: the agent's, whose chat it is.
        sender: says what has no name.
        known: messages whose digests are known, as they stood in the chat.
    """
    whole = messages if unaltered is None else unaltered
    marks = _digests_of(whole, own_name, sender, known)
    altered = marks if messages is whole else _digests_of(messages, own_name, sender)
    start = first_new(heard, marks)
    fresh = kept_by_transform(marks, start, altered)
    return News(marks, start, {at: speaker_of(messages[at], own_name, sender) for at in fresh})


def speaker_of(message: Mapping[str, Any], own_name: str, sender: str) -> str:
    """Who said an AutoGen message: its name, else by its role."""
    if message.get("name"):
        return str(message["name"])
    return own_name if message.get("role") == "assistant" else sender or "user"


def partner_key(partner: Any, messages: AutoGenMessages, own_name: str) -> str:
    """Who has a chat with the agent, told apart from everybody else by a text.

    Args:
        partner: the AutoGen agent whose chat it is, if any.
        messages: the chat.
        own_name: the agent's, whose chat it is.

    Raises:
        ConfigurationError: it cannot be told.
    """
    if partner is not None:
        members = getattr(getattr(partner, "groupchat", None), "agents", ())
        return partner_of(str(partner.name), [str(one.name) for one in members])
    speakers = {speaker_of(one, own_name, "") for one in messages} - {own_name}
    if len(speakers) != 1:
        raise ConfigurationError(
            "Settings(separate_partners=True) must know whose chat it is: give sender=, or messages"
            f" of one speaker, not of {', '.join(sorted(speakers)) or 'nobody'}."
        )
    return partner_of(speakers.pop())


def name_of(partner: Partner | None) -> str:
    """A partner's name, empty for none."""
    return "" if partner is None else str(partner.name)


def hidden_results(whole: AutoGenMessages, shown: AutoGenMessages) -> tuple[tuple[str, str], ...]:
    """What stands for the results, by id, that transforms took out of these messages."""
    hidden = _answered_calls(whole) - _answered_calls(shown)
    return tuple((call_id, HIDDEN_RESULT) for call_id in sorted(hidden))


def _answered_calls(messages: AutoGenMessages) -> set[str]:
    """The ids of the calls whose results these messages bring."""
    results = (result for message in messages for result in message.get("tool_responses") or ())
    return {str(result.get("tool_call_id")) for result in results}


def _digests_of(
    messages: AutoGenMessages,
    own_name: str,
    sender: str,
    known: Sequence[tuple[Mapping[str, Any], str]] = (),
) -> list[str]:
    """The digests of a chat; those of messages that are known are not computed again."""
    marks: list[str] = []
    for message, (old, mark) in zip(messages, known, strict=False):
        if message is not old:
            break
        marks.append(mark)
    for message in messages[len(marks) :]:
        speaker = speaker_of(message, own_name, sender)
        marks.append(digest(message, own=speaker == own_name, speaker=speaker))
    return marks


def digest(message: Mapping[str, Any], *, own: bool, speaker: str) -> str:
    """A short fingerprint of a message, the same in every process.

    The agent's own replies all have one: hooks may rewrite them on their way out. Results of
    tools that AutoGen let it run in the chat are not of those.
    """
    if own and not message.get("tool_responses"):
        return OWN
    parts = [speaker, *(message.get(key) for key in _FIELDS)]
    text = json.dumps(parts, sort_keys=True, default=_without_address)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def first_new(heard: Sequence[str], present: Sequence[str]) -> int:
    """The index in `present` behind which everything is new.

    Both are digests. The index follows the longest run of `present` that ends like
    `heard`; among equals the last. Without any such run (`heard` ends with an own
    reply that never entered the chat, or a transform rewrote everything) own
    replies are left out of the comparison, and at last what stands behind the
    latest own reply counts as new. Own replies all have one digest, so a run of them
    alone that ends where other messages differ is no run.
    """
    anchored, length = _align(heard, present)
    of_chance = _is_of_chance(heard, present, anchored, length)
    if length and not of_chance:
        return anchored
    needed = 2 if of_chance else 1  # one message alone may be the same words, said again
    others = [index for index, mark in enumerate(present) if mark != OWN]
    theirs = [mark for mark in heard if mark != OWN]
    matched, length = _align(theirs, [present[index] for index in others])
    if length >= needed and not _begins_anew(heard, present, matched):
        start = others[matched - 1] + 1
        return start + min(_own_at_start(present[start:]), _own_at_start(heard[::-1]))
    if heard and OWN in present:
        return len(present) - present[::-1].index(OWN)
    return 0


def _is_of_chance(heard: Sequence[str], present: Sequence[str], end: int, length: int) -> bool:
    """Whether a run holds own replies alone, and before it the two differ."""
    start = end - length
    differ = start > 0 and length < len(heard)
    return differ and set(present[start:end]) == {OWN}


def _own_at_start(marks: Sequence[str]) -> int:
    return next((index for index, mark in enumerate(marks) if mark != OWN), len(marks))


def _begins_anew(heard: Sequence[str], present: Sequence[str], matched: int) -> bool:
    """All was seen, and answered, and the answer is not there: the same words in a new chat."""
    return bool(heard) and heard[-1] == OWN and OWN not in present and matched == len(present)


def _align(heard: Sequence[str], present: Sequence[str]) -> tuple[int, int]:
    """Where the longest run of `present` ends that ends like `heard`, and its length."""
    best_end, best_length = 0, 0
    for end in range(len(present), 0, -1):
        length = 0
        while length < min(end, len(heard)) and present[end - 1 - length] == heard[-1 - length]:
            length += 1
        if length > best_length:
            best_end, best_length = end, length
            if length >= min(_CONVINCING, len(heard)):
                break
    return best_end, best_length


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


def _without_address(value: Any) -> str:
    """What is no JSON, such as a picture object, without its address in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(value))
