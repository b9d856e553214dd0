"""The address of a Chroma server, and what tells it from a directory.

    http(s)://[token@ | user:password@]host[:port][/][?tenant=…&database=…]

Whatever else an address holds is refused: what is not understood must not be ignored.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from memgpt_autogen.errors import ConfigurationError

DEFAULT_PORT = 8000
# Chroma's own, which a server has from the start.
DEFAULT_TENANT = "default_tenant"
DEFAULT_DATABASE = "default_database"

_EXAMPLE = "http://localhost:8000, or http://TOKEN@HOST:8000?tenant=…&database=…"
# Two letters at least: C:/ is a drive. A Path makes one slash of two.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/", re.IGNORECASE)
_BARE = re.compile(
    r"(?:[^/\\@]*@)?"
    r"(?:(?:\[[0-9a-f:.]+\]|[a-z0-9_.-]+):\d{1,5}|localhost|\d{1,3}(?:\.\d{1,3}){3})"
    r"(?:[/?#].*)?",
    re.IGNORECASE,
)
_HOST = re.compile(r"[\w.-]+")
_CREDENTIALS = re.compile(r"^([a-z][a-z0-9+.-]*:/*)?[^/]*@", re.IGNORECASE)


@dataclass(frozen=True)
class Server:
    """A Chroma server, who asks it, and for which of its databases.

    Attributes:
        credentials: `token`, or `user:password`; None where the server asks for none.
    """

    host: str
    port: int
    ssl: bool
    tenant: str = DEFAULT_TENANT
    database: str = DEFAULT_DATABASE
    credentials: str | None = field(default=None, repr=False)

    @classmethod
    def at(cls, address: str) -> Server:
        """The server at an address; the port defaults to Chroma's, 8000, with https to 443.

        Raises:
            ConfigurationError: it is no such address, or holds something that has no
                place in one.
        """
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError as problem:
            raise _refused(address, f"it cannot be read ({problem})") from None
        if not host or port == 0 or not (":" in host or _HOST.fullmatch(host)):
            raise _refused(address, "it names no host, or no port that there is")
        if parts.path not in ("", "/") or parts.fragment:
            raise _refused(address, f"nothing can be done with {parts.path or '#'!r} in it")
        ssl = parts.scheme.lower() == "https"
        return cls(
            host,
            port or (443 if ssl else DEFAULT_PORT),
            ssl,
            credentials=_credentials(address, parts),
            **_database(address, parts.query),
        )

    @property
    def origin(self) -> str:
        """`http://host:port`, to which paths are added."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.ssl else 'http'}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address without credentials, to be shown and to be compared."""
        own = {"tenant": self.tenant, "database": self.database}
        usual = {"tenant": DEFAULT_TENANT, "database": DEFAULT_DATABASE}
        query = urlencode({key: value for key, value in own.items() if value != usual[key]})
        return f"{self.origin}?{query}" if query else self.origin

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries for the server to let it in."""
        if self.credentials is None:
            return {}
        if ":" in self.credentials:
            encoded = base64.b64encode(self.credentials.encode()).decode()
            return {"Authorization": f"Basic {encoded}"}
        # A server looks for a token in one of the two, as it was set up.
        return {"Authorization": f"Bearer {self.credentials}", "X-Chroma-Token": self.credentials}


def is_server(location: str) -> bool:
    """Whether a location names a Chroma server, and not a directory.

    Raises:
        ConfigurationError: it looks like an address, and is none of a Chroma server.
    """
    if location.lower().startswith(("http://", "https://")):
        return True
    scheme = _SCHEME.match(location)
    if scheme and scheme[1].lower() == "file":
        raise ConfigurationError(
            f"memory={without_credentials(location)!r}: write a directory as its path alone, such"
            ' as memory="/home/me/memory", without file://.'
        )
    if scheme or location.lower().startswith(("http:", "https:")):
        raise _refused(location, "a server's address begins with http:// or https://")
    if _BARE.fullmatch(location):
        raise _refused(
            location,
            "a server's address begins with http:// or https:// (did you mean"
            f" http://{without_credentials(location)}?), and a directory of that name is written"
            f" ./{without_credentials(location)}",
        )
    return False


def _credentials(address: str, parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    if parts.password is not None:
        name = unquote(parts.username)
        if ":" in name:
            raise _refused(address, "a user's name may hold no colon")
        return f"{name}:{unquote(parts.password)}"
    token = unquote(parts.username)
    if not re.fullmatch(r"[!-9;-~]+", token):
        raise _refused(
            address, "what stands before @ is a token of ASCII characters, or user:password"
        )
    return token


def _database(address: str, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise _refused(address, "what follows ? is tenant=… and database=…") from None
    found = dict(pairs)
    if len(found) < len(pairs) or not found.keys() <= {"tenant", "database"}:
        raise _refused(address, "what follows ? is tenant=… and database=…, each once")
    for key, value in found.items():
        if not value or value != quote(value, safe=" "):
            raise _refused(address, f"{key}={value!r} is no name")
    return found


def _refused(address: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{without_credentials(address)!r} is no address of a Chroma server: {why}."
        f" Write it like {_EXAMPLE}."
    )


def without_credentials(address: str) -> str:
    """An address without what may be a secret."""
    return _CREDENTIALS.sub(r"\1…@", address)
