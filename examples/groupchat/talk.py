"""People in a group chat, whose words come from a list such as ["Ann: Hello.", "Bob: Hi."]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autogen import UserProxyAgent


def person(name: str, executor: Any = None) -> Any:
    """Somebody who says nothing by themselves, and runs code if given an executor."""
    return UserProxyAgent(
        name,
        human_input_mode="NEVER",
        code_execution_config={"executor": executor} if executor else False,
        default_auto_reply="",
    )


def people_in(messages: Sequence[str]) -> dict[str, Any]:
    """The people who say these messages, by name."""
    names = dict.fromkeys(_parted(message)[0] for message in messages)
    return {name: person(name) for name in names}


def talk(people: dict[str, Any], manager: Any, messages: Sequence[str]) -> None:
    """Each message is said by its person in the manager's group chat, and answered."""
    for number, message in enumerate(messages):
        name, words = _parted(message)
        people[name].initiate_chat(manager, message=words, clear_history=number == 0, silent=True)


def _parted(message: str) -> tuple[str, str]:
    """ "Ann: Hello." in its two parts; without a name they are the user's words."""
    name, colon, words = message.partition(": ")
    return (name, words) if colon and name.isidentifier() else ("user", message)
