"""The only wiring: settings → storage → memory → main context → loop."""

from __future__ import annotations

from contextlib import ExitStack

from memgpt_autogen.engine.asking.asker import Asker
from memgpt_autogen.engine.asking.prefetch import Prefetch
from memgpt_autogen.engine.deciding.decider import Decider
from memgpt_autogen.engine.engine import Engine, Identity, budget_of, zone_in
from memgpt_autogen.engine.executor import Executor
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.loop import LAST_STEP, NUDGE, Loop
from memgpt_autogen.engine.main_context import MainContext
from memgpt_autogen.engine.queue_manager import QueueManager
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.participants import Participants
from memgpt_autogen.memory.partners import PREFIX
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.memory.sharing import AttachedSources, SharedBlocks
from memgpt_autogen.memory.state import SavedState
from memgpt_autogen.model.presets import instructions, preset_for
from memgpt_autogen.model.tokens import TokenCounter
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.store import Store, open_store
from memgpt_autogen.storage.text import clean
from memgpt_autogen.zones import ZonedClock


def build_engine(
    identity: Identity, settings: Settings, *, embedder: Embedder, clock: Clock
) -> Engine:
    """Open or make the agent's memory and wire the loop to it.

    Raises:
        EmbedderMismatchError: the memory was made with another embedder.
        ConfigurationError: there is no time zone of the name in the settings.
        StateFormatError: what was saved is of a layout that this code cannot read.
        StorageError: the storage cannot be reached.
    """
    with ExitStack() as opened:
        store = open_store(settings.location, "agents", identity.name, embedder, settings=settings)
        opened.callback(store.close)
        zoned = ZonedClock(clock, zone_in(settings, clock))
        engine = _wired(store, identity, settings, zoned, opened)
        opened.pop_all()  # nothing went wrong: it stays open
        return engine


def _wired(
    store: Store, identity: Identity, settings: Settings, clock: ZonedClock, opened: ExitStack
) -> Engine:
    saved = SavedState(store.tables)
    context = main_context_of(saved, identity, settings)
    context.zone = clock.zone
    workspace = Workspace(
        agent=clean(identity.name),
        core=_core_memory(store, identity, settings, clock),
        recall=RecallStorage(store.recall, clock=clock),
        archival=ArchivalStorage(store.archival, clock=clock),
        clock=clock,
        page_size=settings.page_size,
        shown=context.shown,
        paused_since=saved.values.paused_since,
        paused_until=saved.values.paused_until,
        zone=clock.zone,
    )
    sources = AttachedSources(settings.location, workspace.archival, clock, settings)
    opened.callback(sources.close)
    sources.restore(saved.values.sources, saved.values.archives)
    shared = SharedBlocks(settings.location, workspace.core, clock)
    opened.callback(shared.close)
    shared.restore(saved.values.shared_blocks)
    participants = Participants(
        workspace.core,
        workspace.archival,
        workspace.recall,
        saved.values,
        most=settings.participants,
        limit=settings.participant_limit,
    )
    queue = QueueManager(identity.name, context, workspace, store, saved, participants)
    queue.partners.keep_apart(settings.separate_partners)
    executor = Executor(workspace)
    decider = Decider(workspace, settings.tool_mode, urgent=(NUDGE, LAST_STEP))
    loop = Loop(
        queue,
        executor,
        workspace,
        Asker(queue, decider),
        Prefetch(context, workspace, (settings.prefetch_tokens, settings.recall_budget)),
        max_steps=settings.max_steps,
        token_budget=settings.turn_token_budget,
    )
    parts = (store, workspace, queue, executor, loop, sources, shared, clock)
    return Engine(identity, settings, *parts)


def main_context_of(saved: SavedState, identity: Identity, settings: Settings) -> MainContext:
    """The main context as it was saved.

    Raises:
        ConfigurationError: there is no preset of the agent's name for it.
    """
    state = saved.values
    state.preset = identity.preset or state.preset or preset_for(identity.model)
    instructions(state.preset, name=identity.name, role="")  # a wrong name fails here
    return MainContext(
        counter=TokenCounter(identity.model, state.token_factor),
        budget=budget_of(identity, settings),
        memory=state.memory_shown,
        summary=state.summary,
        entries=list(saved.entries),
        pressure_announced=state.pressure_announced,
        pressure_answered=state.pressure_answered,
        image_bytes=settings.image_bytes,
    )


def _core_memory(store: Store, identity: Identity, settings: Settings, clock: Clock) -> CoreMemory:
    core = CoreMemory(store.blocks, clock, clean(identity.name))
    if not len(core):
        persona = f"I am {identity.name}." if identity.persona is None else identity.persona
        with store.journal.transaction():
            for name, value in (("persona", persona), ("human", identity.human or "")):
                core.add(Block(name=name, value=value, limit=settings.block_limit))
    for block in core:
        limit = _limit_of(block, settings)
        if len(block.value) <= limit:
            core.limit(block.name, limit)
    return core


def _limit_of(block: Block, settings: Settings) -> int:
    """The limit, by today's settings, of a block that we made."""
    if block.name.startswith(PREFIX):
        return settings.participant_limit
    return settings.block_limit if block.name in ("persona", "human") else block.limit
