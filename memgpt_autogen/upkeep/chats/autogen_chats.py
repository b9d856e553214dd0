"""AutoGen's chat histories: lists of messages, as 0.2 and ag2 keep them and people save them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memgpt_autogen.upkeep.chats.chat import (
    CALLS,
    NO_TEXT,
    RESULTS,
    SYSTEM,
    Chat,
    text_of,
    time_of,
)

_HOLDERS = ("messages", "chat_history", "chat_messages")  # GroupChat, ChatResult, an agent
_TIMES = ("timestamp", "created_at", "create_time", "time")


def lists_in(content: Any, name: str) -> Iterator[tuple[str, Sequence[Any]]]:
    """The lists of messages in what was given, each with a name.

    Args:
        content: a list of messages or of such lists; a GroupChat, a ChatResult, an agent's
            `chat_messages`; or what any of them is in JSON.
        name: of what was given.
    """
    for holder in _HOLDERS:
        held = (
            content.get(holder) if isinstance(content, Mapping) else getattr(content, holder, None)
        )
        if isinstance(held, Sequence | Mapping) and not isinstance(held, str):
            yield from lists_in(held, name)
            return
    if isinstance(content, Mapping):
        for partner, messages in content.items():
            if _is_list(messages):
                yield f"{name}: {getattr(partner, 'name', partner)}", messages
    elif _is_list(content):
        yield name, content
    elif isinstance(content, Sequence) and not isinstance(content, str | bytes):
        for number, one in enumerate(content, 1):
            yield from lists_in(one, name if len(content) == 1 else f"{name}: {number}")


def chat_of(messages: Sequence[Mapping[str, Any]], origin: str, you: str, assistant: str) -> Chat:
    """A list of messages as a chat."""
    chat = Chat(origin)
    for message in messages:
        role = str(message.get("role") or "user")
        text, reason = _said(message, role)
        if reason:
            chat.skipped[reason] += 1
            continue
        speaker = message.get("name") or (assistant if role == "assistant" else you)
        times = [found for key in _TIMES if (found := time_of(message.get(key)))]
        chat.said.append((str(speaker), text, times[0] if times else None))
    return chat


def _is_list(messages: Any) -> bool:
    return (
        isinstance(messages, Sequence)
        and not isinstance(messages, str | bytes)
        and len(messages) > 0
        and all(isinstance(one, Mapping) and "content" in one for one in messages)
    )


def _said(message: Mapping[str, Any], role: str) -> tuple[str, str]:
    """A message's text, and why it is none that somebody said."""
    content = message["content"]
    parts = content if isinstance(content, list) else [content]
    text = "\n".join(filter(None, map(text_of, parts))).strip()
    if role == "system":
        return "", SYSTEM
    if role in ("tool", "function") or message.get("tool_responses"):
        return "", RESULTS
    if (message.get("tool_calls") or message.get("function_call")) and text in ("", "None"):
        return "", CALLS  # AutoGen writes the word for a null content
    return text, "" if text else NO_TEXT
