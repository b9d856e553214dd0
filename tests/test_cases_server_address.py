"""Each part of a Chroma server's address is used, or refused with how to write it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, Settings, load_source
from memgpt_autogen.errors import ConfigurationError, MemGPTError
from memgpt_autogen.storage.address import Server, is_server

IDENTITY = b'{"user_id": "", "tenant": "", "databases": []}'
AWAY = b'{"error": "InternalError", "message": "not today"}'
OTHERWISE = (
    b'{"nanosecond heartbeat": 1, "id": "12345678-1234-5678-1234-567812345678", "name": "",'
    b' "tenant": ""}'
)


class Recorder(BaseHTTPRequestHandler):
    """Answers just enough to be asked on; writes down what it was asked."""

    seen: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        self.seen.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
        body = IDENTITY if self.path.endswith("identity") else OTHERWISE
        body = AWAY if "collections" in self.path else body
        self.send_response(500 if body is AWAY else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Tests want no access log."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """`127.0.0.1:port`, and what was asked there."""
    seen: list[tuple[str, dict[str, str]]] = []
    handler = type("Handler", (Recorder,), {"seen": seen})
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"127.0.0.1:{running.server_port}", seen
    running.shutdown()
    running.server_close()
    thread.join()


def open_agent(memory: str | Path | Settings) -> None:
    """Make an agent and use it once: one without a model opens its memory only then."""
    agent = MemGPTAgent("mem", llm_config=False, memory=memory)
    agent.recall.append("Hello.", speaker="Dana")


def use(address: str) -> None:
    """Open an agent there; the recorder answers too little for it to get far."""
    with pytest.raises(MemGPTError) as problem:
        open_agent(address)
    assert not isinstance(problem.value, ConfigurationError), problem.value
    assert "secret" not in str(problem.value)


BASIC = "Basic " + base64.b64encode(b"dana:secret:1").decode()


@pytest.mark.parametrize(
    ("address", "header", "value"),
    [
        ("http://secret-token@{}", "x-chroma-token", "secret-token"),
        ("http://secret-token@{}/", "authorization", "Bearer secret-token"),
        ("HTTP://secret%2Btoken@{}", "x-chroma-token", "secret+token"),
        ("http://dana:secret%3A1@{}", "authorization", BASIC),
    ],
)
def test_credentials_reach_the_server(server: Any, address: str, header: str, value: str) -> None:
    place, seen = server
    use(address.format(place))
    assert len(seen) > 1 and all(headers.get(header) == value for _, headers in seen)


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("?tenant=acme", "/tenants/acme"),
        ("/?tenant=acme&database=notes", "/tenants/acme/databases/notes"),
        ("?database=notes", "/tenants/default_tenant/databases/notes"),
    ],
)
def test_tenant_and_database_reach_the_server(server: Any, query: str, part: str) -> None:
    place, seen = server
    use(f"http://{place}{query}")
    assert any(part in path for path, _ in seen)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://localhost", "http://localhost:8000"),
        ("https://chroma.example.com/", "https://chroma.example.com:443"),
        ("HTTP://LOCALHOST:9000", "http://localhost:9000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://dana:secret@host?tenant=a", "http://host:8000?tenant=a"),
        ("http://host?tenant=default_tenant", "http://host:8000"),
    ],
)
def test_what_is_shown_of_an_address(address: str, url: str) -> None:
    assert is_server(address)
    assert Server.at(address).url == url
    assert "secret" not in repr(Server.at(address))


REFUSED = [
    "localhost:8000",
    "127.0.0.1:8000",
    "localhost",
    "127.0.0.1",
    "[::1]:8000",
    "chroma.example.com:8000",
    "dana:secret@chroma.example.com:8000",
    "localhost:8000/?tenant=acme",
    "chroma://localhost:8000",
    "ftp://localhost:8000",
    "http:/localhost:8000",
    "http:localhost:8000",
    "http://",
    "http://:8000",
    "http://localhost:none",
    "http://localhost:0",
    "http://localhost:99999",
    "http://local host:8000",
    "http://@localhost:8000",
    "http://secret%20token@localhost:8000",
    "http://localhost:8000/api/v2",
    "http://localhost:8000/chroma/",
    "http://localhost:8000/#part",
    "http://localhost:8000?tenant=",
    "http://localhost:8000?tenant=a/b",
    "http://localhost:8000?tenants=acme",
    "http://localhost:8000?tenant=a&tenant=b",
    "http://localhost:8000?acme",
    "http://localhost:8000?token=secret",
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_has_no_place_in_an_address_is_refused(address: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigurationError, match="Write it like http://localhost:8000") as problem:
        open_agent(address)
    assert "secret@" not in str(problem.value)
    assert sorted(tmp_path.iterdir()) == before, "no folder of that name"


def test_every_door_refuses(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("The valve is behind the blue panel.")
    with pytest.raises(ConfigurationError, match="Write it like"):
        load_source("manual", page, memory="localhost:8000")
    with pytest.raises(ConfigurationError, match="Write it like"):
        open_agent(Settings(location="chroma://localhost"))
    with pytest.raises(ConfigurationError, match="Write it like"):
        open_agent(Path("http://localhost:8000"))


@pytest.mark.parametrize("address", ["file:///tmp/memory", "FILE://memory"])
def test_a_file_address_is_told_to_be_a_path(address: str) -> None:
    with pytest.raises(ConfigurationError, match="without file://"):
        open_agent(address)


@pytest.mark.parametrize(
    "location", [".memgpt", "./localhost:8000", "notes", "notes:old", "C:/memory", "a/b:80", "~/m"]
)
def test_directories_stay_directories(location: str) -> None:
    assert not is_server(location)
