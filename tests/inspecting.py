"""The inspector in this process, as a browser asks it."""

from __future__ import annotations

import re
from contextlib import closing
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.testclient import TestClient

from memgpt_autogen.cli.commands import inspecting
from memgpt_autogen.inspector.access import Access
from memgpt_autogen.inspector.app import make_app
from memgpt_autogen.inspector.guard import Guard

PORT = 8321
ORIGIN = f"http://127.0.0.1:{PORT}"


def access_to(place: str | Path = ".memgpt") -> Access:
    """As the command makes it."""
    return inspecting.access_to(str(Path(place).resolve()), "gpt-4o-mini", 8192)


class Shown(HTMLParser):
    """A page: its text as a person reads it, its elements, its links."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.status, self.html = answer.status_code, answer.text
        self.address, self.headers = str(answer.url), answer.headers
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(answer.text)
        self.text = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def link(self, rel: str) -> str | None:
        """Where the pager leads."""
        found = [about["href"] for tag, about in self.elements if about.get("rel") == rel]
        return found[0] if found else None

    @property
    def ids(self) -> list[str]:
        """The records in their order."""
        return [str(about["id"]) for tag, about in self.elements if about.get("class") == "record"]


class Window:
    """Asks for pages, and sends forms as the pages' own do."""

    def __init__(self, place: str | Path = ".memgpt") -> None:
        self.access = access_to(place)
        self.guard = Guard(make_app(self.access), PORT)
        self.client = TestClient(self.guard, base_url=ORIGIN)

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        with closing(self.access):
            self.client.close()

    def get(self, page: str, **query: object) -> Shown:
        address = f"{self.guard.address}{page}" + (f"?{urlencode(query)}" if query else "")
        return Shown(self.client.get(address, headers={"Sec-Fetch-Site": "same-origin"}))

    def post(self, page: str, **fields: object) -> Shown:
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}  # as Chromium does
        data = {name: str(value) for name, value in fields.items()}
        return Shown(self.client.post(f"{self.guard.address}{page}", data=data, headers=headers))
