"""Events: what wakes the agent, each packaged as one short line of plain text.

MemGPT (arXiv 2310.08560, section 2.4 "Control flow and function chaining")
drives inference by events: user messages, system messages, user interactions
such as a login or an upload, and timed events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field, field_validator
from typing_extensions import Self

from memgpt_autogen import frames
from memgpt_autogen.arguments import When, day_or_time
from memgpt_autogen.values import Value
from memgpt_autogen.zones import ago, stamp

_HEARTBEAT = "This is a timed heartbeat; nobody is waiting for an answer."

Clock = Callable[[], datetime]


def local_now() -> datetime:
    """The current time, aware of the local time zone."""
    return datetime.now().astimezone()


def moment_of(when: date | str) -> datetime:
    """A moment as a datetime: a day begins at midnight, text is in ISO 8601.

    Raises:
        ValueError: it is none.
    """
    day = day_or_time(when)
    return day if isinstance(day, datetime) else datetime.combine(day, time.min)


class Event(Value):
    """Something that happened at `timestamp` and that the model is to be told.

    Without a `timestamp` it happens now; by the agent's clock, once an agent is told of it.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    timestamp: datetime = Field(default_factory=local_now)

    _moment = field_validator("timestamp", mode="before")(moment_of)

    if TYPE_CHECKING:  # subclasses go by their fields

        def __init__(self, **fields: Any) -> None: ...

    def dated(self, clock: Clock) -> Self:
        """The event, at the time of the clock where it was given none."""
        if "timestamp" in self.model_fields_set:
            return self
        return self.model_copy(update={"timestamp": clock()})

    def line(self, zone: tzinfo | None = None) -> str:
        """The event as the model reads it: time, then who or what, then the text.

        `zone` is that of the time; None: the one that the timestamp has.
        """
        return f"[{stamp(self.timestamp, zone)}] {frames.below(self.body())}"

    def body(self) -> str:
        """The event without its time, its further lines as they are."""
        raise NotImplementedError


class Message(Event):
    """What `speaker` said: the one shape of a message, from a chat to recall storage and back.

    Attributes:
        id: in recall storage; empty until it is stored.
        origin: where it was said: the name of a chat, or `program`.
        score: the chance, from 0 to 1, that it answers the search that found it; None where
            no search did.
        times: how many messages of this speaker say the same and were found with it.
    """

    model_config = ConfigDict(strict=False, extra="ignore")  # saved ones are read with it

    speaker: str
    text: str
    id: str = ""
    origin: str = ""
    score: float | None = None
    times: int = 1

    def body(self) -> str:
        if not self.text.strip():
            return f"{frames.name(self.speaker)} said nothing."
        return f"{frames.name(self.speaker)}: {self.text}"


class MessageEvent(Message):
    """A message that was said in a chat now; it enters the queue and recall storage.

    Attributes:
        own: the agent itself is the speaker (words it did not produce in its own
            loop: typed by a human in its name, or said before it had this memory).
        images: image parts in the OpenAI format, which pass to the model while
            the message is in the queue.
        results: results of tools that were run for somebody: (call id, text).
        group: others besides the agent and its partner speak in the same chat.
    """

    kind: Literal["message"] = "message"
    own: bool = False
    images: tuple[Mapping[str, Any], ...] = ()
    results: tuple[tuple[str, str], ...] = ()
    group: bool = False

    @property
    def image_bytes(self) -> int:
        """Bytes of the images, as they are sent."""
        return sum(len(str(image.get("image_url"))) for image in self.images)


class Notice(Event):
    """Any other event as it stands in the queue; `alert`: no summary needs to keep it."""

    model_config = ConfigDict(strict=False, extra="ignore")

    kind: Literal["notice"] = "notice"
    text: str
    alert: bool = False

    def body(self) -> str:
        return self.text


class SystemAlert(Event):
    """A notice from the memory system or the program, such as memory pressure."""

    text: str

    def __init__(self, text: str, timestamp: When | None = None, **further: Any) -> None:
        super().__init__(text=text, **_at(timestamp), **further)

    def body(self) -> str:
        return f"{frames.ALERT} {self.text}"


class Login(Event):
    """A person came online.

    Attributes:
        last_seen: when they were before; unless it is given, an agent that is told of the
            login takes the time of their latest message in recall storage.
        first: they never were before.
    """

    name: str
    last_seen: datetime | None = None
    first: bool = False

    def __init__(self, name: str, timestamp: When | None = None, **further: Any) -> None:
        super().__init__(name=name, **_at(timestamp), **further)

    def after(self, last_seen: datetime | None) -> Login:
        """The login of somebody last seen then, or never, where it does not say so itself."""
        if self.last_seen is not None or self.first:
            return self
        return self.model_copy(update={"last_seen": last_seen, "first": last_seen is None})

    def body(self) -> str:
        online = f"(login) {frames.name(self.name)} is online"
        if self.last_seen is not None:
            return f"{online}; last seen {ago(self.last_seen, self.timestamp)}."
        return f"{online} for the first time." if self.first else f"{online}."


class DocumentUpload(Event):
    """A document source or a shared archive was attached to archival storage."""

    source: str
    passages: int
    writable: bool = False

    def __init__(
        self,
        source: str,
        passages: int,
        writable: bool = False,
        timestamp: When | None = None,
        **further: Any,
    ) -> None:
        fields = {"source": source, "passages": passages, "writable": writable}
        super().__init__(**fields, **_at(timestamp), **further)

    def body(self) -> str:
        if self.writable:
            return (
                f"(document) The shared archive {self.source!r} with {self.passages} passages is"
                " found by archival_memory_search; archival_memory_insert with"
                f" archive={self.source!r} adds to it for all who share it."
            )
        return (
            f"(document) The source {self.source!r} with {self.passages} passages can now be"
            " searched with archival_memory_search."
        )


class TimedEvent(Event):
    """An event of a timer; ignored while `pause_heartbeats` is in force.

    `agent.schedule` lets one come at its time.
    """

    text: str = _HEARTBEAT

    def __init__(
        self, text: str = _HEARTBEAT, timestamp: When | None = None, **further: Any
    ) -> None:
        super().__init__(text=text, **_at(timestamp), **further)

    def body(self) -> str:
        return f"(timer) {self.text}"


class Schedule(Value):
    """When an agent is told something: once, or again and again.

    Attributes:
        name: one of its own among the agent's schedules.
        text: of the TimedEvent.
        due: when it comes next.
        every: the time between two; None: by `cron`, or once.
        cron: five fields, as in a crontab: minute, hour, day of the month, month, weekday;
            empty: by `every`, or once.
    """

    name: str
    text: str
    due: datetime
    every: timedelta | None = None
    cron: str = ""


def _at(timestamp: When | None) -> dict[str, When]:
    return {} if timestamp is None else {"timestamp": timestamp}
