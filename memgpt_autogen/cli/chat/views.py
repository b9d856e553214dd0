"""What the chat shows when it is asked: the window, core memory, the queue, a search, histories."""

from __future__ import annotations

from collections.abc import Iterator

from memgpt_autogen.cli.chat.lines import Line, edited
from memgpt_autogen.engine.asking.view import ContextOverview
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.formatting import messages_of
from memgpt_autogen.memory.blocks import MODEL, PROGRAM
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.zones import stamp

_WIDTH = 50  # characters of the bar
_MARKS = "█▓▒░▚"
_SHOWN = 400  # characters of one text


def context_bar(overview: ContextOverview) -> str:
    """What fills the window: a bar, and the tokens of each part."""
    bar, lines = "", list[str]()
    for mark, (part, tokens) in zip(_MARKS * 2, overview.sections.items(), strict=False):
        bar += mark * round(_WIDTH * tokens / overview.window)
        lines.append(f"  {mark} {part:<20} {tokens:>7,}")
    free = overview.window - overview.total
    lines.append(f"  · {'free':<20} {free:>7,}")
    recall, archival = overview.recall_messages, overview.archival_passages
    lines.append(f"  outside: {recall:,} messages, {archival:,} passages")
    used = f"{overview.total:,} of {overview.window:,} tokens"
    return "\n".join([f"[{bar[:_WIDTH]:·<{_WIDTH}}] {used}", *lines])


def memory(core: CoreMemory) -> str:
    """The blocks of core memory."""
    core.refresh()
    return "\n".join(
        f"{block.name} ({len(block.value):,} of {block.limit:,} characters)\n"
        + "\n".join(f"  {line}" for line in block.value.splitlines() or ["(empty)"])
        for block in core
    )


def dump(engine: Engine, count: int | None) -> str:
    """The latest entries of the queue, as the model reads them."""
    context = engine.queue.context
    entries = context.entries[-count:] if count else context.entries
    told = [
        f"{one['role']}: {one.get('content') or ''}{_calls(one)}"
        for entry in entries
        for one in messages_of(entry, _SHOWN, context.zone)
    ]
    summary = [] if count else [f"summary: {context.summary}"] * bool(context.summary)
    return "\n".join([*summary, *told]) or "(the queue is empty)"


def found(engine: Engine, query: str) -> str:
    """What recall and archival storage hold on something."""
    work = engine.workspace
    lines = [
        f"{stamp(one.timestamp, work.zone)} {one.speaker}: {_short(one.text)}"
        for one in work.recall.search(query, limit=5).items
    ]
    lines += [
        f"{one.source or 'archive'}: {_short(one.text)}"
        for one in work.archival.search(query, limit=5).items
    ]
    return "\n".join(lines) or "nothing found"


def history(core: CoreMemory, name: str) -> Iterator[Line]:
    """The changes of a block, the oldest first."""
    for change in core.history(name):
        who = f"the {change.author}" if change.author in (MODEL, PROGRAM) else change.author
        yield Line("note", f"version {change.version}, {stamp(change.time)}, by {who}")
        yield from edited(change.before, change.after)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def _calls(message: dict[str, object]) -> str:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return ""
    return "".join(
        f" {one['function']['name']}({_short(one['function']['arguments'])})" for one in calls
    )
