"""Web pages: fetched within bounds, read as their main text, and not from private addresses."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import ConfigurationError, load_source
from memgpt_autogen.sources.load import LoadedSource
from memgpt_autogen.sources.readers import UnreadableError
from memgpt_autogen.sources.remote import addresses
from memgpt_autogen.sources.remote.addresses import is_public, without_secrets
from memgpt_autogen.sources.remote.fetch import Fetched, Limits, fetch
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from tests.files import files_with

NOON = datetime(2026, 5, 8, 12, 0, tzinfo=timezone.utc)
Answer = Callable[["Handler"], None]
PAGE = """<html><head><title>The pump</title></head><body><nav><a href="/">Home</a></nav><article>
<h1>The pump</h1><p>The pump starts at eight in the morning, and stops at noon on every day of
the week but Sunday.</p><p>It needs 24 volts and no more, else the fuse goes.</p></article>
<footer>visit %s</footer></body></html>"""


class Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        self.server.asked.append(self)
        answer = self.server.pages.get(self.path)
        if answer is None:
            self.give(b"", 404)
        else:
            answer(self)

    def give(self, body: bytes, status: int = 200, /, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Site(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, Answer] = {}
        self.asked: list[Handler] = []
        self.place = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """A client that leaves early is no fault."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as served:
        threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
        yield served
        served.shutdown()


def load(urls: Any, memory: Path, **kwargs: Any) -> LoadedSource:
    kwargs = {"allow_private": True, **kwargs}
    return load_source(
        "web", urls, memory=memory, embedder=HashingEmbedder(), clock=lambda: NOON, **kwargs
    )


def given(body: bytes, **headers: str) -> Answer:
    return lambda handler: handler.give(body, 200, **headers)


def got(site: Site, path: str, **limits: Any) -> Fetched:
    return fetch(site.place + path, None, Limits(allow_private=True, **limits))


# --- loading -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_page_is_loaded_again_only_as_far_as_it_has_changed(site: Site, tmp_path: Path) -> None:
    visits = iter(range(9))

    def page(handler: Handler) -> None:  # says no version, and is another one at each visit
        handler.give((PAGE % next(visits)).encode(), Content_Type="text/html; charset=utf-8")

    def note(handler: Handler) -> None:
        if handler.headers["If-None-Match"] == '"1"':
            handler.give(b"", 304)
        else:
            handler.give("# Grüße\n\nOtters.".encode(), Content_Type="text/markdown", ETag='"1"')

    site.pages |= {"/pump?id=7&token=hunter2": page, "/note": note}
    urls = [f"{site.place}/pump?id=7&token=hunter2", f"{site.place}/note"]
    first = load(urls, tmp_path / "m")
    labels = (f"{site.place}/pump?id=7&token=…", f"{site.place}/note")
    assert (first.loaded, first.passages) == (labels, 2)
    assert load(urls, tmp_path / "m").unchanged == labels
    assert files_with(tmp_path / "m", "hunter2", "visit 0", "Home") == []
    assert files_with(tmp_path / "m", "The pump starts at eight", "Grüße") != []
    site.pages["/pump?id=7&token=hunter2"] = given(b"<p>Off.</p>", Content_Type="text/html")
    del site.pages["/note"]
    again = load(urls, tmp_path / "m")
    assert (again.loaded, again.removed, again.passages) == (labels[:1], labels[1:], 1)
    assert [one.reason for one in again.skipped] == ["the server answers 404 Not Found"]


def test_what_cannot_be_a_page_is_refused_and_no_password_is_told(
    site: Site, tmp_path: Path
) -> None:
    for url in ("http://ann:hunter2@example.org/", "https://hunter2@example.org/x"):
        with pytest.raises(ConfigurationError, match="user or a password") as problem:
            load(url, tmp_path / "m")
        assert "hunter2" not in str(problem.value)
    with pytest.raises(ConfigurationError, match="no file or folder"):
        load("ftp://example.org/x", tmp_path / "m")
    with pytest.raises(ConfigurationError, match="two secrets"):
        load([f"{site.place}/?token=a", f"{site.place}/?token=b"], tmp_path / "m")
    with pytest.raises(ConfigurationError, match="404 Not Found"):
        load(f"{site.place}/nowhere", tmp_path / "m")
    site.pages["/picture"] = given(b"\x89PNG", Content_Type="image/png")
    with pytest.raises(ConfigurationError, match=r"nothing here reads \.png files"):
        load(f"{site.place}/picture", tmp_path / "m")
    assert not (tmp_path / "m" / "sources").exists()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("HTTPS://Example.org#part", "https://example.org/"),
        ("http://a.org/w?title=Pump&lang=de", "http://a.org/w?title=Pump&lang=de"),
        ("http://a.org/?api_key=1&X-Amz-Signature=2", "http://a.org/?api_key=…&X-Amz-Signature=…"),
        ("http://a.org/?sessionToken=1&design=oak", "http://a.org/?sessionToken=…&design=oak"),
        ("http://a.org/?q=0123456789abcdef0123456789", "http://a.org/?q=…f4d53320"),
        ("http://u:p@a.org/", "http://a.org/"),
    ],
)
def test_secrets_in_addresses_are_not_shown(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


# --- private addresses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1"),
        *("239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1%eth0"),
        *("fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::127.0.0.1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:db8::1"),
        "2001:0:1::1",
    ],
)
def test_private_addresses_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
)
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_private_address_is_not_connected_to(host: str, site: Site) -> None:
    with pytest.raises(UnreadableError, match=r"private address .*allow_private=True"):
        fetch(f"http://{host}:{site.server_port}/", None, Limits(seconds=5))
    assert site.asked == []


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 127.0.0.1 were in the public internet, and the rest of this machine were not."""
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")


def test_a_redirect_is_checked_as_the_first_address(site: Site, public: None) -> None:
    other = f"http://127.0.0.2:{site.server_port}/secret"
    for path, to in {"/a": other, "/b": "http://x:hunter2@127.0.0.1/", "/c": "file:///etc"}.items():
        site.pages[path] = lambda handler, to=to: handler.give(b"", 302, Location=to)  # type: ignore[misc]
    site.pages["/d"] = lambda handler: handler.give(b"", 307, Location="/d")
    site.pages["/e"] = lambda handler: handler.give(b"", 301, Location="/f")
    site.pages["/f"] = given(b"Otters", Content_Type="text/plain")
    faults = (
        ("/a", "private address 127.0.0.2"),
        ("/b", "user or a password"),
        ("/c", "'file' is not fetched"),
        ("/d", "more than 5 times"),
    )
    for path, fault in faults:
        with pytest.raises(UnreadableError, match=fault) as problem:
            fetch(site.place + path, None, Limits())
        assert "hunter2" not in str(problem.value)
    assert {one.path for one in site.asked} == {"/a", "/b", "/c", "/d"}
    assert fetch(f"{site.place}/e", None, Limits()).content == b"Otters"


def test_the_address_that_was_checked_is_the_one_connected_to(
    site: Site, public: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that gives another address at the second question is not asked twice."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "pumps.example":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return look_up(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    site.pages["/"] = given(b"Otters")
    found = fetch(f"http://pumps.example:{site.server_port}/", None, Limits())
    assert (found.content, asked) == (b"Otters", ["pumps.example"])
    assert site.asked[0].headers["Host"] == f"pumps.example:{site.server_port}"
    with pytest.raises(UnreadableError, match=r"127\.0\.0\.2"):
        fetch(f"http://pumps.example:{site.server_port}/", None, Limits())


# --- bounds ----------------------------------------------------------------------------------


def test_a_page_without_end_is_left(site: Site) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65536)

    site.pages["/"] = endless
    with pytest.raises(UnreadableError, match="larger than 1 MB"):
        got(site, "/", bytes=1_000_000)


@pytest.mark.parametrize("packed", ["gzip", "deflate"])
def test_what_is_packed_is_bounded_as_it_is_unpacked(site: Site, packed: str) -> None:
    import zlib

    pack = gzip.compress if packed == "gzip" else zlib.compress
    site.pages["/"] = given(pack(b"\0" * 5_000_000), Content_Encoding=packed)
    site.pages["/small"] = given(pack(b"Otters"), Content_Encoding=packed)
    site.pages["/cut"] = given(pack(b"Otters")[:9], Content_Encoding=packed)
    with pytest.raises(UnreadableError, match="larger than 1 MB"):
        got(site, "/", bytes=1_000_000)
    assert got(site, "/small").content == b"Otters"
    with pytest.raises(UnreadableError, match=r"broke off|unpacked"):
        got(site, "/cut")


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_server_that_drips_is_left_when_the_time_is_over(site: Site, part: str) -> None:
    def dripping(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if part == "body" else b""))
        for _ in range(200):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    site.pages["/"] = dripping
    began = time.monotonic()
    with pytest.raises(UnreadableError, match="took more than"):
        got(site, "/", seconds=0.3)
    assert time.monotonic() - began < 3


def test_an_unlucky_name_is_told() -> None:
    with pytest.raises(UnreadableError, match="cannot be looked up"):
        fetch("http://nowhere.invalid/", None, Limits(seconds=5))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(UnreadableError, match="cannot be fetched"):
            fetch(url, None, Limits(5, 10, allow_private=True))
