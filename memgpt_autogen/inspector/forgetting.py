"""Forgetting: first what would be erased, then, once that is confirmed, what was."""

from __future__ import annotations

from memgpt_autogen.errors import MemGPTError
from memgpt_autogen.inspector.access import Access
from memgpt_autogen.inspector.pages import Asked, Page, about, status_of
from memgpt_autogen.model.tokens import TokenCounter
from memgpt_autogen.steps import Step
from memgpt_autogen.upkeep.forgetting.erasure import Preview, preview
from memgpt_autogen.upkeep.forgetting.forget import forget
from memgpt_autogen.upkeep.forgetting.traces import texts_of

_LISTED = 50  # texts of each kind
_YES = "erase"


def preview_page(access: Access, asked: Asked) -> Page:
    """Who can be forgotten; with a speaker, what would be erased of them."""
    return _page(access, asked)


def forget_now(access: Access, asked: Asked) -> Page:
    """Erase a speaker, and show the receipt."""
    agent, speaker = asked.get("agent"), asked.form.get("speaker", "")
    if asked.get("sure") != _YES:
        return _page(access, asked, "Nothing was erased: tick the box that says you are sure.", 422)
    access.drop(agent)
    try:
        with access.engine(agent) as engine:
            receipt = forget(speaker, engine)
    except MemGPTError as problem:
        return _page(access, asked, f"Nothing was erased: {problem}", status_of(problem))
    with access.memory(agent) as memory:
        return Page("receipt.html", about(memory, "forget") | {"receipt": receipt})


def _page(access: Access, asked: Asked, problem: str = "", status: int = 200) -> Page:
    with access.memory(asked.get("agent")) as memory:
        speakers = {
            name: count for name, count in memory.recall.speakers().items() if name != memory.name
        }
        speaker = asked.form.get("speaker") or asked.query.get("speaker") or ""
        found: Preview | None = None
        if speaker and not problem:
            try:
                found = preview(speaker, memory, TokenCounter(access.model).text)
            except MemGPTError as refusal:
                problem, status = str(refusal), status_of(refusal)
        values = {
            "speakers": speakers,
            "messages": len(memory.recall),
            "speaker": speaker,
            "preview": found,
            "entries": [_told(one) for one in found.entries[:_LISTED]] if found else [],
            "listed": _LISTED,
            "problem": problem,
            "yes": _YES,
        }
        return Page("forget.html", about(memory, "forget") | values, status)


def _told(entry: object) -> str:
    """An entry of the queue in short."""
    who = "the agent's step" if isinstance(entry, Step) else getattr(entry, "speaker", "a notice")
    return f"{who}: {' · '.join(filter(None, texts_of(entry)))}"  # type: ignore[arg-type] # one of the three
