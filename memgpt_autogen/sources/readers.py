"""Readers: a file's text, by its format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

from memgpt_autogen.installation import extra
from memgpt_autogen.sources.encodings import decoded, is_utf8
from memgpt_autogen.sources.passages import Text

MOST_BYTES = 200_000_000  # of one file
TEXT_SUFFIXES = {
    *(".adoc", ".csv", ".json", ".log", ".markdown", ".md", ".org", ".rst"),
    *(".text", ".toml", ".tsv", ".txt", ".yaml", ".yml"),
}
CONVERTED_SUFFIXES = {
    *(".docx", ".epub", ".htm", ".html", ".ipynb", ".msg", ".pptx"),
    *(".xls", ".xlsx", ".xml"),
}
_HEAD = 8192  # bytes of a file of another format that tell whether it is text
_TITLE = re.compile(r"\s*#\s+(.+)")  # of Markdown
_PAGES = re.compile(r"\n*<!-- Slide number: \d+ -->\n*")  # of slides, as markitdown marks them
_MOST_TITLE = 120  # characters


class UnreadableError(Exception):
    """Why a file cannot be loaded, told beside its name; `is_empty`: it holds nothing now."""

    def __init__(self, reason: str, *, is_empty: bool = False) -> None:
        super().__init__(reason)
        self.is_empty = is_empty


def read_document(path: Path, data: bytes) -> Text:
    """The text of a file that holds `data`.

    Raises:
        UnreadableError: it cannot be read, holds no text, or needs a package.
    """
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"it is larger than {MOST_BYTES // 10**6} MB")
    if not data:
        raise UnreadableError("it is empty", is_empty=True)
    suffix = path.suffix.lower()
    try:
        text = _reader(suffix, data)(path, data)
    except UnreadableError:
        raise
    except ImportError as problem:
        raise UnreadableError(f"to read {suffix} files: {extra('documents')}") from problem
    except Exception as problem:  # whatever a format's reader raises at a broken file
        raise UnreadableError(_reason(problem)) from problem
    if text.is_empty:
        if suffix == ".pdf":
            raise UnreadableError("it has pages but no text: is it a scan?")
        raise UnreadableError("it holds no text", is_empty=True)
    return text


def _reader(suffix: str, data: bytes) -> Callable[[Path, bytes], Text]:
    reader = _READERS.get(suffix)
    if reader is None and not is_utf8(data[:_HEAD]):  # `.py`, `Makefile`, … and pictures
        raise UnreadableError(f"it is no text, and nothing here reads {suffix or 'such'} files")
    return reader or _plain


def _plain(path: Path, data: bytes) -> Text:
    try:
        text = decoded(data)
    except ValueError as problem:
        raise UnreadableError(str(problem)) from problem
    title = _TITLE.match(text) if path.suffix.lower() in {".md", ".markdown"} else None
    return Text((text,), _title(title[1] if title else ""))


def _converted(path: Path, data: bytes) -> Text:
    from markitdown import MarkItDown  # the optional extra `documents`

    if path.suffix.lower() in {".htm", ".html", ".xml"}:
        decoded(data)  # binary data is refused, whatever its name
    found = MarkItDown(enable_plugins=False).convert_local(str(path))
    text = str(found.text_content)
    pages = [page for page in _PAGES.split(text) if page.strip()]
    return Text(tuple(pages) if _PAGES.search(text) else (text,), _title(found.title or ""))


def _pdf(_: Path, data: bytes) -> Text:
    from pdfminer.high_level import extract_text  # comes with the extra `documents`
    from pdfminer.pdfdocument import PDFDocument, PDFPasswordIncorrect
    from pdfminer.pdfparser import PDFParser

    try:
        about = PDFDocument(PDFParser(BytesIO(data))).info
    except PDFPasswordIncorrect as problem:
        raise UnreadableError("it needs a password") from problem
    pages = extract_text(BytesIO(data)).split("\f")
    titles = [_pdf_text(one.get("Title")) for one in about]
    return Text(tuple(pages[:-1] or pages), _title(next(filter(None, titles), "")))


def _pdf_text(value: Any) -> str:
    if not isinstance(value, bytes):
        return ""
    return value.decode("utf-16" if value[:2] in {b"\xfe\xff", b"\xff\xfe"} else "latin-1")


def _mail(_: Path, data: bytes) -> Text:
    mail = message_from_bytes(data, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    heads = [f"{name}: {mail[name]}" for name in ("From", "To", "Date", "Subject") if mail[name]]
    body = mail.get_body(("plain", "html"))
    text = "" if body is None else str(body.get_content())
    if body is not None and body.get_content_subtype() == "html":
        text = re.sub(r"<[^>]+>", " ", text)
    if not text.strip():
        raise UnreadableError("it is a mail without text")
    files = [f"Attached: {one.get_filename()}" for one in mail.iter_attachments()]
    return Text(
        ("\n".join([*heads, "", text.strip(), *files]),), _title(str(mail["Subject"] or ""))
    )


_READERS: Mapping[str, Callable[[Path, bytes], Text]] = {
    **dict.fromkeys(TEXT_SUFFIXES, _plain),
    **dict.fromkeys(CONVERTED_SUFFIXES, _converted),
    ".pdf": _pdf,
    ".eml": _mail,
}


def _title(text: str) -> str:
    """A title in one line that is not too long; of what holds no letter, none."""
    line = " ".join(text.split())[:_MOST_TITLE]
    return line if any(one.isalnum() for one in line) else ""


def _reason(problem: Exception) -> str:
    """What is wrong, in a line; a reader's own words may be many."""
    line = (str(problem).strip().splitlines() or [""])[0][:200]
    return f"it cannot be read ({type(problem).__name__}{': ' if line else ''}{line})"
