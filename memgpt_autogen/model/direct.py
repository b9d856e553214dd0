"""The prompt on its way past openai's request transform, which costs more than all else in a turn.

openai's client walks every message through every member of a union of types, about 0.4 ms a
message (3.57, `_utils/_transform.py`). What is given as `extra_body` it merges into the request
as it is, and lets it take precedence (README, "Undocumented request params"). So AutoGen is
given the prompt as always, and its own client hands it to openai by that way.
"""

from __future__ import annotations

import copy
from typing import Any

import openai
from openai.resources.chat.completions import Completions

_CREATE = Completions.create  # as openai has it: a program that wraps it wants to see the messages


_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class _Completions:
    """`client.chat.completions`, whose `create` sends messages and tools as they are."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def create(self, *, messages: Any, **rest: Any) -> Any:
        body = {**(rest.pop("extra_body", None) or {}), "messages": messages}
        if "tools" in rest:
            body["tools"] = rest.pop("tools")
        response = self._client.chat.completions.create(messages=[], extra_body=body, **rest)
        usage = getattr(response, "usage", None)
        if usage is not None and not all(
            isinstance(getattr(usage, one, None), int) for one in _COUNTS
        ):
            response.usage = None  # AutoGen would compute a price of it
        return response


class _Client:
    """As much of `openai.OpenAI` as AutoGen's client asks for."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client
        self.chat = self
        self.completions = _Completions(client)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def sending_directly(clients: list[Any]) -> list[Any]:
    """Model clients of AutoGen's, of which its own for openai hand prompts over directly."""
    return [_direct(client) if _is_plain(client) else client for client in clients]


def _direct(client: Any) -> Any:
    direct = copy.copy(client)
    direct._oai_client = _Client(client._oai_client)  # noqa: SLF001 - AutoGen's only name for it
    return direct


def _is_plain(client: Any) -> bool:
    """Whether it is AutoGen's own client over openai's own, which nobody has wrapped."""
    inner = getattr(client, "_oai_client", None)
    if type(client).__name__ != "OpenAIClient" or not isinstance(inner, openai.OpenAI):
        return False
    create = getattr(type(inner.chat.completions), "create", None)
    return create is _CREATE and "create" not in vars(inner.chat.completions)
