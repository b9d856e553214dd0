"""Fetch: what a web server gives for an address, within bounds of place, size and time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.sources.labels import Origin
from memgpt_autogen.sources.readers import UnreadableError
from memgpt_autogen.sources.remote.addresses import resolved

if TYPE_CHECKING:
    import ssl

SECONDS = 60.0  # for all of a page, its redirects too
MOST_BYTES = 50_000_000  # of a page, as it is sent and unpacked
_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_GONE = {404, 410}
_UNPACKED = {"gzip", "x-gzip", "deflate"}
_ASKED = {
    "User-Agent": "memgpt-autogen (https://pypi.org/project/memgpt-autogen)",
    "Accept": "text/html,application/xhtml+xml,text/*;q=0.9,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate",
}


@dataclass(frozen=True)
class Limits:
    """What fetching a page may take.

    Attributes:
        seconds: for all of it, redirects included.
        bytes: of the page, as it is sent and unpacked.
        allow_private: also from addresses that are not of the public internet.
    """

    seconds: float = SECONDS
    bytes: int = MOST_BYTES
    allow_private: bool = False


@dataclass(frozen=True)
class Fetched:
    """What a server gave.

    Attributes:
        content: the body; None where the page is as it was.
        kind: its media type, such as `text/html`.
        charset: as the server says; empty where it does not.
        path: of the address that gave it.
        version, modified: the server's ETag and Last-Modified.
    """

    content: bytes | None
    kind: str = ""
    charset: str = ""
    path: str = ""
    version: str = ""
    modified: str = ""


def checked_url(text: str) -> httpx.URL:
    """The address of a web page.

    Raises:
        ConfigurationError: it is none that may be fetched. A password is not told.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as problem:
        raise ConfigurationError("an address of a web page is not well-formed.") from problem
    if url.userinfo:
        raise ConfigurationError(
            f"the address of a page at {url.host} holds a user or a password: give it without."
        )
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(f"{url.scheme or text!r} is not fetched: give http or https.")
    return url


def fetch(address: str, known: Origin | None, limits: Limits) -> Fetched:
    """What the server of a page gives for it; nothing where it is as it was `known`.

    Raises:
        UnreadableError: it gives nothing, or may not be asked.
    """
    url, ends = checked_url(address), time.monotonic() + limits.seconds
    asked = dict(_ASKED)
    if known is not None:
        asked |= {"If-None-Match": known.version} if known.version else {}
        asked |= {"If-Modified-Since": known.modified} if known.modified else {}
    try:
        for _ in range(_MOST_REDIRECTS + 1):
            found = _get(url, asked, ends, limits)
            if isinstance(found, Fetched):
                return found
            url = checked_url(str(found))
    except ConfigurationError as problem:
        raise UnreadableError(f"it leads elsewhere: {problem}") from None
    except httpcore.TimeoutException:
        raise UnreadableError(f"it took more than {limits.seconds:.0f} seconds") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as problem:
        kind = type(problem).__name__
        raise UnreadableError(f"it cannot be fetched ({kind}: {problem})") from None
    raise UnreadableError(f"it leads elsewhere more than {_MOST_REDIRECTS} times")


def _get(url: httpx.URL, asked: Mapping[str, str], ends: float, limits: Limits) -> Any:
    """What a server gives, or the address that it leads to."""
    place = httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
    backend = _Checked(ends, allow_private=limits.allow_private)
    with (
        httpcore.ConnectionPool(network_backend=backend) as pool,
        pool.stream("GET", place, headers=list(asked.items())) as response,
    ):
        headers = httpx.Headers(response.headers)
        if response.status in _REDIRECTS and "location" in headers:
            return url.join(headers["location"])
        about = Message()
        about["content-type"] = headers.get("content-type", "")
        if response.status == httpx.codes.NOT_MODIFIED:
            return Fetched(None)
        if response.status != httpx.codes.OK:
            said = f"{response.status} {httpx.codes.get_reason_phrase(response.status)}"
            raise UnreadableError(
                f"the server answers {said.strip()}", is_empty=response.status in _GONE
            )
        return Fetched(
            _content(response.iter_stream(), headers, limits.bytes),
            about.get_content_type() if headers.get("content-type") else "",
            str(about.get_content_charset() or ""),
            url.path,
            headers.get("etag", ""),
            headers.get("last-modified", ""),
        )


def _content(parts: Iterable[bytes], headers: httpx.Headers, most: int) -> bytes:
    packed = headers.get("content-encoding", "identity").strip().lower()
    if packed not in {"identity", *_UNPACKED}:
        raise UnreadableError(f"it is sent as {packed}, which was not asked for")
    unpack = zlib.decompressobj(wbits=47) if packed in _UNPACKED else None  # gzip or zlib
    found, sent = bytearray(), 0
    try:
        for part in parts:
            sent += len(part)
            found += part if unpack is None else unpack.decompress(part, most + 1 - len(found))
            if max(sent, len(found)) > most:
                raise UnreadableError(f"it is larger than {most / 10**6:.0f} MB")
    except zlib.error as problem:
        raise UnreadableError(f"it cannot be unpacked ({problem})") from problem
    if unpack is not None and sent and not unpack.eof:
        raise UnreadableError("it broke off")
    return bytes(found)


class _Checked(httpcore.SyncBackend):
    """Connects to the addresses that were looked up and checked, and to no other."""

    def __init__(self, ends: float, *, allow_private: bool) -> None:
        self._ends = ends
        self._allow_private = allow_private

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        left = self._ends - time.monotonic()
        addresses = resolved(host, port, left, allow_private=self._allow_private)
        for last, address in enumerate(addresses, 1 - len(addresses)):
            try:
                return _Timed(super().connect_tcp(address, port, _left(self._ends)), self._ends)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not last:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")


class _Timed(httpcore.NetworkStream):
    """A connection whose every wait ends when the time for all is over."""

    def __init__(self, stream: httpcore.NetworkStream, ends: float) -> None:
        self._stream = stream
        self._ends = ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, _left(self._ends))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._ends))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, _left(self._ends))
        return _Timed(inner, self._ends)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(ends: float) -> float:
    """The seconds until then.

    Raises:
        ReadTimeout: there are none.
    """
    left = ends - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left
