"""Readers: a file's text, by its format."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from memgpt_autogen.installation import extra
from memgpt_autogen.sources.encodings import declared_in, decoded, is_utf8
from memgpt_autogen.sources.passages import Text

MOST_BYTES = 200_000_000  # of one file, also unpacked
WEBPAGE = ".webpage"  # HTML of which the main text is wanted, not all of it
TEXT_SUFFIXES = {
    *(".adoc", ".csv", ".json", ".log", ".markdown", ".md", ".org", ".rst"),
    *(".text", ".toml", ".tsv", ".txt", ".yaml", ".yml"),
}
_PACKED = {".docx", ".epub", ".pptx", ".xlsx"}  # are zip files
_MARKUP = {".htm", ".html", ".xml"}
CONVERTED_SUFFIXES = {*_PACKED, *_MARKUP, ".ipynb", ".msg", ".xls"}
_HEAD = 8192  # bytes of a file of another format that tell whether it is text
_TITLE = re.compile(r"\s*#\s+(.+)")  # of Markdown
_SLIDES = re.compile(r"\n*<!-- Slide number: \d+ -->\n*")  # as markitdown marks them
_MARKS = re.compile(r"(?is)<(head|style|script)\b.*?</\1>|<[^>]+>")  # of HTML, in a mail
_WHOLE = re.compile(r"<(html|body)\b", re.IGNORECASE)
_MOST_TITLE = 120  # characters
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # what Office puts a password's file into


class UnreadableError(Exception):
    """Why a file cannot be loaded, told beside its name; `is_empty`: it holds nothing now."""

    def __init__(self, reason: str, *, is_empty: bool = False) -> None:
        super().__init__(reason)
        self.is_empty = is_empty


def too_large(what: str = "it is") -> UnreadableError:
    """Why a file of more than `MOST_BYTES` cannot be loaded."""
    return UnreadableError(f"{what} larger than {MOST_BYTES // 10**6} MB")


def read_document(path: Path, data: bytes) -> Text:
    """The text of a file that holds `data`.

    Raises:
        UnreadableError: it cannot be read, holds no text, or needs a package.
    """
    if len(data) > MOST_BYTES:
        raise too_large()
    if not data:
        raise UnreadableError("it is empty", is_empty=True)
    suffix = path.suffix.lower()
    if missing(path):
        kind = "web pages" if suffix == WEBPAGE else f"{suffix} files"
        raise UnreadableError(f"to read {kind}: {extra('documents')}")
    try:
        text = _reader(suffix, data)(path, data)
    except UnreadableError:
        raise
    except Exception as problem:  # whatever a format's reader raises at a broken file
        raise UnreadableError(_reason(problem)) from problem
    if text.is_empty:
        if suffix == ".pdf":
            raise UnreadableError("it has pages but no text: is it a scan?")
        raise UnreadableError("it holds no text", is_empty=True)
    return text


def needs_converting(path: Path) -> bool:
    """Whether a file's format is read by a package that takes time."""
    return path.suffix.lower() in _PACKAGES


def missing(path: Path) -> bool:
    """Whether a file's format needs a package that is not installed."""
    package = _PACKAGES.get(path.suffix.lower())
    try:
        return package is not None and find_spec(package) is None
    except ImportError:  # of the package that it is a part of
        return True


def _reader(suffix: str, data: bytes) -> Callable[[Path, bytes], Text]:
    reader = _READERS.get(suffix)
    if reader is None and not is_utf8(data[:_HEAD]):  # `.py`, `Makefile`, … and pictures
        raise UnreadableError(f"it is no text, and nothing here reads {suffix or 'such'} files")
    return reader or _plain


def _plain(path: Path, data: bytes) -> Text:
    text = _text(data)
    title = _TITLE.match(text) if path.suffix.lower() in {".md", ".markdown"} else None
    return Text((text,), _title(title[1] if title else ""))


def _text(data: bytes, declared: str = "") -> str:
    try:
        return decoded(data, declared)
    except ValueError as problem:
        raise UnreadableError(str(problem)) from problem


def _converted(path: Path, data: bytes) -> Text:
    from markitdown import StreamInfo  # the optional extra `documents`

    suffix, charset = path.suffix.lower(), None
    if suffix in _PACKED:
        _check_packed(data)
    elif suffix in _MARKUP:
        data, charset = _text(data, declared_in(data)).encode("utf-8", "replace"), "utf-8"
    about = StreamInfo(extension=suffix, filename=path.name, charset=charset)
    found = _markitdown().convert_stream(BytesIO(data), stream_info=about)
    text, title = str(found.text_content), _title(found.title or "")
    if suffix != ".pptx":
        return Text((text,), title)
    return Text(tuple(_SLIDES.split(text)[1:]), title, "slide")


@cache
def _markitdown() -> Any:
    from markitdown import MarkItDown  # the optional extra `documents`

    return MarkItDown(enable_plugins=False)


def _check_packed(data: bytes) -> None:
    """See that a zip file is one, and does not unpack to more than can be read."""
    if _ENCRYPTED in data:
        raise UnreadableError("it needs a password")
    with ZipFile(BytesIO(data)) as packed:
        parts = packed.infolist()
    if any(one.flag_bits & 1 for one in parts):
        raise UnreadableError("it needs a password")
    if sum(one.file_size for one in parts) > MOST_BYTES:  # zipfile unpacks no more than it says
        raise too_large("unpacked it is")


def _webpage(_: Path, data: bytes) -> Text:
    import trafilatura  # the optional extra `documents`

    page = _text(data, declared_in(data))
    if not _WHOLE.search(page):  # a part of a page is taken for none
        page = f"<html><body>{page}</body></html>"
    text = trafilatura.extract(
        page, output_format="markdown", include_comments=False, include_formatting=True
    )
    about = trafilatura.extract_metadata(page)
    return Text((text or trafilatura.html2txt(page),), _title(str(about.title or "")))


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
    text = "" if body is None else _mail_text(body)
    if body is not None and body.get_content_subtype() == "html":
        text = html.unescape(_MARKS.sub(" ", text))
    if not text.strip():
        raise UnreadableError("it is a mail without text")
    files = [f"Attached: {one.get_filename()}" for one in mail.iter_attachments()]
    return Text(
        ("\n".join([*heads, "", text.strip(), *files]),), _title(str(mail["Subject"] or ""))
    )


def _mail_text(body: Any) -> str:
    try:
        return str(body.get_content())
    except LookupError:  # an encoding that there is not
        return decoded(body.get_payload(decode=True))


_READERS: Mapping[str, Callable[[Path, bytes], Text]] = {
    **dict.fromkeys(TEXT_SUFFIXES, _plain),
    **dict.fromkeys(CONVERTED_SUFFIXES, _converted),
    ".pdf": _pdf,
    ".eml": _mail,
    WEBPAGE: _webpage,
}
_PACKAGES: Mapping[str, str] = {
    **dict.fromkeys(CONVERTED_SUFFIXES, "markitdown"),
    ".pdf": "pdfminer.high_level",
    WEBPAGE: "trafilatura",
}


def _title(text: str) -> str:
    """A title in one line that is not too long; of what holds no letter, none."""
    line = " ".join(text.split())[:_MOST_TITLE]
    return line if any(one.isalnum() for one in line) else ""


def _reason(problem: Exception) -> str:
    """What is wrong, in a line; a reader's own words may be many."""
    line = (str(problem).strip().splitlines() or [""])[0][:200]
    return f"it cannot be read ({type(problem).__name__}{': ' if line else ''}{line})"
