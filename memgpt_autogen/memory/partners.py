"""Partners: what of a memory is shown in one partner's chats, where they are kept apart.

A partner is whoever has a chat with the agent: one other, or a group.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass

from memgpt_autogen.errors import ConfigurationError

PREFIX = "human:"
COMMON = "human"  # the block on the one partner, or on what all have in common
_BETWEEN = "\n"  # stands in no name
_PLAIN = re.compile(r"[\w.-]+(?: [\w.-]+)*")


def partner_of(name: str, members: Collection[str] = ()) -> str:
    """The key of a partner: its name; of a group, the manager's and the members' names.

    Raises:
        ConfigurationError: a name is empty or of several lines.
    """
    names = [name, *sorted(members)]
    for one in names:
        if not one.strip() or len(one.splitlines()) != 1:
            raise ConfigurationError(
                f"Settings(separate_partners=True) tells partners apart by their names, and {one!r}"
                " is none: give each agent that talks with this one a name of one line."
            )
    return _BETWEEN.join(names)


def partner_block(partner: str) -> str:
    """The name of a partner's core memory block, which is no other partner's."""
    if _PLAIN.fullmatch(partner):
        return PREFIX + partner
    shown = " ".join(re.findall(r"[\w.-]+", partner))[:40]
    mark = hashlib.blake2b(partner.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{PREFIX}{shown}~{mark}"


def digest_of(name: str) -> str:
    """What stands for the name of somebody who was forgotten."""
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=12).hexdigest()


def origin_of_block(name: str) -> str:
    """The origin of a block that left for archival storage: that of no chat."""
    return _BETWEEN + name


@dataclass(frozen=True)
class View:
    """Which of the agent's blocks the model sees, and may edit.

    Attributes:
        partner: whose chat it is where partners are kept apart, empty outside of chats; None:
            all are seen.
    """

    partner: str | None = None

    def shows(self, name: str) -> bool:
        """Whether it is seen: no other partner's is."""
        if self.partner is None or not name.startswith(PREFIX):
            return True
        return bool(self.partner) and name == partner_block(self.partner)

    def keeps(self, name: str) -> bool:
        """Whether all partners see it: then what one of them says must not get there."""
        return bool(self.partner) and name != partner_block(self.partner or "")
