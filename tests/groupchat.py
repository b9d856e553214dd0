"""Small helpers for group chats in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autogen import ConversableAgent, GroupChat, GroupChatManager


def speaker(name: str, say: Callable[[int], str]) -> Any:
    """An agent without a model that says `say(1)`, `say(2)`, … in turn."""
    agent = ConversableAgent(name, llm_config=False, human_input_mode="NEVER")
    said = 0

    def reply(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        nonlocal said
        said += 1
        return True, say(said)

    agent.register_reply([ConversableAgent, None], reply)
    return agent


def manager_of(agents: list[Any], **kwargs: Any) -> Any:
    """A silent group chat manager without a model, taking turns in order."""
    kwargs.setdefault("speaker_selection_method", "round_robin")
    chat = GroupChat(agents, [], **kwargs)
    return GroupChatManager(chat, llm_config=False, silent=True)
