"""Formatting: events, steps and results as the model reads them, in their frames."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any, TypeVar

from memgpt_autogen import frames
from memgpt_autogen.engine.showing.excerpt import excerpt
from memgpt_autogen.errors import ModelMistake
from memgpt_autogen.events import Message, MessageEvent, Notice
from memgpt_autogen.frames import clip
from memgpt_autogen.memory.archival import Passage
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.page import Page
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.model.protocol.dialect import EXTRA, THOUGHTS
from memgpt_autogen.steps import Step
from memgpt_autogen.storage.record import EPOCH, MICROSECOND
from memgpt_autogen.storage.search.when import times
from memgpt_autogen.zones import span_of, stamp, zone_of

Found = TypeVar("Found", bound=Message | Passage)
"""A hit of a search."""

ChatMessage = dict[str, Any]
"""A message in the OpenAI chat format."""

# Stands for the result of a call that was to run in the chat and was never answered.
NO_RESULT = "(no result has come)"

_ARGUMENTS = 20  # shown of one call that is cut
_SHORT = 60  # characters; so short a message says little without the turns around it
_TURN_CHARACTERS = 160  # of a turn that is shown beside a result
_PLACE = 100  # characters before a hit, that tell where it stands or who said it
_NAMES = 20  # speakers named to a model that asked for an unknown one


# A date as models write it, with or without a time, seconds and a zone.
_DATE = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
    r"(?:(?:\s*T\s*|\s+)(\d{1,2})(?::(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.IGNORECASE,
)
_WITHOUT_DASHES = re.compile(r"^(\d{4})(\d\d)(\d\d)(?!\d)")


def messages_of(
    entry: MessageEvent | Notice | Step, shown: int, zone: tzinfo | None = None
) -> list[ChatMessage]:
    """An entry of the queue as chat messages; of each text `shown` characters.

    Messages with calls hold the fields `THOUGHTS` and `EXTRA`, for the servers that want
    them back; `dialect.shaped` leaves them out for all others.
    """
    if isinstance(entry, Step):
        return _step_messages(entry, shown)
    if not isinstance(entry, MessageEvent):
        return [{"role": "user", "content": clip(entry.line(zone), shown)}]
    if entry.own:
        return [{"role": "assistant", "content": clip(entry.text, shown)}]
    text = clip(entry.line(zone), shown)
    if entry.images:
        return [{"role": "user", "content": [{"type": "text", "text": text}, *entry.images]}]
    return [{"role": "user", "content": text}]


def without_pictures(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Messages without their pictures; the texts say where there was one."""
    return [
        {**one, "content": one["content"][0]["text"]} if isinstance(one["content"], list) else one
        for one in messages
    ]


def transcript_of(entry: MessageEvent | Notice | Step, zone: tzinfo | None = None) -> str:
    """An entry as the summariser reads it."""
    if isinstance(entry, Notice):
        return "" if entry.alert else entry.line(zone)
    if isinstance(entry, MessageEvent):
        return f"(I said) {frames.below(entry.text)}" if entry.own else entry.line(zone)
    said = [f"(I said) {frames.below(message)}" for message in entry.sent]
    called = [
        f"(I called) {call.name} {frames.below(call.arguments)}"
        for call in entry.calls
        if call.name != "send_message"
    ]
    return "\n".join([*said, *called])


def brief_of(step: Step) -> list[ChatMessage]:
    """A step of which there is no room to show more than what was called."""
    names = Counter(call.name for call in step.calls)
    done = ", ".join(f"{name} ({times})" for name, times in names.most_common(5))
    text = f"{frames.ALERT} you called {clip(done, 200)}; there is no room to show more of it."
    return [{"role": "user", "content": text}]


def _step_messages(step: Step, shown: int) -> list[ChatMessage]:
    """Calls are never parted from their results."""
    if not step.calls:
        return [{"role": "assistant", "content": clip(step.text, shown)}]
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": _clipped(call.arguments, shown)},
            EXTRA: call.extra,
        }
        for call in step.calls
    ]
    texts = {
        result.call_id: clip(result.text if result.framed else frames.apart(result.text), shown)
        for result in step.results
    }
    results: list[ChatMessage] = [
        {"role": "tool", "tool_call_id": call.id, "content": texts.get(call.id, NO_RESULT)}
        for call in step.calls
    ]
    text = clip(step.text, shown) or None
    asked = {"role": "assistant", "content": text, THOUGHTS: step.reasoning, "tool_calls": calls}
    return [asked, *results]


def _clipped(arguments: str, shown: int) -> str:
    """A call's arguments, still JSON, of which no more than about `shown` characters are shown."""
    if len(arguments) <= shown:
        return arguments
    values = json.loads(arguments)
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in values.items()
    }
    share = max(shown // max(len(texts), 1), 16)
    short = {
        clip(key, 40): clip(text, share) if len(text) > share else values[key]
        for key, text in list(texts.items())[:_ARGUMENTS]
    }
    return json.dumps(short, ensure_ascii=False)


def message_line(message: Message, zone: tzinfo | None = None) -> str:
    return f"{message.line(zone)}{_times(message.times)}"


def message_in_context(
    recall: RecallStorage, room: int, message: Message, zone: tzinfo | None = None
) -> str:
    """A message; a short one, such as "Yes, at ten.", between the turns around it, if they fit."""
    line = message_line(message, zone)
    if len(message.text) > _SHORT:
        return line
    around = recall.around(message.id)
    turns = {one.id: clip(message_line(one, zone), _TURN_CHARACTERS) for one in around}
    before = [f"(before) {turn}" for id_, turn in turns.items() if id_ < message.id]
    after = [f"(after) {turn}" for id_, turn in turns.items() if id_ > message.id]
    whole = "\n".join([*before, line, *after])
    return whole if len(whole) <= room else line


def passage_line(passage: Passage, zone: tzinfo | None = None) -> str:
    origin = "(note)"
    if passage.source is not None:  # its file, or who wrote it
        origin = frames.label(": ".join([passage.source, *passage.tags]))
    text = frames.below(passage.text.rstrip())
    return f"[{stamp(passage.timestamp, zone)}] {origin} {text}{_times(passage.times)}"


def _times(times: int) -> str:
    return f" (found {times} times)" if times > 1 else ""


def listing(
    page: Page[Found], line: Callable[[Found], str], noun: str, room: int, asked: str = ""
) -> str:
    """One page of results, each cut around what was `asked` so that the page fits into `room`.

    Raises:
        ModelMistake: there is no such page.
    """
    if page.total == 0:
        return f"No {noun} found."
    if not page.items:
        raise ModelMistake(
            f"there is no page={page.page}; the last is page={page.pages - 1} (pages count from 0)."
        )
    lines = list(map(line, page.items))
    if sum(map(len, lines)) > room:
        share = max(room // len(page.items), 80)
        lines = [clip(line(shortened(one, asked, share)), share) for one in page.items]
    more = f"; page={page.page + 1} has more" if page.page + 1 < page.pages else ""
    head = f"Page {page.page + 1} of {page.pages}, {page.total} {noun} in all{more}:"
    return "\n".join([head, *lines])


def shortened(found: Found, asked: str, most: int) -> Found:
    """A hit of whose text so much is left, around what was asked, that its line is `most` long."""
    text = excerpt(found.text, asked, max(most - _PLACE, most // 2))
    if isinstance(found, Message):
        return found.model_copy(update={"text": text})
    return replace(found, text=text)


def known_speaker(recall: RecallStorage, name: str) -> str | None:
    """The speaker that the model means, as it was shown and in whatever case; None without a name.

    Raises:
        ModelMistake: nobody of that name ever said anything.
    """
    if not name.strip():
        return None
    speakers = recall.speakers()
    shown = {frames.name(speaker): speaker for speaker in speakers}
    asked = name.strip()
    if (found := shown.get(asked)) is not None or (found := name) in speakers:
        return found
    for as_shown, speaker in shown.items():
        if as_shown.casefold() == asked.casefold():
            return speaker
    known = ", ".join(sorted(shown, key=lambda one: -speakers[shown[one]])[:_NAMES])
    raise ModelMistake(f"no messages of speaker {name!r}. There are those of: {known or 'nobody'}.")


def date_span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The first and the last moment that a date or a time names, such as ISO 8601 ones.

    `2026-05-08` is the whole day, `2026-05-08T17:04` the whole minute, `yesterday` and `May
    2023` what a question may name as well. Without a zone it is of the zone of `now`.

    Raises:
        ModelMistake: the text is no date.
    """
    cleaned = _WITHOUT_DASHES.sub(r"\1-\2-\3", text.strip(" \t\n[]()'\"."))
    if match := _DATE.fullmatch(cleaned):
        with suppress(ValueError, OverflowError):  # 31 June
            return _span(match, zone_of(now))
    spans, rest = times(cleaned, now)
    if len(spans) == 1 and not rest.strip():
        return EPOCH + spans[0].start * MICROSECOND, EPOCH + spans[0].end * MICROSECOND
    raise ModelMistake(f"{text!r} is no date: write it like 2026-05-08 or 2026-05-08T17:04.")


def _span(match: re.Match[str], zone: tzinfo) -> tuple[datetime, datetime]:
    """The moments of an ISO date; where clocks are set back, an hour may be there twice."""
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    if match[4] is None:
        return span_of(date(year, month, day), zone)
    if match[7]:
        offset = match[7].upper().replace("Z", "+00:00").replace(":", "").ljust(5, "0")
        zone = datetime.strptime(offset, "%z").tzinfo or zone
    first = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    both = [one.astimezone(timezone.utc) for one in (first, first.replace(fold=1))]
    length = timedelta(seconds=1) if match[6] else timedelta(minutes=1 if match[5] else 60)
    return min(both), max(both) + length - MICROSECOND


def changed_block(block: Block) -> str:
    """What the model is told of a block that somebody else edited."""
    kind = "shared core memory block" if block.shared else "core memory block"
    reads = f"now reads:\n{block.value}" if block.value else "is empty now."
    return f"the {kind} {block.name!r} {reads}"
