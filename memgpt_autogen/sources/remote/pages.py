"""Pages: web pages as documents of a source, asked for again only as far as they have changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from mimetypes import guess_extension
from pathlib import Path, PurePosixPath

from memgpt_autogen.sources.converter import Converters
from memgpt_autogen.sources.labels import Origin
from memgpt_autogen.sources.passages import SPLITTER_VERSION, Text
from memgpt_autogen.sources.readers import WEBPAGE, UnreadableError
from memgpt_autogen.sources.reading import Job, Reading, digest
from memgpt_autogen.sources.remote.addresses import without_secrets
from memgpt_autogen.sources.remote.fetch import Fetched, Limits, fetch

_HTML = {"text/html", "application/xhtml+xml"}
_SUFFIXES = {"text/markdown": ".md", "text/x-markdown": ".md", "text/xml": ".xml"}
_UNSAID = {"", "application/octet-stream", "binary/octet-stream"}


def page_job(
    url: str, known: Mapping[str, str], origins: Mapping[str, Origin], limits: Limits
) -> Job:
    """Fetches and reads a page, if it is other than when it was known."""
    label = without_secrets(url)
    return partial(_read_page, url, label, known.get(label, ""), origins.get(label), limits)


def _read_page(
    url: str, label: str, known: str, before: Origin | None, limits: Limits, using: Converters
) -> Reading:
    origin = Origin(path=label, named=True)
    is_split_alike = known.startswith(f"{SPLITTER_VERSION}:")
    try:
        page = fetch(url, before if is_split_alike else None, limits)
        if page.content is None:
            return Reading(label, before or origin, known)
        text = using.read(_named(page), _content(page))
    except UnreadableError as problem:
        return Reading(label, origin, reason=str(problem), is_gone=problem.is_empty)
    origin = Origin(path=label, named=True, version=page.version, modified=page.modified)
    found = _digest(text)
    if found == known:
        return Reading(label, origin, found)
    return Reading.of(label, origin, found, text)


def _named(page: Fetched) -> Path:
    """A name by which the page's format is known."""
    if page.kind in _HTML:
        return Path(f"page{WEBPAGE}")
    if page.kind in _UNSAID:
        suffix = PurePosixPath(page.path).suffix.lower()
        return Path(f"page{suffix or WEBPAGE}")
    suffix = _SUFFIXES.get(page.kind) or guess_extension(page.kind) or ""
    if not suffix and not page.kind.startswith("text/"):
        raise UnreadableError(f"it is {page.kind}, and nothing here reads that")
    return Path(f"page{suffix}")


def _content(page: Fetched) -> bytes:
    """The page; text that its server names the encoding of is UTF-8 now."""
    assert page.content is not None
    if page.charset and (page.kind.startswith("text/") or page.kind in _HTML):
        try:
            text = page.content.decode(page.charset).removeprefix("\ufeff")
            return text.encode("utf-8-sig", "replace")
        except (LookupError, UnicodeDecodeError):
            return page.content  # the server is wrong: the reader finds out
    return page.content


def _digest(text: Text) -> str:
    """Of what is read: what stands around it on a page changes at each visit."""
    return digest("\f".join((text.title, *text.pages)).encode("utf-8", "replace"))
