"""Files: which of the paths that a user names are to be loaded, and under which labels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.directory import path_of

_IGNORE = ".gitignore"
# What no line of text can hold: control characters, and bytes of a name that are no UTF-8.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Document:
    """A file to load.

    Attributes:
        label: what its passages are tagged with: its name, or its path in the folder.
        named: it was named itself, not found in a folder.
    """

    path: Path
    label: str
    named: bool = False


@dataclass
class Found:
    """What paths come to.

    Attributes:
        folders: those that were looked through.
        closed: folders in them that could not be, each with the reason.
    """

    documents: list[Document] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    closed: dict[Path, str] = field(default_factory=dict)


def find_documents(paths: Sequence[str | Path], ignore: Sequence[str] = ()) -> Found:
    """The files that `paths` name or hold.

    Hidden files, what a `.gitignore` in a folder names, and what `ignore` names (the same
    patterns, from each folder) are passed over.

    Raises:
        ConfigurationError: a path does not exist.
    """
    found = Found()
    for given in paths:
        path = path_of(given, "paths")
        if not os.path.exists(path):  # noqa: PTH110 - Path's raises where one may not look
            raise ConfigurationError(f"there is no file or folder {str(given)!r}.")
        path = path.resolve()
        if path.is_dir():
            found.folders.append(path)
            found.documents += [
                Document(one, printable(one.relative_to(path).as_posix()))
                for one in sorted(_below(path, ignore, found.closed))
            ]
        else:
            found.documents.append(Document(path, printable(path.name), named=True))
    return found


def printable(path: str | Path) -> str:
    """A path in one line: what cannot be printed is escaped."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(path))


def _below(folder: Path, ignore: Sequence[str], closed: dict[Path, str]) -> Iterator[Path]:
    def shut(problem: OSError) -> None:
        closed[Path(problem.filename)] = problem.strerror or str(problem)

    specs = {folder: GitIgnoreSpec.from_lines([*_ignored(folder), *ignore])}
    for parent, folders, names in os.walk(folder, onerror=shut):
        here = Path(parent)
        if here not in specs and (lines := _ignored(here)):
            specs[here] = GitIgnoreSpec.from_lines(lines)
        folders[:] = (one for one in folders if not _is_out(here / one, specs, "/"))
        yield from (here / name for name in names if not _is_out(here / name, specs))


def _is_out(path: Path, specs: dict[Path, GitIgnoreSpec], end: str = "") -> bool:
    """Whether a file, or a folder with `end`, is hidden or ignored; the nearest word counts."""
    if path.name.startswith("."):
        return True
    for parent in path.parents:
        if parent in specs:
            said = specs[parent].check_file(path.relative_to(parent).as_posix() + end).include
            if said is not None:
                return said
    return False


def _ignored(folder: Path) -> list[str]:
    try:
        return (folder / _IGNORE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
