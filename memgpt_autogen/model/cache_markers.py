"""Cache markers: up to where a provider may keep a prompt for the next request.

Anthropic keeps the beginning of a prompt only where the request says so, at four places
at most, and finds it again within 20 blocks of a place
(https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching). Providers of other
models do it unasked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MARKER = {"type": "ephemeral"}
_RESULTS = 2  # the latest one, and the one that the request before ended with


def take_markers(configs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether whoever may answer, by a client's config_list, is one of Anthropic's models."""
    return all(_has_own_client(one) or "claude" in str(one.get("model")).lower() for one in configs)


def marked_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages with markers: at the head, and at the latest results of calls.

    In the OpenAI format a marker stands in a part of a message's content. Of AutoGen's
    own client for Anthropic only those of results reach the provider.
    """
    results = [at for at, message in enumerate(messages) if message.get("role") == "tool"]
    heads = [at for at, message in enumerate(messages[:1]) if message.get("role") == "system"]
    places = {*heads, *results[-_RESULTS:]}
    return [
        {**message, "content": _marked(message["content"])} if at in places else dict(message)
        for at, message in enumerate(messages)
    ]


def marked_tools(
    tools: Sequence[Mapping[str, Any]], configs: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The tools, the last one marked where AutoGen's own client for Anthropic sends them."""
    found = [dict(tool) for tool in tools]
    if found and all(map(_has_own_client, configs)):
        found[-1]["function"] = {**found[-1]["function"], "cache_control": _MARKER}
    return found


def _has_own_client(config: Mapping[str, Any]) -> bool:
    return config.get("api_type") == "anthropic"


def _marked(content: Any) -> Any:
    if not isinstance(content, str) or not content:  # parts of an image, or nothing to keep
        return content
    return [{"type": "text", "text": content, "cache_control": _MARKER}]
