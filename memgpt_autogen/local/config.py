"""An llm_config for AutoGen whose model runs in this process."""

from __future__ import annotations

import atexit
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from memgpt_autogen.local.downloads import Progress, terminal_progress
from memgpt_autogen.local.models import DEFAULT_MODEL, find_model
from memgpt_autogen.local.server import LocalServer

TIMEOUT = 600  # seconds; a cold prompt of 4,000 tokens takes a minute on two cores

_running: dict[tuple[str, int], LocalServer] = {}
_guard = threading.Lock()


def local_llm_config(
    model: str = DEFAULT_MODEL,
    context_window: int = 8192,
    temperature: float = 0,
    *,
    weights: str | Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Start the local model and return an llm_config that any AutoGen agent takes.

    One server runs per process, model and window; it stops with the process. Where
    weights must be fetched first, that shows as a bar on standard error.

    Args:
        model: a name out of `MODELS`.
        context_window: tokens of prompt and reply together.
        temperature: 0 gives the same answer to the same request.
        weights: a GGUF file to use instead of the cache, the hub and the packages.
        threads: default the machine's cores, 8 at the most.
        progress: told how far fetching is; default: bars on standard error.
        options: more keys for the llm_config's top level, such as `cache_seed`.

    Raises:
        LocalModelError: the model cannot be fetched or run on this machine.
    """
    name = find_model(model).name
    key = (name, context_window)
    with _guard:
        if key not in _running:
            with nullcontext(progress) if progress else terminal_progress() as shown:
                _running[key] = LocalServer(
                    name,
                    context_window=context_window,
                    weights=weights,
                    threads=threads,
                    progress=shown,
                ).start()
        base_url = _running[key].base_url
    return llm_config(name, base_url, temperature=temperature, **options)


def llm_config(
    model: str, base_url: str, *, temperature: float = 0, **options: Any
) -> dict[str, Any]:
    """The llm_config of an endpoint that runs already; fits AutoGen 0.2 to 0.14."""
    entry = {"model": model, "base_url": base_url, "api_key": "local", "price": [0, 0]}
    return {
        "config_list": [entry],
        "temperature": temperature,
        "timeout": TIMEOUT,
        "cache_seed": None,
        **options,
    }


def stop_all() -> None:
    """Stop the servers that `local_llm_config` started."""
    with _guard:
        while _running:
            _running.popitem()[1].stop()


atexit.register(stop_all)
