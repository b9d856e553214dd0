"""What a client is given of models, as the entries that are asked one after the other."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import openai

from memgpt_autogen.errors import ConfigurationError

DEFAULT_MODEL = "gpt-4o-mini"
KEY, BASE_URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"

# Of an entry in AutoGen's config_list, what is neither the client's nor the request's.
_AUTOGENS = {
    *(
        "api_type",
        "price",
        "tags",
        "cache",
        "cache_seed",
        "filter_func",
        "context",
        "routing_method",
    ),
    *("allow_format_str_template", "tools", "functions", "config_list", "model_client_cls"),
}
# A configuration of MemGPT's, and what it is called here.
_QUICKSTART = {
    "model": "model",
    "model_endpoint": "base_url",
    "openai_api_key": "api_key",
    "openai_key": "api_key",
    "azure_key": "api_key",
    "azure_endpoint": "azure_endpoint",
    "azure_version": "api_version",
    "azure_deployment": "azure_deployment",
}
_ELSEWHERE = {"model_endpoint_type", "context_window", "preset", "persona", "human"}


@dataclass(frozen=True)
class Entry:
    """One model behind one endpoint.

    Attributes:
        model: as the request names it.
        parameters: of every request, such as the temperature.
        connection: what the client of openai's is made with; it holds the key.
        is_azure: Azure's client is.
    """

    model: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    connection: Mapping[str, Any] = field(default_factory=dict, repr=False)
    is_azure: bool = False

    @cached_property
    def client(self) -> openai.OpenAI:
        """Openai's client, made at first use; it is given a key, or finds one in the environment.

        Raises:
            ConfigurationError: there is no key, or an argument that it does not take.
        """
        connection = dict(self.connection)
        kind = openai.AzureOpenAI if self.is_azure else openai.OpenAI
        if not self.is_azure and (connection.get("base_url") or os.environ.get(BASE_URL)):
            connection.setdefault(
                "api_key", os.environ.get(KEY) or "none"
            )  # many servers want none
        try:
            return kind(**connection)
        except (openai.OpenAIError, TypeError, ValueError) as problem:
            raise ConfigurationError(
                f"the model {self.model!r} cannot be asked: {problem} Set {KEY} (and {BASE_URL} for"
                " another server than OpenAI's), or give llm_config=."
            ) from problem


def entries_of(llm_config: Any) -> tuple[Entry, ...]:
    """The entries of an AutoGen llm_config, in their order.

    Raises:
        ConfigurationError: it is none, or needs a client that only AutoGen has.
    """
    if hasattr(llm_config, "model_dump"):  # AutoGen's LLMConfig
        llm_config = llm_config.model_dump(exclude_none=True)
    if not isinstance(llm_config, Mapping):
        raise ConfigurationError(
            "llm_config: give a dict as AutoGen's agents take it, such as"
            ' {"config_list": [{"model": "gpt-4o-mini"}]}.'
        )
    common = {key: value for key, value in llm_config.items() if key != "config_list"}
    entries = llm_config.get("config_list") or [{}]
    return tuple(_entry({**common, **dict(entry)}) for entry in entries)


def quickstart(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in MemGPT's words as an llm_config.

    Raises:
        ConfigurationError: it holds something that has no meaning here.
    """
    unknown = sorted(config.keys() - _QUICKSTART.keys() - _ELSEWHERE)
    if unknown:
        raise ConfigurationError(
            f"config={{{unknown[0]!r}: …}}: the keys are"
            f" {', '.join(sorted({*_QUICKSTART, *_ELSEWHERE}))}; further ones go to llm_config=."
        )
    found = {_QUICKSTART[key]: value for key, value in config.items() if key in _QUICKSTART}
    if config.get("model_endpoint_type") == "azure" or "azure_endpoint" in found:
        found["api_type"] = "azure"
    return {"model": DEFAULT_MODEL, **found}


def _entry(given: Mapping[str, Any]) -> Entry:
    kind = str(given.get("api_type") or "openai")
    is_azure = kind.startswith("azure")
    if not (is_azure or kind in ("openai", "open_ai")) or given.get("model_client_cls"):
        raise ConfigurationError(
            f"api_type={kind!r} needs AutoGen's client: give that llm_config to a MemGPTAgent, or"
            " name the provider's OpenAI-compatible address as base_url."
        )
    model = str(given.get("model") or "")
    if not model:
        raise ConfigurationError('llm_config names no model: add "model": "gpt-4o-mini".')
    maker = openai.AzureOpenAI if is_azure else openai.OpenAI
    takes = set(inspect.signature(maker.__init__).parameters) - {"self"}
    connection = {key: value for key, value in given.items() if key in takes}
    if is_azure:
        connection.setdefault("azure_endpoint", connection.pop("base_url", None))
        connection.setdefault("azure_deployment", model.replace(".", ""))  # it may hold no dot
    apart = takes | _AUTOGENS | {"model", "base_url", "api_version"}
    parameters = {key: value for key, value in given.items() if key not in apart}
    return Entry(model, parameters, connection, is_azure)
