"""llama.cpp in this process, through xllamacpp: one model, one slot, one prompt cache."""

from __future__ import annotations

import contextlib
import os
import secrets
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.installation import extra
from memgpt_autogen.local.errors import RefusedError
from memgpt_autogen.local.models import LocalModel

JSON = dict[str, Any]

PROMPT_CACHE_MIB = 512  # llama.cpp's default of 8,192 is more than many machines have
CGROUP = Path("/sys/fs/cgroup")  # a container's own bound (cgroup v2)
QUIET, LOUD = -1, 3  # llama.cpp's verbosity


class Runner(Protocol):
    """What the server needs of a model that is loaded; it asks one thing at a time."""

    def complete(self, request: JSON, schema: JSON | None) -> JSON: ...

    def close(self) -> None: ...


class Llama:
    """A GGUF file, loaded by llama.cpp.

    Args:
        weights: the GGUF file.
        context_window: tokens of prompt and reply together.
        threads: default the machine's cores, 8 at the most.
        verbose: let llama.cpp write its log to standard error.

    Raises:
        LocalModelError: xllamacpp or its libgomp is missing, or the file cannot be loaded.
    """

    def __init__(
        self,
        weights: Path,
        *,
        context_window: int,
        threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        self._xllamacpp = load_library("xllamacpp")
        parameters = self._parameters(weights, context_window, threads or default_threads())
        parameters.verbosity = LOUD if verbose else QUIET
        try:
            self._server = self._xllamacpp.Server(parameters)
        except (RuntimeError, ValueError) as error:
            raise LocalModelError(f"llama.cpp could not load {weights}: {error}") from error

    def complete(self, request: JSON, schema: JSON | None) -> JSON:
        """llama.cpp's answer to a chat request, held to `schema` where one is given.

        Raises:
            RefusedError: the request is larger than the window, or cannot be served.
        """
        try:
            if schema is not None:
                request = {**request, "grammar": self._grammar(schema)}
            answer: JSON = self._server.handle_chat_completions(request)
        except (ValueError, RuntimeError) as error:
            raise RefusedError(str(error)) from error
        if problem := answer.get("error"):
            code = problem.get("code")
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            raise RefusedError(str(problem.get("message")), status, {"error": problem})
        return answer

    def close(self) -> None:
        """Free the model."""
        self._server = None

    def _parameters(self, weights: Path, context_window: int, threads: int) -> Any:
        parameters = self._xllamacpp.CommonParams()
        parameters.model.path = os.fspath(weights)
        parameters.n_ctx = context_window
        parameters.n_parallel = 1
        parameters.cpuparams.n_threads = threads
        parameters.cpuparams_batch.n_threads = threads
        parameters.cache_ram_mib = PROMPT_CACHE_MIB
        parameters.warmup = False
        # A conversation may end with an assistant's words without asking to go on with them.
        parameters.prefill_assistant = False
        # llama.cpp opens a port of its own: shut to browsers, and to all without this key.
        parameters.ui = False
        parameters.cors_origins = ""
        parameters.api_keys = [secrets.token_urlsafe(32)]
        return parameters

    def _grammar(self, schema: JSON) -> str:
        """A grammar for JSON on one line, with the spaces that json.dumps sets.

        Free spacing is filled up by small models, and costs tokens; and a call shown again
        as the model wrote it is found in the prompt cache. "x-guidance" speaks to
        llguidance, which holds the output to the schema; as a response_format it is lost.
        """
        spacing = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
        return str(self._xllamacpp.json_schema_to_grammar({"x-guidance": spacing, **schema}))


def default_threads() -> int:
    """As many as there are cores for this process, 8 at the most."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), 8)
    return min(os.cpu_count() or 1, 8)


def require_memory(model: LocalModel, available: int | None = None) -> None:
    """Refuse rather than have the system end the process.

    Raises:
        LocalModelError: less memory is available than the model needs.
    """
    free = available_memory() if available is None else available
    if free < model.memory:
        raise LocalModelError(
            f"{free / 1e9:.1f} GB of memory are available and {model.name} needs "
            f"{model.memory / 1e9:.1f} GB: close other programs, or use a smaller model"
        )


def available_memory() -> int:
    """Bytes that a new program could use, of the machine's and of its container's."""
    free = int(load_library("psutil").virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):  # not every system has such bounds
        limit, used = (
            int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current")
        )
        lines = (CGROUP / "memory.stat").read_text().splitlines()
        cached = int(dict(line.split() for line in lines).get("inactive_file", 0))
        return min(free, max(limit - used + cached, 0))
    return free


def load_library(name: str) -> Any:
    """A library of the extra `local`, imported late: xllamacpp starts OpenMP.

    Raises:
        LocalModelError: it is not installed, or the system lacks libgomp.
    """
    # OpenMP's threads spin while they wait; the default costs 5 to 10 times under load.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise LocalModelError(
            f"the local model runs on {name}, which is not installed: {extra('local')}"
        ) from error
    except ImportError as error:
        if "libgomp" in str(error):
            raise LocalModelError(
                f"{name} needs the system's OpenMP library: "
                "apt-get install libgomp1 (or your system's package of that name)"
            ) from error
        raise LocalModelError(f"{name} cannot be imported: {error}") from error
