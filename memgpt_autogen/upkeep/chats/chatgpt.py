"""ChatGPT's data export: conversations.json, in which each conversation is a tree of messages.

The export has no public specification. What is known of it: each node names its parent, edited
messages and regenerated answers are branches, and `current_node` ends the one that was seen last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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

_Json = Mapping[str, Any]

HIDDEN = "hidden from the conversation"
THOUGHTS = "thoughts"
_SHOWN = ("text", "multimodal_text")
_SETTINGS = ("user_editable_context", "model_editable_context")
_ID = 12  # characters of an id that stand in an origin
MARKED = re.compile(r" \(ChatGPT(?: [^\s()]+)?\)$")  # how an origin of this kind ends


def is_conversation(content: Any) -> bool:
    """Whether this is one of an export's conversations."""
    return isinstance(content, dict) and isinstance(content.get("mapping"), dict)


def chat_of(conversation: _Json, you: str, assistant: str, origin: str | None) -> Chat:
    """The conversation as it was seen last.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: it cannot be read.
    """
    id_ = str(conversation.get("conversation_id") or conversation.get("id") or "")[:_ID]
    mark = f" (ChatGPT {id_})" if id_ else ""
    title = " ".join(str(conversation.get("title") or "Untitled").split())
    chat = Chat(origin or f"{title}{mark or ' (ChatGPT)'}", "" if origin else mark)
    time = time_of(conversation.get("create_time"))
    speakers = {"user": you, "assistant": assistant}
    for message in _path(conversation):
        time = time_of(message.get("create_time")) or time
        text, reason = _said(message)
        if reason:
            chat.skipped[reason] += 1
        else:
            chat.said.append((speakers[message["author"]["role"]], text, time))
    return chat


def _path(conversation: _Json) -> list[_Json]:
    """The messages from the first to the current one; nodes without a message are left out."""
    nodes: Mapping[Any, _Json] = conversation["mapping"]
    at = conversation.get("current_node")
    if at not in nodes:
        at = _last_leaf(nodes)
    path, seen = [], set()
    while at in nodes and at not in seen:
        seen.add(at)
        message = nodes[at].get("message")
        if message is not None:
            path.append(message)
        at = nodes[at].get("parent")
    return path[::-1]


def _last_leaf(nodes: Mapping[Any, _Json]) -> Any:
    parents = {node.get("parent") for node in nodes.values()}
    leaves = [name for name in nodes if name not in parents]

    def time(name: str) -> float:
        return float((nodes[name].get("message") or {}).get("create_time") or 0)

    return max(leaves, key=time, default=None)


def _said(message: _Json) -> tuple[str, str]:
    """A message's text, and why it is none that somebody said."""
    role, content = message["author"]["role"], message.get("content") or {}
    kind, hidden = content.get("content_type", "text"), message.get("metadata") or {}
    text = "\n".join(filter(None, map(text_of, content.get("parts") or ()))).strip()
    if kind in _SETTINGS or role == "system":
        return "", SYSTEM
    if role == "tool":
        return "", RESULTS
    if hidden.get("is_visually_hidden_from_conversation") or message.get("weight") == 0:
        return "", HIDDEN
    if (message.get("recipient") or "all") != "all" or kind in ("code", "execution_output"):
        return "", CALLS
    if role not in ("user", "assistant") or kind not in _SHOWN:
        return "", THOUGHTS if kind in ("thoughts", "reasoning_recap") else f"content of {kind}"
    return text, "" if text else NO_TEXT
