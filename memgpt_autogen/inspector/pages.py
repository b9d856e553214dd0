"""Pages: what a browser asks, and what it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from memgpt_autogen.errors import (
    ConfigurationError,
    ConflictError,
    DirectoryLockedError,
    MemGPTError,
)
from memgpt_autogen.inspector.access import Access
from memgpt_autogen.inspector.text import SHOWN, diff, shown
from memgpt_autogen.upkeep.reading.memory import AgentMemory
from memgpt_autogen.zones import stamp

_FORM_BYTES = 4_000_000
_FIELDS = 20


@dataclass(frozen=True)
class Asked:
    """What a browser asks: the address's query, and the form's fields where one was sent."""

    query: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A field of the form or the query; empty for none."""
        return self.form.get(name) or self.query.get(name) or ""

    def number(self, name: str, usual: int, least: int = 0, most: int = 10**9) -> int:
        """A whole number, within bounds.

        Raises:
            ConfigurationError: it is none.
        """
        text = self.get(name).strip()
        if not text:
            return usual
        if not (text.isascii() and text.isdigit() and least <= int(text[:19]) <= most):
            raise ConfigurationError(f"{name}={text!r}: give a number from {least:,} to {most:,}.")
        return int(text)


@dataclass(frozen=True)
class Page:
    """A template with its values."""

    template: str
    values: Mapping[str, Any]
    status: int = 200


@dataclass(frozen=True)
class Elsewhere:
    """Where a browser goes on after a change."""

    address: str


View = Callable[[Access, Asked], Page | Elsewhere]


def about(memory: AgentMemory, tab: str) -> dict[str, Any]:
    """What each page of an agent shows of it."""
    return {"agent": memory.name, "owner": memory.owner, "tab": tab}


def endpoint(access: Access, view: View) -> Callable[[Request], Any]:
    """Answers requests by a view, which runs in a thread, as memories are read there."""

    async def answer(request: Request) -> Response:
        try:
            form = await _form(request) if request.method == "POST" else {}
            asked = Asked(dict(request.query_params), form)
            page = await run_in_threadpool(view, access, asked)
        except MemGPTError as problem:
            page = Page("problem.html", {"problem": str(problem)}, status_of(problem))
        if isinstance(page, Elsewhere):
            return RedirectResponse(page.address, 303)
        text = await run_in_threadpool(_render, page)
        return HTMLResponse(text, page.status)

    return answer


def status_of(problem: MemGPTError) -> int:
    """The HTTP status that says what kind of problem it is."""
    if isinstance(problem, ConflictError | DirectoryLockedError):
        return 409
    return 422 if isinstance(problem, ConfigurationError) else 500


def link(page: str, /, **query: object) -> str:
    """A relative address; what is empty or None is left out. All pages lie in one folder."""
    kept = {name: str(value) for name, value in query.items() if value not in (None, "")}
    return f"{page}?{urlencode(kept)}" if kept else page


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, with line breaks as memories keep them.

    Raises:
        ConfigurationError: it is too large.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            raise ConfigurationError(f"more than {_FORM_BYTES:,} bytes were sent.")
    try:
        fields = parse_qsl(bytes(body).decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as problem:
        raise ConfigurationError(f"what was sent is no form: {problem}.") from problem
    return {name: value.replace("\r\n", "\n") for name, value in fields}


def _render(page: Page) -> str:
    return _TEMPLATES.get_template(page.template).render(page.values)


def _moment(when: datetime | None) -> str:
    return stamp(when.astimezone()) if when else "never"


def _count(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


_TEMPLATES = Environment(
    loader=PackageLoader("memgpt_autogen.inspector"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(shown=shown, moment=_moment)
_TEMPLATES.globals.update(link=link, diff=diff, count=_count, SHOWN=SHOWN, agent=None, tab="")
