"""Deeds: the calls of functions that a small model's choices stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from memgpt_autogen.engine.deciding.questions import MEMORY_FUNCTIONS
from memgpt_autogen.engine.deciding.situation import Situation
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.showing.stems import stems
from memgpt_autogen.model.protocol.written import dumped
from memgpt_autogen.steps import FunctionCall

Which = Callable[..., int]
"""Asks which of some lines it is; 0 for none."""

Calls = tuple[FunctionCall, ...]

_HEARTBEATS = MEMORY_FUNCTIONS - {"send_message"}
_QUERY = 300  # characters
_SENTENCE = re.compile(r"(?<=[a-z0-9)\"'][.!?])\s+(?=[A-Z])")
_CHANGED = re.compile(
    r"\b(?:now|not|no longer|any ?more|new|chang\w+|moved?|renam\w+|instead|g(?:ave|iven) .*up"
    r"|put off|postponed|today|these days|stopp?ed|switched|quit|left|used to)\b|n't\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:I|I'm|I've|I'll|I'd|[Mm]y|me|[Mm]ine|myself)\b")


def notes(situation: Situation, fact: Any, about: Any, which: Which) -> Calls:
    """A fact is stored, each sentence on a line; one that it makes wrong gives its place.

    Args:
        situation: what it is about.
        fact: as the model wrote it.
        about: whom or what it is about; None: who spoke.
        which: asks which of some lines a new one makes wrong.
    """
    if not isinstance(fact, str) or not fact.strip():
        return ()
    last = situation.last
    name = about if about in situation.blocks else next(iter(situation.blocks))
    block = situation.blocks[name]
    there = [line.text for line in situation.known if line.block == block]
    found: list[FunctionCall] = []
    for sentence in _SENTENCE.split(" ".join(fact.split())):
        text = f"{name} said: {sentence}" if _FIRST_PERSON.search(sentence) else sentence
        old = ""
        if there and text not in there:
            said = f'{last.speaker} said: "{last.text}"'
            old = _plainly_wrong(there, text, name, last.text)
            likely = [] if old else _likely(there, text, name, last.text)
            number = which(likely, text, said) if likely else 0
            old = likely[number - 1] if number else old
        if old:
            there.remove(old)
            edit = {"name": block, "old_content": old, "new_content": text}
            found.append(call("core_memory_replace", edit))
        else:
            found.append(call("core_memory_append", {"name": block, "content": text}))
    return tuple(found)


def _plainly_wrong(lines: list[str], fact: str, name: str, said: str) -> str:
    """The one line that says half of what a fact says, where something is said to have changed."""
    about = stems(name)
    known = stems(fact) - about
    same = [
        line for line in lines if len(known & stems(line)) * 2 >= max(len(stems(line) - about), 3)
    ]
    return same[0] if len(same) == 1 and _CHANGED.search(said) else ""


def _likely(lines: list[str], fact: str, name: str, said: str) -> list[str]:
    """The lines that a fact may make wrong: those on the same thing, by their words.

    Where none is, all, if the words say that something is not as it was; else none, for a
    small model would let a fact go that nobody took back.
    """
    changed = _CHANGED.search(said) is not None
    known = (stems(fact) | stems(said if changed else "")) - stems(name)
    return [line for line in lines if known & stems(line)] or (lines if changed else [])


def searches(situation: Situation, work: Workspace) -> Calls:
    """The storages are searched with the words that were said."""
    query = {"query": " ".join(situation.last.text.split())[:_QUERY]}
    names = ["conversation_search"]
    if work.has_passages:
        names.append("archival_memory_search")
    return tuple(call(name, query) for name in names)


def kept(situation: Situation, where: Any, work: Workspace) -> Calls:
    """What was said is put into archival storage, word for word."""
    last = situation.last
    place = {"archive": where} if where in work.archival.archives else {}
    return (call("archival_memory_insert", {"content": f"{last.speaker}: {last.text}", **place}),)


def call(name: str, arguments: Mapping[str, Any]) -> FunctionCall:
    """A call; after one of the memory's the model runs again."""
    further = {"request_heartbeat": True} if name in _HEARTBEATS else {}
    return FunctionCall(id="", name=name, arguments=dumped({**arguments, **further}))
