"""The agent's state: one record, swapped at once after every step."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from memgpt_autogen.engine.main_context import Entry
from memgpt_autogen.errors import StateFormatError
from memgpt_autogen.memory.core import Block
from memgpt_autogen.memory.sharing import SharedLink
from memgpt_autogen.steps import Usage

STATE_VERSION = 1


class Draft(BaseModel):
    """A message on its way to recall storage: written again after a crash, to the same id."""

    model_config = ConfigDict(frozen=True)

    id: str
    text: str
    speaker: str
    timestamp: datetime


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
        """Count one model call, with the tokens that the provider reported."""
        self.model_calls += 1
        if usage is not None:
            self.prompt_tokens += usage.prompt_tokens
            self.completion_tokens += usage.completion_tokens


class AgentState(BaseModel):
    """All that an agent needs to go on where it stopped, besides its two storages.

    Attributes:
        memory_shown: core memory as the head of the prompt shows it.
        values_known: each block's text as the model knows it, by the head or by a
            later result in the queue.
        heard: names of participants' blocks, the least recently heard first.
        cursors: for each chat, the digests of the AutoGen messages already taken.
        drafts: messages that may not have reached recall storage yet.
        sources: names of the attached document sources and shared archives.
        archives: those of them that the agent may write to.
        shared_blocks: the attached shared blocks, whose texts are kept outside.
        preset: the name of the system instructions in use.
        token_factor: what the provider's counts were, relative to ours.
    """

    version: Literal[1] = 1
    blocks: list[Block] = []
    memory_shown: str = ""
    values_known: dict[str, str] = {}
    summary: str = ""
    queue: list[Entry] = []
    pressure_announced: bool = False
    pressure_answered: bool = False
    heard: list[str] = []
    cursors: dict[str, list[str]] = {}
    drafts: list[Draft] = []
    sources: list[str] = []
    archives: list[str] = []
    shared_blocks: list[SharedLink] = []
    counters: Counters = Counters()
    paused_until: datetime | None = None
    preset: str = ""
    token_factor: float = 1.0

    def to_json(self) -> str:
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> AgentState:
        """Read a saved state.

        Raises:
            StateFormatError: it is no state, or one of a version this code cannot read.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as problem:
            raise StateFormatError(
                f"the saved state cannot be read by this version of memgpt-autogen, which reads"
                f" version {STATE_VERSION}: {_first(problem)}"
            ) from problem


def _first(problem: ValidationError) -> str:
    error: dict[str, Any] = dict(problem.errors(include_url=False, include_input=False)[0])
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
