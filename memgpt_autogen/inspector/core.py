"""Core memory: blocks with their history, edited at the version that was read, and reverted."""

from __future__ import annotations

from memgpt_autogen.errors import ConflictError, MemGPTError
from memgpt_autogen.inspector.access import Access
from memgpt_autogen.inspector.pages import Asked, Elsewhere, Page, about, link, status_of
from memgpt_autogen.upkeep.reading.memory import AgentMemory

_CHANGES = 20  # on a page
_SPEAKERS = 6  # named, of those who said something


def blocks(access: Access, asked: Asked) -> Page:
    """All blocks, and how much lies outside them."""
    with access.memory(asked.get("agent")) as memory:
        first = memory.recall.between(None, None, limit=1).items
        speakers = sorted(memory.recall.speakers().items(), key=lambda pair: -pair[1])
        sizes = {one.source: len(one) for one in memory.archival.everywhere() if one.source}
        values = {
            "blocks": [(one, memory.core.version(one.name)) for one in memory.core],
            "messages": len(memory.recall),
            "passages": len(memory.archival),
            "first": first[0].timestamp if first else None,
            "last": memory.last_seen,
            "speakers": speakers[:_SPEAKERS],
            "others": len(speakers) - _SPEAKERS,
            "sources": sizes,
            "entries": len(memory.saved.entries),
            "state": memory.saved.values,
        }
        return Page("core.html", about(memory, "core") | values)


def block(access: Access, asked: Asked) -> Page:
    """One block, to be edited, and its history."""
    with access.memory(asked.get("agent")) as memory:
        return _block(memory, asked)


def edit(access: Access, asked: Asked) -> Page | Elsewhere:
    """Put a text in the place of the one that was read; where it cannot be, show both."""
    agent, name, text = asked.get("agent"), asked.get("block"), asked.form.get("text", "")
    version = asked.number("version", 0)
    try:
        with access.core(agent) as core:
            if core[name].value == text:
                return Elsewhere(link("block", agent=agent, block=name, done="same"))
            core.set(name, text, version=version)
    except MemGPTError as problem:
        with access.memory(agent) as memory:
            return _block(memory, asked, problem, text)
    return Elsewhere(link("block", agent=agent, block=name, done="saved"))


def revert(access: Access, asked: Asked) -> Page | Elsewhere:
    """Put the text of an earlier version back, in the place of the one that was read."""
    agent, name, wanted = asked.get("agent"), asked.get("block"), asked.number("to", 0)
    try:
        with access.core(agent) as core:
            if core.version(name) != asked.number("version", 0):
                raise ConflictError(
                    f"somebody else changed the block {name!r} since this page was loaded, and"
                    " nothing was reverted: look at its history again."
                )
            core.revert(name, wanted)
    except MemGPTError as problem:
        with access.memory(agent) as memory:
            return _block(memory, asked, problem)
    return Elsewhere(link("block", agent=agent, block=name, done="reverted", to=wanted))


def _block(
    memory: AgentMemory, asked: Asked, problem: MemGPTError | None = None, text: str | None = None
) -> Page:
    name = asked.get("block")
    block, version = memory.core[name], memory.core.version(name)
    below = asked.number("below", 0)
    changes = [one for one in memory.core.history(name) if not below or one.version < below]
    values = {
        "block": block,
        "version": version,
        "text": block.value if text is None else text,
        "clash": isinstance(problem, ConflictError) and text is not None,
        "problem": problem and str(problem),
        "done": asked.query.get("done", ""),
        "to": asked.query.get("to", ""),
        "changes": changes[: -_CHANGES - 1 : -1],
        "older": changes[-_CHANGES].version if len(changes) > _CHANGES else None,
        "below": below,
    }
    status = 200 if problem is None else status_of(problem)
    return Page("block.html", about(memory, "core") | values, status)
