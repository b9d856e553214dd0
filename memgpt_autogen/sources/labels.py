"""Labels: what the files of a source are called, and which of them are no longer there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.sources.files import Document
from memgpt_autogen.values import Value


class Origin(Value):
    """Where a file of a source was loaded from; `named`: by its own name, not its folder's."""

    path: str
    named: bool = False


@dataclass(frozen=True)
class Labels:
    """The files of a source as they were loaded before, by label.

    Attributes:
        is_unchanged: whether a document holds what was loaded under its label.
    """

    origins: Mapping[str, Origin]
    is_unchanged: Callable[[Document], bool] = lambda document: False

    def of(self, documents: Sequence[Document]) -> list[Document]:
        """The documents, each under a label that no other file has.

        A file keeps the label that it has, also where its folder has moved. Where another file
        has the label, the name of the folder goes before.

        Raises:
            ConfigurationError: two files cannot be told apart even so.
        """
        known = {origin.path: label for label, origin in self.origins.items()}
        taken: dict[str, Path] = {}
        labelled = []
        for one in documents:
            label = known.get(str(one.path)) or self._free(one, taken)
            if taken.setdefault(label, one.path) != one.path:
                raise ConfigurationError(
                    f"two files are called {label!r}: load the folder that holds both, so that"
                    " their paths tell them apart."
                )
            labelled.append(replace(one, label=label))
        return list({one.label: one for one in labelled}.values())

    def gone(self, folders: Sequence[Path], documents: Sequence[Document]) -> list[str]:
        """Labels of files of these folders that are not among the documents in them now."""
        there = {one.label for one in documents}
        return [
            label
            for label, origin in self.origins.items()
            if label not in there
            and any(folder in Path(origin.path).parents for folder in folders)
            and not (origin.named and Path(origin.path).exists())
        ]

    def _free(self, document: Document, taken: Mapping[str, Path]) -> str:
        parts, label = document.path.parts, document.label
        outside = len(parts) - 1 - label.count("/") - 1  # the folder that the label begins in
        origin = self.origins.get(label)
        is_of_another = origin is not None and (
            Path(origin.path).exists() or not self.is_unchanged(document)
        )
        if is_of_another or taken.get(label, document.path) != document.path:
            return f"{parts[outside]}/{label}" if outside > 0 else label
        return label
