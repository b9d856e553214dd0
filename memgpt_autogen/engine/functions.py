"""The functions the model may call: argument models, handlers, and schemas derived from them.

The names and arguments are those of MemGPT (arXiv 2310.08560, section 2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from memgpt_autogen.engine.formatting import (
    date_span,
    known_speaker,
    listing,
    message_in_context,
    message_line,
    passage_line,
)
from memgpt_autogen.errors import ConfigurationError, ModelMistake
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.model.protocol.dialect import SENT
from memgpt_autogen.zones import in_zone, stamp

A = TypeVar("A", bound="Arguments")


@dataclass
class Workspace:
    """What functions work on during a turn.

    Attributes:
        outbox: messages sent and not yet taken by the loop.
        call_id: of the call that is run now.
        unwritten: what calls have yet to write, with their step, by their ids: each says
            what to tell the model where it cannot be done, else None.
        muted: the turn's answer is out and the model runs only to store things.
        paused_since: timed events are held back from then on,
        paused_until: until then.
        zone: in which dates are shown; None: as they were given.
        shown: characters one result may show before it is cut with a note.
    """

    agent: str
    core: CoreMemory
    recall: RecallStorage
    archival: ArchivalStorage
    clock: Clock
    page_size: int = 5
    shown: int = 4000
    outbox: list[str] = field(default_factory=list)
    call_id: str = ""
    unwritten: list[tuple[str, Callable[[], str | None]]] = field(default_factory=list)
    muted: bool = False
    paused_since: datetime | None = None
    paused_until: datetime | None = None
    zone: tzinfo | None = None

    @property
    def conversations(self) -> RecallStorage:
        """The messages that the model may find."""
        partner = self.core.view.partner
        return self.recall if partner is None else self.recall.of(partner)

    @property
    def head(self) -> str:
        """Core memory and the sizes of the storages, as the prompt's head shows them."""
        return (
            f"### Core memory\n{self.core.render()}\n\n### Outside your view\n"
            f"Recall storage: {len(self.conversations)} messages. Archival memory:"
            f" {self.archival.count(self.origins)} passages."
        )

    @property
    def origins(self) -> tuple[str, ...] | None:
        """Those of the passages that the model may find; None: of all."""
        partner = self.core.view.partner
        return None if partner is None else ("", partner)

    @property
    def has_passages(self) -> bool:
        """There is something that the model may find in archival storage."""
        return bool(self.archival.attached or self.archival.count(self.origins))

    def later(self, deed: Callable[[], str | None]) -> None:
        """Write something together with the step that the present call belongs to."""
        self.unwritten.append((self.call_id, deed))


class Arguments(BaseModel):
    """Base of all argument models; an unknown argument is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Chainable(Arguments):
    """Base of those of calls after which the model may run again."""

    request_heartbeat: bool = Field(default=False, description="true: run again after this call")


class SendMessage(Arguments):
    message: str


class CoreMemoryAppend(Chainable):
    name: str = Field(description="block")
    content: str


class CoreMemoryReplace(Chainable):
    name: str = Field(description="block")
    old_content: str = Field(description="exact text in the block")
    new_content: str = Field(description="empty: delete")


class ConversationSearch(Chainable):
    query: str
    speaker: str = ""
    page: int = Field(default=0, ge=0)


class ConversationSearchDate(Chainable):
    start_date: str = Field(description="ISO 8601, inclusive")
    end_date: str
    page: int = Field(default=0, ge=0)


class ArchivalMemoryInsert(Chainable):
    content: str
    archive: str = Field(default="", description="a shared one; default: your own")


class ArchivalMemorySearch(Chainable):
    query: str
    page: int = Field(default=0, ge=0)


class PauseHeartbeats(Chainable):
    minutes: int = Field(ge=1, le=10_080)


Handler = Callable[[Workspace, A], str]


@dataclass(frozen=True)
class Function(Generic[A]):
    """A function as the model sees it, and the code behind it."""

    name: str
    description: str
    arguments: type[A]
    handler: Handler[A]

    def schema(self, choices: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
        """The function in the OpenAI `tools` format, derived from the argument model.

        Args:
            choices: of some arguments the values there are at present; without any, an
                argument is of no use and left out.
        """
        choices = choices or {}
        parameters = self.arguments.model_json_schema()
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": {
                    "type": "object",
                    "properties": {
                        name: _lean(value) | _choice(choices.get(name, ()))
                        for name, value in parameters["properties"].items()
                        if choices.get(name) or name not in choices
                    },
                    "required": parameters.get("required", []),
                },
            },
        }

    def heartbeat(self, arguments: A) -> bool:
        """Whether the call asks to run again after it."""
        return bool(getattr(arguments, "request_heartbeat", False))


def _choice(values: Sequence[str]) -> dict[str, Any]:
    return {"enum": list(values)} if values else {}


def _lean(schema: dict[str, Any]) -> dict[str, Any]:
    """A property's schema without what costs tokens and tells the model nothing."""
    return {key: value for key, value in schema.items() if key not in ("title", "default")}


FUNCTIONS: list[Function[Any]] = []
"""All functions, in the order in which the model is shown them."""


def _function(arguments: type[A], description: str) -> Callable[[Handler[A]], Handler[A]]:
    """Let the model call the function below, by its name."""

    def add(handler: Handler[A]) -> Handler[A]:
        FUNCTIONS.append(Function(handler.__name__, description, arguments, handler))
        return handler

    return add


@_function(SendMessage, "Speak to the others.")
def send_message(work: Workspace, arguments: SendMessage) -> str:
    if not arguments.message.strip():
        raise ModelMistake("message is empty: nothing was sent.")
    if work.muted:
        return "Not sent: you have answered already, and nobody waits for more."
    work.outbox.append(arguments.message)
    return SENT


@_function(CoreMemoryAppend, "Add a line to a block.")
def core_memory_append(work: Workspace, arguments: CoreMemoryAppend) -> str:
    added = work.core.edit_append(arguments.name, arguments.content)
    work.later(partial(work.core.write, arguments.name))
    return _block_now(work, arguments.name, "" if added else "It was there already. ")


@_function(CoreMemoryReplace, "Correct or delete text in a block.")
def core_memory_replace(work: Workspace, arguments: CoreMemoryReplace) -> str:
    work.core.edit_replace(arguments.name, arguments.old_content, arguments.new_content)
    work.later(partial(work.core.write, arguments.name))
    return _block_now(work, arguments.name)


def _block_now(work: Workspace, name: str, remark: str = "") -> str:
    return f"{remark}The block {name!r} now {work.core.reading(name)}"


@_function(ConversationSearch, "Find earlier messages.")
def conversation_search(work: Workspace, arguments: ConversationSearch) -> str:
    page = work.conversations.search(
        arguments.query,
        limit=work.page_size,
        page=arguments.page,
        speaker=known_speaker(work.conversations, arguments.speaker),
    )
    room = work.shown // work.page_size
    line = partial(message_in_context, work.conversations, room, zone=work.zone)
    return listing(page, line, "messages", work.shown, arguments.query)


@_function(ConversationSearchDate, "List earlier messages between two dates.")
def conversation_search_date(work: Workspace, arguments: ConversationSearchDate) -> str:
    start, _ = date_span(arguments.start_date, work.clock())
    _, end = date_span(arguments.end_date, work.clock())
    if end < start:
        raise ModelMistake("end_date lies before start_date: swap them.")
    page = work.conversations.between(start, end, limit=work.page_size, page=arguments.page)
    return listing(page, partial(message_line, zone=work.zone), "messages", work.shown)


@_function(ArchivalMemoryInsert, "Keep a text for ever; write it so that it makes sense alone.")
def archival_memory_insert(work: Workspace, arguments: ArchivalMemoryInsert) -> str:
    if not arguments.content.strip():
        raise ModelMistake("content is empty: nothing was stored.")
    archive = arguments.archive.strip()
    if not archive:
        passage = work.archival.passage(arguments.content, origin=work.core.view.partner or "")
        work.later(lambda: _none(work.archival.put([passage])))
        return "Stored in archival memory."
    try:
        work.archival.insert(arguments.content, tags=[f"by {work.agent}"], archive=archive)
    except ConfigurationError as problem:  # there is no such archive
        raise ModelMistake(str(problem)) from None
    return f"Stored in the shared archive {archive!r}."


def _none(_: object) -> None:
    """What a deed says that always succeeds."""


@_function(ArchivalMemorySearch, "Find kept texts and documents.")
def archival_memory_search(work: Workspace, arguments: ArchivalMemorySearch) -> str:
    query, limit = arguments.query, work.page_size
    page = work.archival.search(query, limit=limit, page=arguments.page, origins=work.origins)
    line = partial(passage_line, zone=work.zone)
    return listing(page, line, "passages", work.shown, query)


@_function(PauseHeartbeats, "Hold timed events back for a while.")
def pause_heartbeats(work: Workspace, arguments: PauseHeartbeats) -> str:
    now = work.clock()
    until = now.astimezone(timezone.utc) + timedelta(minutes=arguments.minutes)
    work.paused_since, work.paused_until = now, in_zone(until, now.tzinfo)
    return f"Timed events are held back until {stamp(work.paused_until)}."
