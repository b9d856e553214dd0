"""An OpenAI-compatible endpoint on 127.0.0.1 over a local model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local.downloads import Progress, silent
from memgpt_autogen.local.errors import RefusedError
from memgpt_autogen.local.llama import JSON, Llama, Runner, load_library, require_memory
from memgpt_autogen.local.models import DEFAULT_MODEL, LocalModel, find_model
from memgpt_autogen.local.requests import ChatRequest, parse_request
from memgpt_autogen.local.weights import resolve_weights
from memgpt_autogen.testing import Call, Reply, calls, cut, say, wire
from memgpt_autogen.testing.loopback import HttpRequest, LoopbackServer, Response, json_response


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
        runner: loads the model; a test may bring its own.

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
        runner: Callable[[], Runner] | None = None,
    ) -> None:
        self.model = find_model(model)
        self.context_window = context_window
        self.port = port

        def load() -> Runner:
            load_library("xllamacpp")  # where it is missing, nothing is fetched in vain
            path = resolve_weights(self.model, weights, progress=progress)
            require_memory(self.model)
            return Llama(path, context_window=context_window, threads=threads, verbose=verbose)

        self._make_runner = runner or load
        self._runner: Runner | None = None
        self._endpoint: LoopbackServer | None = None
        self._turn = threading.Lock()  # the runner answers one request after another

    @property
    def base_url(self) -> str:
        """What llm_config calls base_url."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> LocalServer:
        """Load the model and serve it from daemon threads; started twice, nothing happens."""
        if self._endpoint is not None:
            return self
        self._runner = self._make_runner()
        try:
            self._endpoint = LoopbackServer(self._respond, self.port)
        except OSError as error:
            self.stop()
            raise LocalModelError(
                f"port {self.port} of 127.0.0.1 cannot be used: {error.strerror}; "
                "name another (--port)"
            ) from error
        self.port = self._endpoint.port
        return self

    def stop(self) -> None:
        """Stop listening, and free the model after the request at hand."""
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None
        with self._turn:
            if self._runner is not None:
                self._runner.close()
                self._runner = None

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _respond(self, sent: HttpRequest) -> Response:
        asked = (sent.method, sent.path)
        if asked in (("GET", "/health"), ("GET", "/v1/health")):
            return json_response(200, {"status": "ok"})
        if asked == ("GET", "/v1/models"):
            return json_response(200, wire.models(self.model.name, self.context_window))
        try:
            return self._answer(sent)
        except RefusedError as refused:
            return json_response(refused.status, refused.body)

    def _answer(self, sent: HttpRequest) -> Response:
        if (sent.method, sent.path) != ("POST", "/v1/chat/completions"):
            raise RefusedError(f"there is no {sent.path}", 404)
        if not sent.content_type.startswith("application/json"):
            # A web page can post other types to this port without asking; not this one.
            raise RefusedError("Content-Type must be application/json", 415)
        request = parse_request(sent.body)
        answer = self._complete(request, sent)
        reply, usage = _reply(request, answer), answer["usage"]
        return wire.response(request.body, reply, model=self.model.name, usage=usage)

    def _complete(self, request: ChatRequest, sent: HttpRequest) -> JSON:
        with self._turn:
            if self._runner is None:
                raise RefusedError("the model is not running", 503)
            if sent.client_left():  # while its request waited
                raise ConnectionAbortedError
            return self._runner.complete(request.payload, request.schema)


def _reply(request: ChatRequest, answer: JSON) -> Reply:
    """llama.cpp's completion as a message, its calls parsed back."""
    choice = answer["choices"][0]
    text = str(choice["message"].get("content") or "")
    is_cut = choice.get("finish_reason") == "length"
    parsed = request.toolbox.parse(text, cut=is_cut) if request.toolbox else text
    reply = say(parsed) if isinstance(parsed, str) else calls(Call(parsed.name, parsed.arguments))
    return cut(reply) if is_cut else reply
