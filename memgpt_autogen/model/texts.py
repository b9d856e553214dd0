"""Named texts: personas, humans and presets, as files of the package and of the user's folder.

    <user's folder>/personas/ humans/ presets/      one text file each, NAME.txt

The user's folder is `platformdirs.user_config_dir("memgpt-autogen")`, or MEMGPT_AUTOGEN_HOME.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.directory import home, path_of
from memgpt_autogen.values import Brief

Kind = Literal["persona", "human", "preset"]

_NAME = re.compile(r"\w[\w-]{0,63}")
_SUFFIXES = (".txt", ".md")  # by which a name is told from a file's


@dataclass(frozen=True, repr=False)
class NamedText(Brief):
    """A text that is chosen by its name; `file` is None for one of the package."""

    name: str
    text: str
    file: Path | None = None

    @property
    def source(self) -> str:
        """Where it is from, for people."""
        return "package" if self.file is None else str(self.file)


def list_texts(kind: Kind) -> list[NamedText]:
    """All texts of a kind: the package's, then the user's, each by name."""
    return list(_texts(kind))


def find_text(kind: Kind, name: str) -> NamedText | None:
    """The text of a name; None where there is none."""
    return next((one for one in _texts(kind) if one.name == name), None)


def text_of(kind: Kind, given: str | Path) -> str:
    """The text that an argument stands for: a name, a file, or a text itself.

    A `Path`, and a single word that ends with .txt or .md, is a file. What is no name is a
    text; a preset's has at least two words.

    Raises:
        ConfigurationError: the file cannot be read, or there is no preset of the name.
    """
    if isinstance(given, Path) or _names_a_file(given):
        return _read(path_of(given, kind))
    found = find_text(kind, given)
    if found is not None:
        return found.text
    if kind == "preset" and len(given.split()) < 2:
        names = ", ".join(one.name for one in _texts(kind))
        raise ConfigurationError(
            f"there is no preset {given!r}; the presets are {names}. Or give a text, or a file"
            " that ends with .txt"
        )
    return given


def add_text(kind: Kind, name: str, text: str, *, replace: bool = False) -> Path:
    """Write a text into the user's folder, to be chosen by its name; the file.

    Raises:
        ConfigurationError: it is no name, it is taken, or the text is empty.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no name of a {kind}: take letters, digits, - and _, 64 at most."
        )
    if not text.strip():
        raise ConfigurationError(f"the {kind} {name!r} has no text: write what it says.")
    known = find_text(kind, name)
    if known is not None and (known.file is None or not replace):
        raise ConfigurationError(f"there is a {kind} {name!r} already ({known.source}).")
    file = _folder(kind) / f"{name}.txt"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text.strip()}\n", "utf-8")
    except OSError as problem:
        raise ConfigurationError(f"{file} cannot be written: {problem.strerror}.") from problem
    return file


def _texts(kind: Kind) -> Iterator[NamedText]:
    package = resources.files("memgpt_autogen") / "data" / f"{kind}s"
    for entry in sorted(package.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".txt"):
            yield NamedText(entry.name[:-4], entry.read_text(encoding="utf-8").strip())
    for file in sorted(_folder(kind).glob("*.txt")):
        yield NamedText(file.stem, _read(file), file)


def _folder(kind: Kind) -> Path:
    return home() / f"{kind}s"


def _names_a_file(given: str) -> bool:
    return given.endswith(_SUFFIXES) and len(given.split()) == 1


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is no text in UTF-8"
        raise ConfigurationError(f"{file} cannot be read: {why}.") from problem
