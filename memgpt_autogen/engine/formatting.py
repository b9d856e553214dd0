"""Formatting: all that the model reads of events, steps and results is framed here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any, TypeVar

from memgpt_autogen.errors import ModelMistake
from memgpt_autogen.events import STAMP, Message, MessageEvent, Notice
from memgpt_autogen.memory.archival import Passage
from memgpt_autogen.memory.page import Page
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.steps import Step

T = TypeVar("T")

ChatMessage = dict[str, Any]
"""A message in the OpenAI chat format."""

# Stands for the result of a call that was to run in the chat and was never answered.
NO_RESULT = "(no result has come)"

_SHORT = 60  # characters; so short a message says little without the turns around it
_TURN_CHARACTERS = 160  # of a turn that is shown beside a result
_NAMES = 20  # speakers named to a model that asked for an unknown one


def messages_of(entry: MessageEvent | Notice | Step, shown: int) -> list[ChatMessage]:
    """An entry of the queue as chat messages; of each text `shown` characters."""
    if isinstance(entry, Step):
        return _step_messages(entry, shown)
    if not isinstance(entry, MessageEvent):
        return [{"role": "user", "content": clip(entry.line(), shown)}]
    if entry.own:
        return [{"role": "assistant", "content": clip(entry.text, shown)}]
    text = clip(entry.line(), shown)
    if entry.images:
        return [{"role": "user", "content": [{"type": "text", "text": text}, *entry.images]}]
    return [{"role": "user", "content": text}]


def transcript_of(entry: MessageEvent | Notice | Step) -> str:
    """An entry as the summariser reads it."""
    if isinstance(entry, Notice):
        return "" if entry.alert else entry.line()
    if isinstance(entry, MessageEvent):
        return entry.text if entry.own else entry.line()
    said = [f"(I said) {message}" for message in entry.sent]
    called = [
        f"(I called) {call.name} {call.arguments}"
        for call in entry.calls
        if call.name != "send_message"
    ]
    return "\n".join([*said, *called])


def _step_messages(step: Step, shown: int) -> list[ChatMessage]:
    """Calls are never parted from their results."""
    if not step.calls:
        return [{"role": "assistant", "content": step.text}]
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in step.calls
    ]
    texts = {result.call_id: clip(result.text, shown) for result in step.results}
    results: list[ChatMessage] = [
        {"role": "tool", "tool_call_id": call.id, "content": texts.get(call.id, NO_RESULT)}
        for call in step.calls
    ]
    return [{"role": "assistant", "content": step.text or None, "tool_calls": calls}, *results]


def message_line(message: Message) -> str:
    time = message.timestamp.strftime(STAMP)
    return f"[{time}] {message.speaker}: {message.text}{_times(message.times)}"


def message_in_context(recall: RecallStorage, message: Message) -> str:
    """A message; a short one, such as "Yes, at ten.", between the turns around it."""
    line = message_line(message)
    if len(message.text) > _SHORT:
        return line
    around = recall.around(message.id)
    before = [one for one in around if one.id < message.id]
    turns = [f"  {clip(message_line(one), _TURN_CHARACTERS)}" for one in around]
    return "\n".join([*turns[: len(before)], line, *turns[len(before) :]])


def passage_line(passage: Passage) -> str:
    origin = ""
    if passage.source is not None:
        origin = f" ({': '.join([passage.source, *passage.tags])})"  # its file, or who wrote it
    return f"[{passage.timestamp.strftime(STAMP)}]{origin} {passage.text}{_times(passage.times)}"


def _times(times: int) -> str:
    return f" (found {times} times)" if times > 1 else ""


def listing(page: Page[T], line: Callable[[T], str], noun: str, room: int) -> str:
    """One page of results, each cut so that the page fits into `room` characters.

    Raises:
        ModelMistake: there is no such page.
    """
    if page.total == 0:
        return f"No {noun} found."
    if not page.items:
        raise ModelMistake(
            f"there is no page={page.page}; the last is page={page.pages - 1} (pages count from 0)."
        )
    share = max(room // len(page.items), 80)
    lines = [clip(line(item), share) for item in page.items]
    more = f"; page={page.page + 1} has more" if page.page + 1 < page.pages else ""
    head = f"Page {page.page + 1} of {page.pages}, {page.total} {noun} in all{more}:"
    return "\n".join([head, *lines])


def known_speaker(recall: RecallStorage, name: str) -> str | None:
    """The speaker that the model means, in whatever case; None where it names none.

    Raises:
        ModelMistake: nobody of that name ever said anything.
    """
    if not name.strip():
        return None
    speakers = recall.speakers()
    if name in speakers:
        return name
    for speaker in speakers:
        if speaker.casefold() == name.strip().casefold():
            return speaker
    known = ", ".join(sorted(speakers, key=lambda one: -speakers[one])[:_NAMES])
    raise ModelMistake(f"no messages of speaker {name!r}. There are those of: {known or 'nobody'}.")


def clip(text: str, limit: int) -> str:
    """`text`, or its beginning and end with a note of what was cut between them."""
    if len(text) <= limit:
        return text
    note = f" …[{len(text) - limit} characters left out]… "
    tail = limit // 4
    return f"{text[: limit - tail]}{note}{text[len(text) - tail :]}"


def date_span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The first and the last moment that an ISO 8601 date or time names.

    `2026-05-08` is the whole day, `2026-05-08T17:04` the whole minute; a time
    without a zone is local, that is, of the zone of `now`.

    Raises:
        ModelMistake: the text is no ISO 8601 date.
    """
    cleaned = text.strip().replace("Z", "+00:00").replace("z", "+00:00")
    try:
        moment = datetime.fromisoformat(cleaned)
    except ValueError:
        raise ModelMistake(
            f"{text!r} is no date: write it like 2026-05-08 or 2026-05-08T17:04."
        ) from None
    has_time = len(cleaned) > 10
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=now.tzinfo)
    if not has_time:
        return moment, datetime.combine(moment.date(), time.max, tzinfo=moment.tzinfo)
    if moment.second == 0 and moment.microsecond == 0:
        return moment, moment + timedelta(seconds=59, microseconds=999_999)
    return moment, moment.replace(microsecond=999_999)
