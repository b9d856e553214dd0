"""AutoGen's safeguards: hooks around what passes between an agent, its model and its tools.

AutoGen 0.14 calls them in its own reply functions, which the memory loop replaces; an
agent without them (0.2, 0.9, or none registered) is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BLOCKED = "LLM call blocked by safeguard"  # AutoGen's own words
MODEL_HOOKS = ("safeguard_llm_inputs", "safeguard_llm_outputs")
TOOL_BLOCKED = "Error: a safeguard blocked this call."


def guarded_prompt(agent: Any, messages: Sequence[Mapping[str, Any]]) -> list[Any] | None:
    """The prompt as the hooks leave it; None when they forbid the call."""
    prompt = list(messages)
    if not _watched(agent, MODEL_HOOKS[0]):
        return prompt
    checked = agent._process_llm_input(prompt)  # noqa: SLF001 - AutoGen has no public name for it
    if checked is None:
        return None
    # A policy of AutoGen's answers with one text for the whole prompt: it only reports.
    return checked if isinstance(checked, list) else prompt


def guarded_message(agent: Any, said: Any) -> Any:
    """What the model said, a text or a message, as the hooks leave it.

    Raises:
        ValueError: a hook returned None, which AutoGen forbids.
    """
    if not _watched(agent, MODEL_HOOKS[1]):
        return said
    message = said.model_dump() if hasattr(said, "model_dump") else said
    checked = agent._process_llm_output(message)  # noqa: SLF001
    if checked is None:
        raise ValueError("safeguard_llm_outputs hook returned None")
    return checked


def guarded_call(agent: Any, request: dict[str, Any]) -> dict[str, Any] | None:
    """A call of a tool as the hooks leave it; None when they forbid it."""
    if not _watched(agent, "safeguard_tool_inputs"):
        return request
    checked: dict[str, Any] | None = agent._process_tool_input(request)  # noqa: SLF001
    return checked


def guarded_result(agent: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """What a tool answered as the hooks leave it."""
    if not _watched(agent, "safeguard_tool_outputs"):
        return answer
    return agent._process_tool_output(answer) or {"content": TOOL_BLOCKED}  # noqa: SLF001


def _watched(agent: Any, hook: str) -> bool:
    return bool(getattr(agent, "hook_lists", {}).get(hook))
