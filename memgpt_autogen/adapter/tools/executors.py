"""Executors: whoever in an AutoGen chat would run a tool that an agent calls there."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from autogen import Agent, ConversableAgent, GroupChat, exception_utils

_SELECTING = ("select_speaker", "a_select_speaker")
_NO_SPEAKER = (
    exception_utils.NoEligibleSpeakerError
    if hasattr(exception_utils, "NoEligibleSpeakerError")
    else exception_utils.NoEligibleSpeaker  # its name in AutoGen 0.2
)


def has_executor(
    chat: Agent | None, caller: ConversableAgent, tool: str, beside: Collection[str]
) -> bool:
    """Whether somebody in a chat can be expected to run a tool that is called there.

    Args:
        chat: the partner, or a group chat's manager; None: nobody reads the message.
        caller: who calls it.
        tool: its name.
        beside: the names of all tools that the same message calls.
    """
    group = getattr(chat, "groupchat", None)
    if isinstance(group, GroupChat):
        return _has_executor(group, caller, beside)
    return _can_run(chat, [tool])


def _has_executor(group: GroupChat, caller: ConversableAgent, tools: Collection[str]) -> bool:
    """Whether the group can select somebody who runs all of them: AutoGen lets one do so."""
    method = group.speaker_selection_method
    if callable(method) or any(map(partial(_is_replaced, group), _SELECTING)):
        return True  # it alone knows; AutoGen's patterns select their executor so
    asking = copy.copy(group)
    asking.messages = [*group.messages, _message(caller, tools)]
    if method.lower() != "round_robin":
        asking.speaker_selection_method = "auto"  # which leaves the choice among them open
    try:  # each version of AutoGen has rules of its own, and no public name for them
        selected, eligible, _ = asking._prepare_and_select_agents(caller)  # noqa: SLF001
    except (_NO_SPEAKER, ValueError):
        return False
    candidates = [selected] if selected else eligible or group.agents
    return any(_can_run(one, tools) for one in candidates)


def _is_replaced(group: GroupChat, method: str) -> bool:
    """Whether a group selects its speakers in a way of its own."""
    found = getattr(group, method)
    return getattr(found, "__func__", found) is not getattr(GroupChat, method)


def _message(caller: ConversableAgent, tools: Iterable[str]) -> dict[str, Any]:
    calls = [{"type": "function", "function": {"name": tool}} for tool in tools]
    return {"role": "assistant", "name": caller.name, "content": None, "tool_calls": calls}


def _can_run(agent: Any, tools: Iterable[str]) -> bool:
    can = getattr(agent, "can_execute_function", None)
    return can is not None and can(list(tools)) is True
