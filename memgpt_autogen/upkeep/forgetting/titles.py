"""Titles: what chats are called that records came from, and which of them tell of a speaker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.events import Message
from memgpt_autogen.memory.partners import digest_of
from memgpt_autogen.upkeep.chats.chatgpt import MARKED
from memgpt_autogen.upkeep.forgetting.traces import Traces


def titles(engine: Engine) -> set[str]:
    """Where records came from, but for partners whose chats are found by it."""
    work, partners = engine.workspace, engine.queue.partners
    tiers = (work.recall, work.archival)
    kept = {name for name, _ in partners.all()} if partners.apart else set[str]()
    return {one for tier in tiers for one in tier.records.origins()} - kept


def hide_titles(engine: Engine, speaker: str, traces: Traces, said: Sequence[Message]) -> None:
    """Put a digest in the place of a speaker's name and of titles that tell of them.

    ChatGPT makes titles of what was said, so of a conversation of theirs it goes in any case. The
    mark at its end stays, by which an import knows the conversation again.
    """
    work = engine.workspace
    for title in (speaker, *_telling(engine, traces, said)):
        mark = MARKED.search(title)
        hidden = digest_of(title) + (mark[0] if mark else "")
        for tier in (work.recall, work.archival):
            tier.records.table.rename_origin(title, hidden)


def _telling(engine: Engine, traces: Traces, said: Sequence[Message]) -> Iterator[str]:
    theirs, others = {one.origin for one in said}, engine.workspace.recall.speakers().keys()
    for title in titles(engine) - others:
        is_theirs = title in theirs and (MARKED.search(title) or traces.echo(title))
        if is_theirs or traces.touch(title):
            yield title
