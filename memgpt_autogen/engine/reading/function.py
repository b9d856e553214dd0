"""The function by which the model opens a document and pages through it."""

from __future__ import annotations

from pydantic import Field

from memgpt_autogen import frames
from memgpt_autogen.engine.functions import Chainable, Function, Workspace
from memgpt_autogen.engine.reading.documents import documents_in, named
from memgpt_autogen.engine.reading.pages import Pages, is_place
from memgpt_autogen.errors import ModelMistake

_MOST = 24_000  # characters at once, however large the window is
_HEAD = 240  # characters of the line above the text


class OpenDocument(Chainable):
    name: str = Field(description="as found, with its source where two have it")
    page: int = Field(default=1, ge=1, description="from 1")
    part: int = Field(default=0, ge=0, description="as found")


def _open(work: Workspace, arguments: OpenDocument) -> str:
    document = named(documents_in(work.archival), arguments.name)
    passages = document.passages(work.origins)
    if not passages:
        raise ModelMistake(f"{document.name!r} holds nothing that you may read.")
    places = [one.tags[-1] if is_place(one.tags[-1]) else "" for one in passages]
    room = min(work.shown, _MOST) - _HEAD
    pages = Pages.of([(one.text, at) for one, at in zip(passages, places, strict=True)], room)
    between = "" if document.is_joined else "\n"
    extract = pages.extract(arguments.page, arguments.part, between)
    tags = [tag for tag in passages[0].tags if not is_place(tag)]
    about = frames.clip(frames.label(": ".join([str(document.storage.source), *tags])), _HEAD // 2)
    further = f"; {extract.further} goes on" if extract.further else ""
    return frames.below(f"{about} {extract.where}{further}:\n{extract.text}")


OPEN_DOCUMENT: Function[OpenDocument] = Function(
    "open_document", "Read a document page by page.", OpenDocument, _open
)
"""Offered where a document is attached."""
