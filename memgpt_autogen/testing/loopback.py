"""A small HTTP/1.1 server on 127.0.0.1: keep-alive, a thread per connection, no delays."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any


@dataclass(frozen=True)
class Response:
    """What goes back to the client; an event stream is sent piece by piece."""

    status: int
    pieces: Iterable[bytes]
    content_type: str = "application/json"


Respond = Callable[[str, str, bytes], Response]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536  # head and body leave in one packet
    server: LoopbackServer

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def log_message(self, format: str, *args: Any) -> None:
        """Tests want no access log."""

    def _handle(self, method: str) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        payload = self.rfile.read(size)
        if len(payload) < size:  # the client is gone, killed perhaps: nobody asks anything
            self.close_connection = True
            return
        response = self.server.respond(method, self.path.partition("?")[0], payload)
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        # OpenAI's clients retry 429 and 5xx by themselves; a script must see each call once.
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
    """Serves `respond` from a daemon thread until closed."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = int(self.server_address[1])
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and drop the connections that clients keep alive."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the client was first
                    connection.shutdown(socket.SHUT_RDWR)

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
