"""The context window of an agent that nobody has to open: what fills it, and its text."""

from __future__ import annotations

from dataclasses import dataclass

from memgpt_autogen import frames
from memgpt_autogen.engine.asking.view import ContextOverview, ModelView
from memgpt_autogen.engine.build import main_context_of
from memgpt_autogen.engine.deciding.decider import Decider
from memgpt_autogen.engine.engine import Identity, zone_in
from memgpt_autogen.engine.executor import Executor
from memgpt_autogen.engine.formatting import changed_block
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.events import Clock, Notice, local_now
from memgpt_autogen.model.presets import instructions
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.text import clean
from memgpt_autogen.upkeep.reading.memory import AgentMemory
from memgpt_autogen.zones import name_of


@dataclass(frozen=True)
class ContextWindow:
    """How full a context window is, and the prompt as text."""

    overview: ContextOverview
    text: str


def context_window(
    memory: AgentMemory,
    model: str,
    window: int | None,
    settings: Settings | None = None,
    *,
    clock: Clock = local_now,
) -> ContextWindow:
    """What a model would be given of a memory now; nothing is changed.

    What the agent's program says each time is not kept in the memory, so it is not counted: the
    role (AutoGen's system message) and the user's own tools.

    Args:
        memory: as it was opened.
        model: counts the tokens as this one does.
        window: in tokens; None: the model's.
        settings: of the agent's program; None: the usual ones.
        clock: tells the time.

    Raises:
        ConfigurationError: the agent's preset is not on this machine.
    """
    settings = settings or Settings()
    identity, zone = Identity(memory.name, model, window), zone_in(settings, clock)
    context = main_context_of(memory.saved, identity, settings)
    context.zone = zone
    work = Workspace(
        clean(memory.name), memory.core, memory.recall, memory.archival, clock, shown=context.shown
    )
    context.memory = context.memory or work.head
    values = memory.saved.values
    decider = Decider(work, settings.tool_mode)
    text = instructions(values.preset, name=memory.name, role="", zone=name_of(zone))
    context.instructions = decider.instructed(model, "", text)
    told = [
        Notice(timestamp=clock(), text=f"{frames.ALERT} {changed_block(one)}", alert=True)
        for one in (memory.core.news(dict(values.values_known)) if values.values_known else ())
    ]
    view = ModelView(model, work, context, decider, Executor(work).schemas)
    return ContextWindow(view.overview(values.counters), view.text(told))
