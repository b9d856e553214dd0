"""AutoGen's client as the memory loop uses it: without the tools of its configuration."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autogen import OpenAIWrapper

_TOOL_KEYS = ("tools", "functions")
_CHOICE_KEYS = ("tool_choice", "parallel_tool_calls")
_TEMPLATE_KEYS = ("allow_format_str_template",)
_ALL_KEYS = (*_TOOL_KEYS, *_CHOICE_KEYS, *_TEMPLATE_KEYS)


def tools_of(client: OpenAIWrapper) -> list[dict[str, Any]]:
    """The tools in a client's configuration, old-style functions among them."""
    config = configs_of(client)[0]
    tools = [dict(tool) for tool in config.get("tools") or ()]
    functions = [{"type": "function", "function": dict(f)} for f in config.get("functions") or ()]
    return [*tools, *functions]


class ToollessClient:
    """A client that sends only the tools it is given with a call.

    AutoGen lets the tools of the configuration win over those of a call (0.2, 0.9) or
    adds the two up (0.14), so memory functions would be dropped or doubled. It would also
    take the whole main context for templates.
    """

    def __init__(self, client: OpenAIWrapper) -> None:
        self._client = client

    def extract_text_or_completion_object(self, response: Any) -> Any:
        """`OpenAIWrapper.extract_text_or_completion_object`."""
        return self._client.extract_text_or_completion_object(response)

    def create(self, **arguments: Any) -> Any:
        """`OpenAIWrapper.create`; the usage is counted in the agent's own client."""
        # Without tools, providers refuse what is said about the choice of one.
        keys = (*_TOOL_KEYS, *_TEMPLATE_KEYS) if arguments.get("tools") else _ALL_KEYS
        configs = configs_of(self._client)
        if not any(key in config for config in configs for key in keys):
            return self._client.create(**arguments)
        bare = copy.copy(self._client)
        bare._config_list = [  # noqa: SLF001 - AutoGen has no way to leave them out
            {key: value for key, value in config.items() if key not in keys} for config in configs
        ]
        try:
            return bare.create(**arguments)
        finally:  # the usage, and whose turn it is where the entries take turns
            kept = {key: value for key, value in vars(bare).items() if key != "_config_list"}
            vars(self._client).update(kept)


def configs_of(client: OpenAIWrapper) -> list[dict[str, Any]]:
    """The entries of a client's config_list; one empty entry for a stand-in that has none."""
    configs = getattr(client, "_config_list", None)
    return list(configs) if isinstance(configs, Sequence) and configs else [{}]


def formats_texts(client: OpenAIWrapper) -> bool:
    """Whether texts are templates for `str.format`, where a message brings a context."""
    return bool(configs_of(client)[0].get("allow_format_str_template"))
