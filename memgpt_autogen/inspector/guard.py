"""The guard: who is answered, and what a browser may do with the answer.

A page of another site may send requests to this machine too, and other people's programs may run
on it. So each request needs the address with its token, names this server and none that a foreign
domain was pointed at (DNS rebinding), and comes from these pages or from the address bar.
"""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self';"
    " img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_WAY_IN = "Open the address that `memgpt-autogen inspect` printed: it holds the key.\n"


class Guard:
    """Lets requests through to an application, which sees no token.

    Args:
        app: what is guarded.
        port: of this server.

    Attributes:
        token: stands first in each path.
        ticket: opens the address once, so that no list of processes shows the token where a
            browser is started.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        names = ("127.0.0.1", "localhost")
        self._hosts = {f"{name}:{port}" for name in names} | set(names if port == 80 else ())
        self.token = secrets.token_urlsafe(24)
        self.ticket: str | None = secrets.token_urlsafe(24)
        self.address = f"http://127.0.0.1:{port}/{self.token}/"
        self.start = f"http://127.0.0.1:{port}/start/{self.ticket}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # a web socket is not even refused in words
        answer = self._app
        if problem := self._problem(scope["method"], Headers(scope=scope)):
            answer = PlainTextResponse(f"{problem}\n", 403)
        else:
            first, _, rest = str(scope["path"]).removeprefix("/").partition("/")
            if first == "start" and self._is_ticket(rest):
                answer = RedirectResponse(self.address, 303)
            elif not _same(first, self.token):
                answer = PlainTextResponse(_WAY_IN, 404)
            elif scope["path"] == f"/{first}":
                answer = RedirectResponse(self.address, 303)  # the links are relative
            else:
                scope = {**scope, "path": f"/{rest}", "raw_path": b"", "root_path": ""}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await answer(scope, receive, send_with_headers)

    def _problem(self, method: str, headers: Headers) -> str | None:
        """Why a request is refused; None where it is not."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "This server answers to its own address only."
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        # Under no-referrer a browser's own forms have the origin `null`; what it says of the site
        # cannot be set by a page, so that counts where it is said.
        own = [f"http://{hosts[0]}", "null"] if site == "same-origin" else [f"http://{hosts[0]}"]
        if origin not in (None, *own) or site not in (None, "same-origin", "none"):
            return "A page of another origin asked."
        if method not in ("GET", "HEAD") and origin is None and site != "same-origin":
            return "A change needs a browser that says where it comes from."
        return None

    def _is_ticket(self, given: str) -> bool:
        ticket = self.ticket
        if ticket is None or not _same(given, ticket):
            return False
        self.ticket = None
        return True


def _same(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
