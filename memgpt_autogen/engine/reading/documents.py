"""Documents: those of the attached sources, by name, and their passages in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from memgpt_autogen.errors import ModelMistake
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.sources.passages import SPLITTER_VERSION
from memgpt_autogen.storage.journal.state import StateTable
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.text import clean

_NAMED = 20  # documents named to a model that asked for an unknown one


@dataclass(frozen=True)
class Document:
    """A document of a source that is attached.

    Attributes:
        label: its name in the source.
        is_joined: its passages, joined, are its text; of a source that an earlier version
            loaded they overlap.
    """

    storage: ArchivalStorage
    label: str
    is_joined: bool

    @property
    def name(self) -> str:
        """Its source and its label, as they stand before what is found in it."""
        return f"{self.storage.source}: {self.label}"

    def passages(self, origins: Sequence[str] | None) -> list[Record]:
        """Its passages in order, those of them that the model may see."""
        table, tag = self.storage.records.table, clean(self.label)
        where = Where(tags=(tag,), origins=None if origins is None else tuple(origins))
        found = table.get(table.numbers(where))
        return [record for _, record in sorted(found.items()) if record.tags[0] == tag]


def has_documents(archival: ArchivalStorage) -> bool:
    """Whether an attached source holds any document."""
    return any(_state(one).has_values for one in archival.everywhere()[1:])


def documents_in(archival: ArchivalStorage) -> list[Document]:
    """The documents of all attached sources."""
    return [
        Document(one, label, digest.startswith(f"{SPLITTER_VERSION}:"))
        for one in archival.everywhere()[1:]
        for label, digest in sorted(_state(one).values().items())
    ]


def named(documents: Sequence[Document], name: str) -> Document:
    """The document that the model means: by its name as it was shown, or a part of it.

    Raises:
        ModelMistake: there is none, or several; it names those, or some that are near.
    """
    asked = name.strip().casefold()
    ways = (
        [one for one in documents if asked in (one.name.casefold(), one.label.casefold())],
        [one for one in documents if asked == PurePosixPath(one.label).name.casefold()],
        [one for one in documents if asked == str(one.storage.source).casefold()],
        [one for one in documents if one.name.casefold() in asked],  # with its title and place
    )
    found = next(filter(None, ways), [])
    if len(found) == 1:
        return found[0]
    if not documents:
        raise ModelMistake("no documents are attached.")
    if found:
        raise ModelMistake(f"{name!r} names several documents: {_list(found, asked)}.")
    raise ModelMistake(f"there is no document {name!r}. There are: {_list(documents, asked)}.")


def _list(documents: Sequence[Document], asked: str) -> str:
    """Names of documents, the nearest first."""
    names = [one.name for one in documents]
    near = get_close_matches(asked, names, _NAMED, 0.4)
    shown = list(dict.fromkeys([*near, *names]))[:_NAMED]
    more = f"; and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return "; ".join(" ".join(one.split()) for one in shown) + more


def _state(storage: ArchivalStorage) -> StateTable:
    return StateTable(storage.records.table.journal)
