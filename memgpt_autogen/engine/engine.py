"""The engine: an agent's memory and loop, while it is open."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timezone, tzinfo
from functools import partial

from memgpt_autogen.engine.asking.asker import FAILURES
from memgpt_autogen.engine.asking.progress import TurnRequest
from memgpt_autogen.engine.asking.summarizer import Summarizer
from memgpt_autogen.engine.asking.view import ContextOverview, ModelView
from memgpt_autogen.engine.budget import Budget
from memgpt_autogen.engine.executor import Executor
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.loop import Loop
from memgpt_autogen.engine.queue_manager import QueueManager
from memgpt_autogen.engine.turn_lock import TurnLock
from memgpt_autogen.errors import DirectoryLockedError
from memgpt_autogen.events import Clock, DocumentUpload
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.sharing import AttachedSources, SharedBlocks, SharedLink
from memgpt_autogen.model.chat_model import ChatModel
from memgpt_autogen.model.presets import instructions, preset_for
from memgpt_autogen.model.tokens import TokenCounter, window_of
from memgpt_autogen.settings import Settings
from memgpt_autogen.steps import Turn
from memgpt_autogen.storage.address import without_credentials
from memgpt_autogen.storage.store import Store
from memgpt_autogen.storage.text import clean
from memgpt_autogen.zones import ZonedClock, name_of, zone_named, zone_of

logger = logging.getLogger(__name__)

_said: set[tuple[str, str]] = set()  # places and blocks whose first texts have no effect

_OWNER_SECONDS = 3.0  # another process may be at work on the index for a moment


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


@dataclass(eq=False)
class Engine:
    """An agent's memory and loop, open until `close`.

    Whoever uses it holds its lock, one thread at a time.
    """

    identity: Identity
    settings: Settings
    store: Store
    workspace: Workspace
    queue: QueueManager
    executor: Executor
    loop: Loop
    sources: AttachedSources
    shared: SharedBlocks
    clock: ZonedClock
    lock: TurnLock = field(default_factory=TurnLock)
    process: int = field(default_factory=os.getpid)
    is_open: bool = True
    _told: tuple[str, str] | None = None  # preset and role at the head of the context

    # --- turns -------------------------------------------------------------------

    def turn(self, request: TurnRequest) -> Turn:
        """One turn about events.

        Raises:
            DirectoryLockedError: another process runs this agent's turns.
        """
        self.own()
        self.instruct(request.role)
        with self.queue.partners.of(request.partner), self.executor.equipped(request.toolbox):
            return self.loop.run(request, partial(self._summarizer, request.model))

    @property
    def paused(self) -> bool:
        """Whether `pause_heartbeats` holds timed events back now."""
        since, until = self.workspace.paused_since, self.workspace.paused_until
        now = self.workspace.clock().astimezone(timezone.utc)
        return until is not None and (since or now) <= now < until  # set back, a clock ends it

    def own(self, wait: float = _OWNER_SECONDS) -> None:
        """Be the process that runs this agent's turns, from where the last one left them.

        Raises:
            DirectoryLockedError: another one is.
        """
        if not self.store.own(wait):
            assert self.store.ownership is not None
            raise DirectoryLockedError(
                f"{self.identity.name}'s turns are run by {self.store.ownership.owner}, and two"
                " would mix them up. Let that one end or close its agent; reading and editing the"
                " memory works meanwhile. To run two at a time, give them different names."
            )
        if not self.queue.saved.is_current:
            self._catch_up()

    def disown(self) -> None:
        """Let another process run them, once the index has been told what waits."""
        self.store.indexer.keeps = False
        self.store.indexer.nudge()

    def _catch_up(self) -> None:
        """Take over what another process has saved since the state was read here."""
        self.queue.partners.reread()
        state, core = self.queue.state, self.workspace.core
        self.queue.context.counter.factor = state.token_factor
        self.workspace.paused_since = state.paused_since
        self.workspace.paused_until = state.paused_until
        for source in self.sources.stores.keys() - set(state.sources):
            self.sources.detach(source)
        self.sources.restore(state.sources, state.archives)
        links = {one.name: one for one in state.shared_blocks}
        for block in [one for one in core if one.shared and one.name not in links]:
            self.shared.detach(block.name)
        self.shared.restore([link for name, link in links.items() if name not in core])
        self.adapt(self.identity, self.settings)

    def instruct(self, role: str) -> None:
        """Put the preset and the role at the head of the main context."""
        told = (self.queue.state.preset, role)
        if self._told != told:
            text = instructions(
                told[0], name=self.identity.name, role=role, zone=name_of(self.clock.zone)
            )
            decider, model = self.loop.asker.decider, self.identity.model
            self.queue.context.instructions = decider.instructed(model, role, text)
            self._told = told

    def adapt(self, identity: Identity, settings: Settings) -> None:
        """Go on with another model, window, preset or settings of the same agent."""
        self.identity, self.settings = identity, settings
        context, state = self.queue.context, self.queue.state
        state.preset = identity.preset or state.preset or preset_for(identity.model)
        instructions(state.preset, name=identity.name, role="")  # a wrong name fails here
        if context.counter.model != identity.model:
            context.counter = TokenCounter(identity.model, state.token_factor)
        self._told, self.clock.zone = None, zone_in(settings, self.clock.look)
        self.workspace.zone = context.zone = self.clock.zone
        context.resize(budget_of(identity, settings))
        self.queue.partners.keep_apart(settings.separate_partners)
        self.workspace.page_size, self.workspace.shown = settings.page_size, context.shown
        loop = self.loop
        loop.asker.decider.tool_mode, context.image_bytes = settings.tool_mode, settings.image_bytes
        loop.max_steps, loop.token_budget = settings.max_steps, settings.turn_token_budget
        loop.prefetch.bounds = (settings.prefetch_tokens, settings.recall_budget)

    # --- what is attached ------------------------------------------------------------

    def attach(self, source: str, *, writable: bool) -> int:
        """Search a source too, from now on and when reopened; its passages."""
        archival, state = self.workspace.archival, self.queue.state
        known = archival.archives if writable else archival.attached
        if source not in known:
            self.own()
        passages = self.sources.attach(source, writable=writable)
        if source not in known:
            state.sources = list(dict.fromkeys([*state.sources, source]))
            state.archives = list(archival.archives)
            now = self.workspace.clock()
            self.queue.take_in(
                [DocumentUpload(timestamp=now, source=source, passages=passages, writable=writable)]
            )
        return passages

    def detach(self, source: str) -> bool:
        """Search a source no longer; False if it was not attached."""
        state = self.queue.state
        self.own()
        found = self.sources.detach(source) or source in state.sources
        state.sources = [one for one in state.sources if one != source]
        state.archives = [one for one in state.archives if one != source]
        self.queue.save()
        return found

    def attach_block(self, link: SharedLink, value: str, limit: int | None) -> Block:
        """See a shared block from now on, and when reopened."""
        size = self.settings.block_limit if limit is None else limit
        state = self.queue.state
        is_known = link in state.shared_blocks
        if not is_known:
            self.own()
        block = self.shared.attach(link, value=value, limit=size)
        if not is_known:
            others = [one for one in state.shared_blocks if one.name != link.name]
            state.shared_blocks = [*others, link]
            self.queue.tell_of_changes()
            self.queue.save()
        return block

    def detach_block(self, name: str) -> bool:
        """See a shared block no longer; False if it was not attached."""
        self.own()
        found = self.shared.detach(name)
        if found:
            state = self.queue.state
            state.shared_blocks = [one for one in state.shared_blocks if one.name != name]
            self.queue.alert(f"the shared core memory block {name!r} is no longer yours to see.")
            self.queue.save()
        return found

    # --- the whole -------------------------------------------------------------------

    @property
    def _view(self) -> ModelView:
        decider, schemas = self.loop.asker.decider, self.executor.schemas
        return ModelView(self.identity.model, self.workspace, self.queue.context, decider, schemas)

    def overview(self) -> ContextOverview:
        """The state of the main context and the storages."""
        return self._view.overview(self.queue.state.counters)

    def context_text(self) -> str:
        """The prompt of a model call at this moment, as plain text; nothing is changed."""
        context, state = self.queue.context, self.queue.state
        entries, known = list(context.entries), dict(state.values_known)
        self.queue.tell_of_changes()  # as each call does first
        told = context.entries[len(entries) :]
        context.entries[:], state.values_known = entries, known
        return self._view.text(told)

    def compare_first_texts(self, identity: Identity) -> None:
        """Say, once in a process, which first text has no effect on this memory."""
        for name, text in (("persona", identity.persona), ("human", identity.human)):
            block = self.workspace.core.shown(name) if name in self.workspace.core else None
            is_there = block is not None and clean(block.value) == clean(text or "")
            if text is None or is_there or (self.store.place, name) in _said:
                continue
            _said.add((self.store.place, name))
            logger.warning(
                "%s= has no effect: %s is resumed from %s, and goes by its block as it was edited"
                " since. To replace it: agent.core_memory.set(%r, text).",
                *(name, identity.name, without_credentials(self.settings.location), name),
            )

    def close(self) -> None:
        """Let go of everything; it may be opened again after. A second call does nothing."""
        if self.is_open:
            self.is_open = False
            with ExitStack() as closing:
                for part in (self.store, self.sources, self.shared):
                    closing.callback(part.close)

    def _summarizer(self, model: ChatModel) -> Summarizer:
        window = self.queue.context.budget.window
        asker, way = self.loop.asker, self.settings.summary
        by_model = way != "digest" and not asker.decider.decides(model.name)  # which sees none
        return Summarizer(
            partial(asker.summarized, model) if by_model else None,
            name=self.identity.name,
            limit=min(max(window // 4, 600), 4000),
            chunk=window * 2,
            failures=FAILURES,
            zone=self.clock.zone,
            sparse=way == "spr",
        )


def zone_in(settings: Settings, clock: Clock) -> tzinfo:
    """The zone in which an agent's dates are shown and meant.

    Raises:
        ConfigurationError: there is no zone of the name in the settings.
    """
    return zone_of(clock()) if settings.timezone is None else zone_named(settings.timezone)


def budget_of(identity: Identity, settings: Settings) -> Budget:
    """The sizes of the main context."""
    return Budget.of(
        identity.context_window or window_of(identity.model),
        reply=settings.reply_tokens,
        pressure_share=settings.pressure_share,
        eviction_share=settings.eviction_share,
    )
