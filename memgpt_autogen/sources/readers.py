"""Files as texts, and texts as passages."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.installation import extra
from memgpt_autogen.storage.directory import path_of

PASSAGE_CHARACTERS = 1000
OVERLAP_CHARACTERS = 150  # at the most, of a passage with the one before it
# Raise it with any change that makes other passages of the same file.
SPLITTER_VERSION = 1

TEXT_SUFFIXES = {
    *(".adoc", ".csv", ".json", ".log", ".markdown", ".md", ".org", ".rst"),
    *(".text", ".toml", ".tsv", ".txt", ".yaml", ".yml"),
}
CONVERTED_SUFFIXES = {
    *(".docx", ".epub", ".htm", ".html", ".ipynb", ".msg", ".pdf", ".pptx"),
    *(".xls", ".xlsx", ".xml"),
}

_BORDERS = (
    re.compile(r"\n\s*\n"),  # paragraphs
    re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]+"),  # sentences
    re.compile(r"\n"),
    re.compile(r"\s+"),
)


@dataclass(frozen=True)
class Document:
    """A file to load, and the label that its passages are tagged with."""

    path: Path
    label: str


def find_documents(paths: Sequence[str | Path]) -> tuple[list[Document], list[str]]:
    """The files that `paths` name, and what was passed over in folders.

    A file's label is its name; in a folder, its path from there. Hidden files and
    those of formats that nothing here reads are passed over.

    Raises:
        ConfigurationError: a path does not exist, two files have the same label, or there
            is nothing to load.
    """
    found: dict[str, Document] = {}
    skipped: list[str] = []
    for given in paths:
        path = path_of(given, "paths")
        if not path.exists():
            raise ConfigurationError(f"there is no file or folder {str(given)!r}.")
        for document in _below(path, skipped) if path.is_dir() else [Document(path, path.name)]:
            other = found.setdefault(document.label, document)
            if other.path.resolve() != document.path.resolve():
                raise ConfigurationError(
                    f"two files are called {document.label!r}: load the folder that holds both,"
                    " so that their paths tell them apart."
                )
    if not found:
        raise ConfigurationError(
            f"there is nothing to load in {', '.join(repr(str(path)) for path in paths) or '[]'}:"
            " name text files, Markdown files, or folders with such files."
        )
    return list(found.values()), skipped


def _below(folder: Path, skipped: list[str]) -> Iterator[Document]:
    for path in sorted(folder.rglob("*")):
        label = path.relative_to(folder).as_posix()
        if not path.is_file() or any(part.startswith(".") for part in Path(label).parts):
            continue
        if path.suffix.lower() in TEXT_SUFFIXES | CONVERTED_SUFFIXES:
            yield Document(path, label)
        else:
            skipped.append(label)


def read_document(path: Path) -> str:
    """A file's text: as it stands, or converted to Markdown by `markitdown`.

    Raises:
        ConfigurationError: it cannot be read, holds no text, or needs `markitdown`.
    """
    if path.suffix.lower() in CONVERTED_SUFFIXES:
        return _converted(path)
    try:
        return decoded(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise ConfigurationError(f"{path.name!r} cannot be read as text: {problem}.") from problem


def decoded(data: bytes) -> str:
    """The text that bytes hold: UTF-8, UTF-16 with its mark, else Windows' Latin.

    Raises:
        ValueError: they are no text.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    if b"\0" in data:
        raise ValueError("it holds binary data")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _converted(path: Path) -> str:
    try:
        from markitdown import MarkItDown  # the optional extra `documents`
    except ImportError as problem:
        raise ConfigurationError(
            f"{path.name!r} has a format that needs the package markitdown: {extra('documents')}"
        ) from problem
    try:
        return str(MarkItDown(enable_plugins=False).convert_local(str(path)).text_content)
    except Exception as problem:
        raise ConfigurationError(f"{path.name!r} cannot be converted: {problem}") from problem


def split(
    text: str, size: int = PASSAGE_CHARACTERS, overlap: int = OVERLAP_CHARACTERS
) -> list[str]:
    """A text as passages of at most `size` characters, each a part of it as it stands.

    They end at a paragraph where one ends in the second half of the passage, else at
    a sentence, a line, a word; each begins with up to `overlap` characters of the one
    before it, from a sentence or a word on.
    """
    text = text.replace("\r\n", "\n").strip()
    passages: list[str] = []
    start = 0
    while start < len(text):
        end = _end(text, start, size)
        passage = text[start:end].strip()
        if passage:
            passages.append(passage)
        if end >= len(text):
            break
        start = _next_start(text, end, min(overlap, (end - start) // 2))
    return passages


def _end(text: str, start: int, size: int) -> int:
    if len(text) - start <= size:
        return len(text)
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(text, start + size // 2, start + size)]
        if ends:
            return ends[-1]
    return start + size


def _next_start(text: str, end: int, overlap: int) -> int:
    for border in (_BORDERS[1], _BORDERS[3]):
        first = border.search(text, end - overlap, end)
        if first is not None and first.end() < end:
            return first.end()
    return end
