"""State: all that an agent needs to go on where it stopped, besides what it remembers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from operator import methodcaller
from typing import Annotated, Any, Union
from uuid import uuid4

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from memgpt_autogen.errors import StateFormatError, TakenOverError
from memgpt_autogen.events import MessageEvent, Notice, Schedule
from memgpt_autogen.memory.sharing import SharedLink
from memgpt_autogen.model.protocol.rules import ServerRules
from memgpt_autogen.steps import Step, Usage
from memgpt_autogen.storage.tables import Tables

Entry = Annotated[Union[MessageEvent, Notice, Step], Field(discriminator="kind")]  # noqa: UP007 - 3.10
"""What stands in the queue."""

_ENTRY: TypeAdapter[Any] = TypeAdapter(Entry)
_AS_TEXT = methodcaller("model_dump_json")
_CHAT = "chat:"
_TURN = "turn:"
_WRITER = "state writer"

KEPT_TURNS = 10


class Counters(BaseModel):
    """How much was done, over the agent's whole life."""

    turns: int = 0
    model_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    searches: int = 0
    evictions: int = 0
    evicted_entries: int = 0
    calls_numbered: int = 0

    def count_call(self, usage: Usage | None) -> None:
        """Count the model call of a step, with the tokens that the provider reported."""
        self.model_calls += 1 if usage is None else usage.requests
        if usage is not None:
            self.prompt_tokens += usage.prompt_tokens
            self.completion_tokens += usage.completion_tokens


class AgentState(BaseModel):
    """The values of an agent's state.

    Attributes:
        memory_shown: core memory as the head of the prompt shows it.
        values_known: each block's text as the model knows it, by the head or by a
            later result in the queue.
        summary: the recursive summary of what left the queue.
        heard: names of participants' blocks, the least recently heard first.
        only_partner: who alone has talked with the agent, in chats of two, so whom the
            block `human` is about; empty: nobody yet, or several.
        several_partners: more than one has; None: not known, in a state of an earlier version.
        partner: whose queue, summary and view of core memory these are, where partners are
            kept apart; those of the others are put aside.
        chats: for each chat, the digests of the AutoGen messages already taken in.
        sources: names of the attached document sources and shared archives.
        archives: those of them that the agent may write to.
        shared_blocks: the attached shared blocks, whose texts are kept outside.
        schedules: when timed events come.
        unfinished: the partner, empty for none, in whose chat a turn runs, or was broken off;
            None: the latest one came to its end.
        preset: the name of the system instructions in use.
        token_factor: what the provider's counts were, relative to ours.
        server_rules: what servers take, by the model's name.
        turns: the steps of the latest turns, by the number of the turn.
    """

    memory_shown: str = ""
    values_known: dict[str, str] = {}
    summary: str = ""
    pressure_announced: bool = False
    pressure_answered: bool = False
    heard: list[str] = []
    only_partner: str = ""
    several_partners: bool | None = None
    partner: str = ""
    chats: dict[str, list[str]] = {}
    sources: list[str] = []
    archives: list[str] = []
    shared_blocks: list[SharedLink] = []
    counters: Counters = Counters()
    paused_since: datetime | None = None
    paused_until: datetime | None = None
    schedules: tuple[Schedule, ...] = ()
    unfinished: str | None = None
    preset: str = ""
    token_factor: float = 1.0
    server_rules: dict[str, ServerRules] = {}
    turns: dict[int, tuple[Step, ...]] = {}

    def keep(self, turn: int, step: Step) -> None:
        """Add a step to its turn; of turns, the latest are kept."""
        self.turns[turn] = (*self.turns.pop(turn, ()), step)
        for old in [one for one in self.turns if one <= self.counters.turns - KEPT_TURNS]:
            del self.turns[old]


class PutAside(BaseModel):
    """What is a partner's own of the state, while another one's is in use."""

    queue: list[Entry] = []
    memory_shown: str = ""
    values_known: dict[str, str] = {}
    summary: str = ""
    pressure_announced: bool = False
    pressure_answered: bool = False


class SavedState:
    """An agent's state and queue in its journal, written as far as they have changed.

    Raises:
        StateFormatError: what was saved cannot be read.
    """

    def __init__(self, tables: Tables) -> None:
        self._table = tables.state
        self._called = f"{tables.name!r} in {tables.journal.directory or ':memory:'}"
        self._chats: dict[str, list[str]] = {}
        self._name = uuid4().hex
        self._journal = tables.journal
        self.values = AgentState()
        self.read()

    def read(self) -> None:
        """Read what was saved, here or in another process; the values stay the same object."""
        self._read_from = self._journal.get(_WRITER)
        try:
            for name, value in _read(self._table.values()):
                setattr(self.values, name, value)
            self.entries = self._table.items(_ENTRY.validate_json)
        except (ValidationError, ValueError, AttributeError) as problem:
            raise self._damaged(problem) from problem
        self._turns, self._chats = dict(self.values.turns), dict(self.values.chats)

    def _damaged(self, problem: Exception) -> StateFormatError:
        return StateFormatError(
            f"the state of {self._called} is damaged: {first_problem(problem)}. Nothing was"
            " changed: restore a backup or a checkpoint."
        )

    def save(
        self, connection: sqlite3.Connection, entries: Sequence[MessageEvent | Notice | Step]
    ) -> None:
        """Write the values and these entries, within a transaction; `undo` it if that fails.

        Raises:
            TakenOverError: it is not `is_current`.
        """
        if not self.is_current:
            raise TakenOverError(
                f"another process has written the state of {self._called}, which is this one's to"
                " write. Nothing was written: close the agent and open it again."
            )
        values = self.values.model_dump(mode="json", exclude={"chats", "turns"})
        texts = {key: json.dumps(value) for key, value in values.items()}
        texts |= self._turn_rows()
        for name, taken in self.values.chats.items():
            if self._chats.get(name) is not taken:  # a changed one is another list
                texts[f"{_CHAT}{name}"] = json.dumps(taken)
        self._table.save(connection, texts, entries, _AS_TEXT)
        self._journal.put(_WRITER, f"{self._name} {uuid4().hex}")
        self._chats = dict(self.values.chats)
        self._turns = dict(self.values.turns)

    @property
    def is_current(self) -> bool:
        """Nobody else has saved the agent's state since it was read here."""
        writer = self._journal.get(_WRITER)
        return writer == self._read_from or str(writer).startswith(self._name)

    @property
    def present(self) -> PutAside:
        """What is the own of the partner whose queue is in use, as it was read."""
        values = {
            name: getattr(self.values, name) for name in PutAside.model_fields.keys() - {"queue"}
        }
        return PutAside(queue=self.entries, **values)

    def _turn_rows(self) -> dict[str, str]:
        """The rows of turns that changed: a turn has that of one long before it, overwritten."""
        rows = {_row(turn): "{}" for turn in self._turns if turn not in self.values.turns}
        for turn, steps in self.values.turns.items():
            if self._turns.get(turn) is not steps:
                texts = ",".join(step.model_dump_json() for step in steps)
                rows[_row(turn)] = f'{{"{turn}":[{texts}]}}'
        return rows

    def partners(self) -> list[str]:
        """The partners whose queues are put aside."""
        return self._table.aside()

    def take_up(self, partner: str) -> PutAside:
        """What was put aside of a partner's; nothing of a new one's.

        Raises:
            StateFormatError: it cannot be read.
        """
        try:
            return PutAside.model_validate_json(self._table.take_up(partner) or "{}")
        except ValidationError as problem:
            raise self._damaged(problem) from problem

    def put_aside(self, partner: str, own: PutAside | None) -> None:
        """Put a partner's aside, or take it away, within a transaction."""
        self._table.put_aside(partner, None if own is None else own.model_dump_json())

    def hide_chat(self, name: str, digest: str) -> None:
        """Know a chat by a digest of its name alone, within a transaction."""
        self._table.remove(f"{_CHAT}{name}")
        if name in self.values.chats:
            self.values.chats[digest] = list(self.values.chats.pop(name))

    def undo(self) -> None:
        """Something was not written, saved or not: the next save writes everything anew."""
        self._table.undo()
        self._chats.clear()
        self._turns = dict.fromkeys((*self._turns, *self.values.turns), ())


def _row(turn: int) -> str:
    return f"{_TURN}{turn % KEPT_TURNS}"


def _read(saved: dict[str, str]) -> AgentState:
    values: dict[str, Any] = {key: json.loads(value) for key, value in saved.items()}
    chats = {key[len(_CHAT) :]: values.pop(key) for key in list(values) if key.startswith(_CHAT)}
    rows = [values.pop(key) for key in list(values) if key.startswith(_TURN)]
    turns = sorted((int(turn), steps) for row in rows for turn, steps in row.items())
    return AgentState.model_validate({**values, "chats": chats, "turns": dict(turns)})


def first_problem(problem: Exception) -> str:
    """What is wrong with a saved value, in short."""
    if not isinstance(problem, ValidationError):
        return f"{type(problem).__name__} {problem}"
    error = problem.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
