"""The queue as programs see it: what of the conversation the model has in view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from memgpt_autogen.adapter.turns import Turns
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.errors import ConfigurationError


class QueueView(Sequence[Queued]):
    """The entries of an agent's queue as they are now, the oldest first.

    Messages are `MessageEvent`, the agent's steps `Step`, all else `Notice`.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    @property
    def _entries(self) -> list[Queued]:
        return list(self._turns.open().queue.context.entries)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Queued: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Queued]: ...

    def __getitem__(self, index: int | slice) -> Queued | Sequence[Queued]:
        return self._entries[index]

    def __repr__(self) -> str:
        return f"<queue of {self._turns.agent.name}: {len(self)} entries>"

    def drop(self, entry: Queued) -> None:
        """Take an entry out of the model's view; what was said stays in recall storage.

        Raises:
            ConfigurationError: it is not in the queue, or not any more.
            DirectoryLockedError: another process runs the agent's turns.
            StorageError: it cannot be written.
        """
        with self._turns.settled() as engine:
            engine.own()
            entries = engine.queue.context.entries
            places = [n for n, one in enumerate(entries) if one is entry]
            # Where another process has run turns since, they are other objects.
            places += [n for n, one in enumerate(entries) if one == entry][-1:]
            if not places:
                raise ConfigurationError(
                    "that entry is not in the queue any more: give one of those in agent.queue"
                )
            with engine.queue.written():
                del entries[places[0]]
