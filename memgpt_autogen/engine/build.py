"""The only wiring: settings → storage → memory → main context → loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.engine.attachments import Attachments
from memgpt_autogen.engine.executor import Executor, Toolbox
from memgpt_autogen.engine.functions import FUNCTIONS, Workspace
from memgpt_autogen.engine.loop import Loop
from memgpt_autogen.engine.main_context import Budget, MainContext
from memgpt_autogen.engine.queue_manager import QueueManager
from memgpt_autogen.engine.state import AgentState
from memgpt_autogen.engine.stop import Stop
from memgpt_autogen.engine.summarizer import Summarizer
from memgpt_autogen.events import Clock, DocumentUpload, Event, TimedEvent
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import Block, CoreMemory
from memgpt_autogen.memory.participants import PREFIX, Participants
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.memory.sharing import SharedBlocks, SharedLink
from memgpt_autogen.model.chat_model import AutoGenChatModel
from memgpt_autogen.model.presets import instructions, preset_for
from memgpt_autogen.model.tokens import TokenCounter, window_of
from memgpt_autogen.settings import Settings
from memgpt_autogen.steps import Eviction, Step, Turn
from memgpt_autogen.storage.chroma import Database, open_database
from memgpt_autogen.storage.embedding import resolve_embedder
from memgpt_autogen.storage.text import clean

# Any client may stand behind AutoGen's, with errors of its own: none may stop the agent here.
_CALL_FAILURES = (Exception,)


@dataclass(frozen=True)
class Identity:
    """Who the agent is when its memory is first made, and what its model can take.

    `persona` and `human` are first texts: a reopened agent keeps its edited blocks.
    """

    name: str
    model: str
    context_window: int | None = None
    preset: str | None = None
    persona: str | None = None
    human: str | None = None


@dataclass
class Mind:
    """An agent's memory and loop, open for writing until `close`."""

    identity: Identity
    settings: Settings
    database: Database
    workspace: Workspace
    queue: QueueManager
    executor: Executor
    loop: Loop
    attachments: Attachments
    shared: SharedBlocks

    def turn(
        self,
        events: Sequence[Event],
        *,
        model: AutoGenChatModel,
        role: str,
        toolbox: Toolbox,
        on_step: Callable[[Step], None] = lambda step: None,
        on_eviction: Callable[[Eviction], None] = lambda eviction: None,
        stop: Stop | None = None,
    ) -> Turn:
        """Let the agent act on events.

        Args:
            events: what it is told, in order.
            model: answers.
            role: AutoGen's system message as it stands now.
            toolbox: the user's tools, for this turn.
            on_step: is told of each step as it ends.
            on_eviction: is told of each eviction.
            stop: ends the turn at its next step boundary once it is set.
        """
        self.instruct(role)
        summarizer = self._summarizer(model)
        with self.executor.equipped(toolbox):
            return self.loop.run(
                events, model, summarizer, stop, on_step=on_step, on_eviction=on_eviction
            )

    def take_in(self, events: Sequence[Event]) -> None:
        """Keep events in the queue and in recall storage, without a turn."""
        self.queue.admit(events)
        self.queue.flush()

    def save(self) -> None:
        """Write what has changed since the latest step, such as the cursors of chats."""
        self.queue.save()

    def paused(self, event: Event) -> bool:
        """Whether the model asked not to be woken by such an event now."""
        work = self.workspace
        pausing = work.paused_until is not None and work.clock() < work.paused_until
        return pausing and isinstance(event, TimedEvent)

    def instruct(self, role: str) -> None:
        """Put the preset and the role at the head of the main context."""
        self.queue.context.instructions = instructions(
            self.queue.state.preset, name=self.identity.name, role=role
        )

    def attach(self, source: str, *, writable: bool) -> int:
        """Search a source too, from now on and when reopened; its passages."""
        archival, state = self.workspace.archival, self.queue.state
        known = archival.archives if writable else archival.attached
        passages = self.attachments.attach(source, writable=writable)
        if source not in known:
            state.sources = list(dict.fromkeys([*state.sources, source]))
            state.archives = list(archival.archives)
            event = DocumentUpload(
                timestamp=self.workspace.clock(),
                source=source,
                passages=passages,
                writable=writable,
            )
            self.queue.admit([event])
        return passages

    def detach(self, source: str) -> bool:
        """Search a source no longer; False if it was not attached."""
        state = self.queue.state
        found = self.attachments.detach(source) or source in state.sources
        state.sources = [one for one in state.sources if one != source]
        state.archives = [one for one in state.archives if one != source]
        self.queue.save()
        return found

    def attach_block(self, link: SharedLink, value: str, limit: int | None) -> Block:
        """See a shared block from now on, and when reopened."""
        size = self.settings.block_limit if limit is None else limit
        block = self.shared.attach(link, value=value, limit=size)
        state = self.queue.state
        others = [one for one in state.shared_blocks if one.name != link.name]
        state.shared_blocks = [*others, link]
        self.queue.tell_of_changes()
        self.queue.save()
        return block

    def detach_block(self, name: str) -> bool:
        """See a shared block no longer; False if it was not attached."""
        found = self.shared.detach(name)
        if found:
            state = self.queue.state
            state.shared_blocks = [one for one in state.shared_blocks if one.name != name]
            self.queue.alert(f"the shared core memory block {name!r} is no longer yours to see.")
            self.queue.save()
        return found

    def close(self) -> None:
        """Write what is left and let go of the storage; it may be opened again after."""
        try:
            self.queue.settle()
            self.queue.save()
        finally:
            self.shared.close()
            self.attachments.close()
            self.database.close()

    def _summarizer(self, model: AutoGenChatModel) -> Summarizer:
        window = self.queue.context.budget.window
        counters = self.queue.state.counters

        def complete(system: str, text: str) -> str:
            completion = model.complete(
                [{"role": "system", "content": system}, {"role": "user", "content": text}]
            )
            counters.count_call(completion.usage)
            return completion.text

        return Summarizer(
            complete if self.settings.summarize == "model" else None,
            name=self.identity.name,
            limit=min(max(window // 4, 600), 4000),
            chunk=window * 2,
            failures=_CALL_FAILURES,
        )


def build_mind(
    identity: Identity,
    settings: Settings,
    *,
    embedder: Any,
    clock: Clock,
) -> Mind:
    """Open or make the agent's memory and wire the loop to it.

    Raises:
        DirectoryLockedError: the memory is open elsewhere.
        EmbedderMismatchError: the memory was made with another embedder.
        StateFormatError: the saved state is of a version this code cannot read.
        StorageError: the storage cannot be reached.
    """
    database = open_database(settings.location, identity.name)
    try:
        return _wire(database, identity, settings, embedder, clock)
    except BaseException:
        database.close()
        raise


def _wire(
    database: Database,
    identity: Identity,
    settings: Settings,
    embedder: Any,
    clock: Clock,
) -> Mind:
    saved = database.state.load()
    state = AgentState.from_json(saved) if saved is not None else AgentState()
    state.preset = identity.preset or state.preset or preset_for(identity.model)
    instructions(state.preset, name=identity.name, role="")  # a wrong name fails here
    context = MainContext(
        counter=TokenCounter(identity.model, state.token_factor),
        budget=Budget.of(
            identity.context_window or window_of(identity.model),
            reply=settings.reply_tokens,
            pressure_share=settings.pressure_share,
            eviction_share=settings.eviction_share,
        ),
        memory=state.memory_shown,
        summary=state.summary,
        entries=list(state.queue),
        pressure_announced=state.pressure_announced,
        pressure_answered=state.pressure_answered,
    )
    found = resolve_embedder(embedder)
    workspace = Workspace(
        agent=clean(identity.name),
        core=_core_memory(state, identity, settings),
        recall=RecallStorage(database, found, clock=clock),
        archival=ArchivalStorage(database, found, clock=clock),
        clock=clock,
        page_size=settings.page_size,
        shown=context.shown,
        paused_until=state.paused_until,
    )
    attachments = Attachments(settings.location, workspace.archival, clock)
    shared = SharedBlocks(settings.location, workspace.core)
    try:
        attachments.restore(state.sources, state.archives)
        shared.restore(state.shared_blocks, limit=settings.block_limit)
    except BaseException:
        shared.close()
        attachments.close()
        raise
    participants = Participants(
        workspace.core,
        workspace.archival,
        state.heard,
        most=settings.participants,
        limit=settings.participant_limit,
    )
    queue = QueueManager(
        identity.name,
        context,
        workspace,
        database.state,
        state,
        participants,
    )
    executor = Executor(FUNCTIONS, workspace)
    loop = Loop(
        queue,
        executor,
        workspace,
        max_steps=settings.max_steps,
        token_budget=settings.turn_token_budget,
    )
    return Mind(identity, settings, database, workspace, queue, executor, loop, attachments, shared)


def _core_memory(state: AgentState, identity: Identity, settings: Settings) -> CoreMemory:
    if state.blocks:
        return CoreMemory(_limited(block, settings) for block in state.blocks)
    persona = f"I am {identity.name}." if identity.persona is None else identity.persona
    return CoreMemory(
        [
            Block(name="persona", value=persona, limit=settings.block_limit),
            Block(name="human", value=identity.human or "", limit=settings.block_limit),
        ]
    )


def _limited(block: Block, settings: Settings) -> Block:
    """A block that we made under the limit of today's settings, unless it holds more already."""
    if block.name.startswith(PREFIX):
        limit = settings.participant_limit
    elif block.name in ("persona", "human"):
        limit = settings.block_limit
    else:
        return block
    return block.model_copy(update={"limit": limit}) if len(block.value) <= limit else block
