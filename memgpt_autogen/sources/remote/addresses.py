"""Addresses: where a web page may be fetched from, and how its address is written down."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
import threading
from queue import Empty, SimpleQueue
from urllib.parse import parse_qsl, quote, urlsplit

from memgpt_autogen.sources.readers import UnreadableError

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind NAT64 (RFC 6052)
_OF_CLOUDS = {"168.63.129.16"}  # Azure's, which looks like any other
_ALLOW = "allow_private=True (--allow-private) loads it all the same"
# What the names of parameters that hold secrets say.
_SECRET = re.compile(
    r"(^|[^a-z])(auth|jwt|pass|pwd|session|sid|sig|ticket)([^a-z]|$)"
    r"|(authorization|credentials?|key|keyid|passw(or)?d|secret|sessionid|signature|token)$",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+/=.~-]{20,}")  # as of keys and digests


def resolved(host: str, port: int, seconds: float, *, allow_private: bool = False) -> list[str]:
    """The addresses that a host name stands for, to be connected to as they are.

    Raises:
        UnreadableError: there are none, or one of them is not in the public internet.
    """
    found: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put(list(dict.fromkeys(str(row[4][0]) for row in rows)))
        except (OSError, UnicodeError) as problem:
            found.put(OSError(str(problem)))

    threading.Thread(target=look_up, name="memgpt-resolve", daemon=True).start()
    try:
        addresses = found.get(timeout=max(seconds, 0))
    except Empty:
        raise UnreadableError(f"the name {host} could not be looked up in time") from None
    if isinstance(addresses, OSError):
        raise UnreadableError(f"the name {host} cannot be looked up ({addresses})")
    private = [] if allow_private else [one for one in addresses if not is_public(one)]
    if private:
        raise UnreadableError(f"{host} is the private address {private[0]}: {_ALLOW}")
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where it stands in another."""
    if address in _OF_CLOUDS:
        return False
    ip: _IP = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def is_url(text: object) -> bool:
    """Whether a text is the address of a web page, well-formed or not."""
    return isinstance(text, str) and text.lower().startswith(("http://", "https://"))


def without_secrets(url: str) -> str:
    """The address of a page as it is shown and stored.

    Without its fragment, user and password. Of a parameter that by its name is a secret
    nothing is left of the value; of one that looks random, eight digits of its hash, which
    tell pages apart.
    """
    parts = urlsplit(url)
    query = "&".join(
        f"{quote(name)}={_shown(name, value)}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    place = f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"
    return f"{place}{parts.path or '/'}{'?' if query else ''}{query}"


def _shown(name: str, value: str) -> str:
    if _SECRET.search(name):
        return "…"
    if _RANDOM.fullmatch(value):
        return f"…{hashlib.sha256(value.encode()).hexdigest()[:8]}"
    return quote(value)
