"""The server: loopback alone, no log of requests, and it ends with Ctrl-C."""

from __future__ import annotations

import os
import platform
import socket
import webbrowser
from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.inspector.access import Access
from memgpt_autogen.inspector.app import make_app
from memgpt_autogen.inspector.guard import Guard

_HOST = "127.0.0.1"
_LAST_SECONDS = 5  # for what is under way when it is ended


def serve(access: Access, port: int, ready: Callable[[Guard], None]) -> None:
    """Serve the pages until Ctrl-C; `ready` is told once they can be opened.

    Args:
        access: to the memories.
        port: 0: a free one.
        ready: gets the guard, which knows the address.

    Raises:
        ConfigurationError: the port is taken, or may not be used.
    """
    with _bound(port) as listening, closing(access):
        guard = Guard(make_app(access), listening.getsockname()[1])
        config = uvicorn.Config(
            guard,
            log_level="warning",
            access_log=False,  # its lines would hold the token
            server_header=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=_LAST_SECONDS,
        )
        server = uvicorn.Server(config)
        listening.listen()
        ready(guard)
        with suppress(KeyboardInterrupt):  # which uvicorn raises again once it has ended
            server.run([listening])


def has_screen() -> bool:
    """Whether a browser with windows can be started; one in the terminal would take it over."""
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def show(guard: Guard) -> None:
    """Open the pages in the user's browser, where there is one."""
    if has_screen():
        with suppress(webbrowser.Error):
            webbrowser.open(guard.start)


def _bound(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere this would let another program take the port over
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_HOST, port))
    except OSError as problem:
        listening.close()
        raise ConfigurationError(
            f"the port {port} of {_HOST} cannot be used ({problem.strerror}): name another with"
            " --port, or none, for a free one."
        ) from problem
    return listening
