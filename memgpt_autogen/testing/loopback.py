"""A small HTTP/1.1 server on 127.0.0.1: keep-alive, a thread per connection, no delays."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from .protocol import error_body

LARGEST_BODY = 32 * 1024 * 1024  # bytes; far beyond any window


@dataclass(frozen=True)
class HttpRequest:
    """What a client sent; `path` is without its query."""

    method: str
    path: str
    content_type: str
    body: bytes
    connection: socket.socket

    def client_left(self) -> bool:
        """Whether the client hung up since."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""


@dataclass(frozen=True)
class Response:
    """What goes back to the client; an event stream is sent piece by piece."""

    status: int
    pieces: Iterable[bytes]
    content_type: str = "application/json"


Respond = Callable[[HttpRequest], Response]


def json_response(status: int, body: Any) -> Response:
    return Response(status, [json.dumps(body).encode()])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536  # head and body leave in one packet
    timeout = 900  # seconds a kept-alive connection may stay silent
    server: LoopbackServer

    def do_GET(self) -> None:
        size = self.headers.get("Content-Length", "0")
        if not size.isdecimal() or int(size) > LARGEST_BODY:
            self.close_connection = True
            problem = "a Content-Length of at most 32 MB is needed"
            self._send(json_response(400, error_body(problem, "invalid_request_error")))
            return
        body = self.rfile.read(int(size))
        if len(body) < int(size):  # the client is gone, killed perhaps: nobody asks anything
            self.close_connection = True
            return
        path, kind = self.path.partition("?")[0], self.headers.get("Content-Type", "")
        request = HttpRequest(self.command, path, kind, body, self.connection)
        self._send(self.server.respond(request))

    do_POST = do_GET  # noqa: N815 - the standard library chooses the name

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        # OpenAI's clients would ask again by themselves after 429 and 5xx; here each call counts.
        self.send_header("x-should-retry", "false")
        if response.content_type == "text/event-stream":
            self._stream(response.pieces)
        else:
            body = b"".join(response.pieces)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _stream(self, pieces: Iterable[bytes]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


# The stdlib's ThreadingHTTPServer is this class plus a look-up of the host's name,
# which may ask the network.
class LoopbackServer(ThreadingTCPServer):
    """Serves `respond` from daemon threads until closed; OSError where the port is taken."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, respond: Respond, port: int = 0) -> None:
        self.respond = respond
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self.port = int(self.server_address[1])
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening; a connection ends with the answer at hand, an idle one at once."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the client was first
                    connection.shutdown(socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up (a time-out, a closed stream) is no error of the server."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
