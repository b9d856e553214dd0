"""Labels: what the files of a source are called, and which of them are no longer there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.sources.files import Document, Found, printable
from memgpt_autogen.values import Value


class Origin(Value):
    """Where a document of a source was loaded from.

    Attributes:
        path: of a file, or the address of a page or a database, without secrets.
        named: it was given by its own name, not its folder's.
        version: what the place itself calls its content: a page's ETag, a query's digest.
        modified: when a page's server says that it has changed last.
    """

    path: str
    named: bool = False
    version: str = ""
    modified: str = ""


@dataclass(frozen=True)
class Labels:
    """The files of a source as they were loaded before, by label.

    Attributes:
        found: the files that are to be loaded.
        is_unchanged: whether a document holds what was loaded under its label.
    """

    origins: Mapping[str, Origin]
    found: Found
    is_unchanged: Callable[[Document], bool] = lambda document: False

    def documents(self) -> list[Document]:
        """The files, each under a label that no other file has.

        A file keeps the label that it has, also where its folder has moved. Where another file
        has the label, the name of the folder goes before.

        Raises:
            ConfigurationError: two files cannot be told apart even so.
        """
        known = {origin.path: label for label, origin in self.origins.items()}
        taken: dict[str, Path] = {}
        labelled = []
        for one in self.found.documents:
            label = known.get(printable(one.path)) or self._free(one, taken)
            if taken.setdefault(label, one.path) != one.path:
                raise ConfigurationError(
                    f"two files are called {label!r}: load the folder that holds both, so that"
                    " their paths tell them apart."
                )
            labelled.append(replace(one, label=label))
        return list({one.label: one for one in labelled}.values())

    def gone(self, documents: Sequence[Document]) -> list[str]:
        """Labels of files of these folders that are not among the documents in them now."""
        there = {one.label for one in documents}
        folders = {*map(printable, self.found.folders), *self._moved}
        closed = {printable(path) for path in self.found.closed}
        return [
            label
            for label, origin in self.origins.items()
            if label not in there
            and (above := {str(one) for one in Path(origin.path).parents})
            and above & folders
            and not above & closed
            and not (origin.named and Path(origin.path).exists())
        ]

    @cached_property
    def _moved(self) -> set[str]:
        """Folders that are gone, half of whose files at least stand unchanged in one of these."""
        stand: Counter[str] = Counter()
        for one in self.found.documents:
            folder = self._folder(one)
            if folder is not None and not Path(folder).exists() and self.is_unchanged(one):
                stand[folder] += 1
        return {
            folder
            for folder, count in stand.items()
            if 2 * count >= sum(one.path.startswith(f"{folder}/") for one in self.origins.values())
        }

    def _folder(self, document: Document) -> str | None:
        """The folder that the file under a document's label was loaded from; None: not so."""
        origin = self.origins.get(document.label)
        end = f"/{document.label}"
        if origin is None or document.named or origin.named or not origin.path.endswith(end):
            return None
        folder = origin.path.removesuffix(end)
        return None if printable(document.path) == origin.path else folder

    def _free(self, document: Document, taken: Mapping[str, Path]) -> str:
        parts, label = document.path.parts, document.label
        outside = len(parts) - 1 - label.count("/") - 1  # the folder that the label begins in
        origin = self.origins.get(label)
        is_of_another = origin is not None and (
            Path(origin.path).exists()
            or not (self._folder(document) in self._moved or self.is_unchanged(document))
        )
        if is_of_another or taken.get(label, document.path) != document.path:
            return f"{printable(parts[outside])}/{label}" if outside > 0 else label
        return label
