"""Recall and archival storage: as a timeline, and searched with the scores shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from memgpt_autogen.errors import ConfigurationError, MemGPTError
from memgpt_autogen.events import Message
from memgpt_autogen.inspector.access import Access
from memgpt_autogen.inspector.pages import Asked, Page, about, link, status_of
from memgpt_autogen.inspector.timeline import as_text, end_of, place_from, timeline
from memgpt_autogen.memory.archival import ArchivalStorage, Passage
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import ARCHIVAL, RECALL, Record, micros
from memgpt_autogen.storage.search.search import By
from memgpt_autogen.storage.text import clean
from memgpt_autogen.upkeep.reading.memory import AgentMemory

_LIMIT = 25  # records on a page
_AROUND = 3  # on either side of a message


@dataclass(frozen=True)
class Shown:
    """A message or a passage in a list: `who` said it, or the source it comes from."""

    id: str
    who: str
    time: datetime
    text: str
    address: str
    origin: str = ""
    score: float | None = None
    times: int = 1
    tags: Sequence[str] = ()

    @property
    def day(self) -> str:
        return f"{self.time.astimezone():%Y-%m-%d}"

    @property
    def clock(self) -> str:
        return f"{self.time.astimezone():%H:%M}"


def recall(access: Access, asked: Asked) -> Page:
    """What was said, the latest first, or what answers a query."""
    with access.memory(asked.get("agent")) as memory:
        agent, speaker = memory.name, asked.get("speaker")

        def shown(one: Record | Message) -> Shown:
            return _of_message(one, agent)

        def search(searched: AgentMemory, query: str, by: By, page: int) -> Any:
            span = {name: asked.get(name) or None for name in ("start", "end")}
            return searched.recall.search(
                query, _LIMIT, page, by=by, speaker=speaker or None, **span
            )

        where = Where(speaker=clean(speaker) if speaker else None)
        table = memory.recall.records.table
        values = {
            "total": len(memory.recall),
            "speakers": memory.recall.speakers(),
            "kept": {name: asked.get(name) for name in ("speaker", "start", "end")},
        }
        found = _listing(access, asked, memory, table, where, search, shown)
        return Page("recall.html", about(memory, "recall") | values | found, found["status"])


def archival(access: Access, asked: Asked) -> Page:
    """What was kept, the latest first, or what answers a query."""
    with access.memory(asked.get("agent")) as memory:
        source = asked.get("source")
        storage = _of_source(memory, source)

        def shown(one: Record | Passage) -> Shown:
            return _of_passage(one, memory.name, source)

        def search(searched: AgentMemory, query: str, by: By, page: int) -> Any:
            return _of_source(searched, source).search(query, _LIMIT, page, by=by)

        values = {
            "total": len(storage),
            "sources": {one.source or "": len(one) for one in memory.archival.everywhere()},
            "kept": {"source": source},
        }
        found = _listing(access, asked, memory, storage.records.table, Where(), search, shown)
        return Page("archival.html", about(memory, "archival") | values | found, found["status"])


def message(access: Access, asked: Asked) -> Page:
    """One message as it is, with what was said around it."""
    with access.memory(asked.get("agent")) as memory:
        found = next(iter(memory.recall.get(asked.get("id"))), None)
        if found is None:
            raise ConfigurationError(f"there is no message {asked.get('id')!r} any more.")
        beside = [_of_message(one, memory.name) for one in memory.recall.around(found.id, _AROUND)]
        at, number = micros(found.timestamp), RECALL.number_of(found.id) or 0
        values = {
            "one": _of_message(found, memory.name),
            "earlier": [one for one in beside if one.id < found.id],
            "later": [one for one in beside if one.id > found.id],
            "timeline": link("recall", agent=memory.name, before=as_text((at, number + 1))),
        }
        return Page("record.html", about(memory, "recall") | values)


def passage(access: Access, asked: Asked) -> Page:
    """One passage as it is."""
    with access.memory(asked.get("agent")) as memory:
        source = asked.get("source")
        found = next(iter(_of_source(memory, source).get(asked.get("id"))), None)
        if found is None:
            raise ConfigurationError(f"there is no passage {asked.get('id')!r} any more.")
        values = {
            "one": _of_passage(found, memory.name, source),
            "earlier": (),
            "later": (),
            "timeline": link("archival", agent=memory.name, source=source),
        }
        return Page("record.html", about(memory, "archival") | values)


def _listing(
    access: Access,
    asked: Asked,
    memory: AgentMemory,
    table: Any,
    where: Where,
    search: Any,
    shown: Any,
) -> dict[str, Any]:
    """A page of a timeline, or of what a search found."""
    query, by = asked.get("q").strip(), asked.get("by") or "both"
    values: dict[str, Any] = {"q": query, "by": by, "ways": get_args(By), "day": asked.get("day")}
    values |= {"found": [], "newer": None, "older": None, "status": 200, "note": "", "hits": None}
    try:
        if query:
            return values | _found(access, asked, memory, search, shown)
        day = asked.get("day")
        before = end_of(day) if day else place_from(asked.get("before"))
        after = None if day else place_from(asked.get("after"))
        page = timeline(table, where, _LIMIT, before=before, after=after)
        return values | {
            "found": list(map(shown, page.records)),
            "newer": page.newer and as_text(page.newer),
            "older": page.older and as_text(page.older),
        }
    except MemGPTError as problem:
        return values | {"note": str(problem), "status": status_of(problem)}


def _found(
    access: Access, asked: Asked, memory: AgentMemory, search: Any, shown: Any
) -> dict[str, Any]:
    by, page = asked.get("by") or "both", asked.number("page", 0, 0, 1000)
    if by not in get_args(By):
        raise ConfigurationError(f"by={by!r}: give words, meaning or both.")
    searched = memory if by == "words" else access.searched(memory)
    note = ""
    if searched.by_words_alone and by != "words":
        note = f"Searched by words alone, as {memory.embedder} made the vectors and is not here."
        by = "words"
    result = search(searched, asked.get("q").strip(), by, page)
    return {
        "found": list(map(shown, result.items)),
        "hits": result.total,
        "newer": str(page - 1) if page else None,
        "older": str(page + 1) if page + 1 < result.pages else None,
        "note": note,
    }


def _of_source(memory: AgentMemory, source: str) -> ArchivalStorage:
    """The storage of a source, or with no name the agent's own, whose search finds all.

    Raises:
        ConfigurationError: it is not attached.
    """
    for one in memory.archival.everywhere():
        if (one.source or "") == source:
            return one
    raise ConfigurationError(f"{memory.name} has not attached {source!r}.")


def _of_message(one: Record | Message, agent: str) -> Shown:
    if isinstance(one, Record):
        id_, score, times = RECALL.id_of(one.number), None, 1
    else:
        id_, score, times = one.id, one.score, one.times
    address = link("message", agent=agent, id=id_)
    return Shown(id_, one.speaker, one.timestamp, one.text, address, one.origin, score, times)


def _of_passage(one: Record | Passage, agent: str, source: str) -> Shown:
    if isinstance(one, Record):
        id_, score, times = ARCHIVAL.id_of(one.number), None, 1
    else:
        id_, score, times, source = one.id, one.score, one.times, one.source or ""
    address = link("passage", agent=agent, source=source, id=id_)
    about_it = (one.origin, score, times, one.tags)
    return Shown(id_, source or agent, one.timestamp, one.text, address, *about_it)
