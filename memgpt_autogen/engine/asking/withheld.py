"""Withheld: the queue without what a provider may refuse, in ever larger parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.steps import Step

_SAID = "(Not shown to you: your provider refused this message. Recall storage has its text.)"
_DONE = "(Not shown to you: your provider refused this.)"
_ALONE = 8  # messages that are tried without, one by one


def changes_of(
    whole: Sequence[Queued], suspects: Sequence[int]
) -> Iterator[tuple[list[Queued], str]]:
    """What to try, and what it lacks: a new message, all of them, results of calls, all of it.

    Args:
        whole: the queue.
        suspects: the places in it of what may be at fault, oldest first.
    """
    said = [at for at in reversed(suspects) if not isinstance(whole[at], Step)]
    done = [at for at in suspects if isinstance(whole[at], Step)]
    for at in said[:_ALONE]:
        yield (_with(whole, [at]), _name(whole[at]))
    if len(said) > 1:
        yield (_with(whole, said), f"{len(said)} new messages")
    steps = [at for at in done if _step(whole[at]).calls]
    for at in reversed(steps[-_ALONE:]):
        yield (_with(whole, [at]), "results of calls")
    if len(suspects) > 1 and done:
        yield (_with(whole, suspects), f"{len(suspects)} new entries of the queue")


def without_pictures(whole: Sequence[Queued], suspects: Sequence[int]) -> list[Queued]:
    """The queue without the pictures of what may be at fault."""
    aside = set(suspects)
    return [
        entry.model_copy(update={"images": ()})
        if at in aside and isinstance(entry, MessageEvent) and entry.images
        else entry
        for at, entry in enumerate(whole)
    ]


def _with(whole: Sequence[Queued], places: Sequence[int]) -> list[Queued]:
    aside = set(places)
    return [_placeholder(entry) if at in aside else entry for at, entry in enumerate(whole)]


def _placeholder(entry: Queued) -> Queued:
    if isinstance(entry, MessageEvent):
        return entry.model_copy(update={"text": _SAID, "images": ()})
    if not isinstance(entry, Step):
        return entry.model_copy(update={"text": _DONE})
    calls = tuple(call.model_copy(update={"arguments": "{}"}) for call in entry.calls)
    results = tuple(result.model_copy(update={"text": _DONE}) for result in entry.results)
    text = "" if entry.calls else _DONE
    return entry.model_copy(update={"text": text, "calls": calls, "results": results})


def _name(entry: Queued) -> str:
    return f"a message of {entry.speaker}" if isinstance(entry, MessageEvent) else "a notice"


def _step(entry: Queued) -> Step:
    assert isinstance(entry, Step)
    return entry
