"""The process: what belongs to it alone, and what a fork must not carry into a child.

A forked child shares its parent's open files, locks and database connections. SQLite
forbids to use or even to close them there (https://sqlite.org/howtocorrupt.html, section
2.6), so the child lets them be and makes its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from memgpt_autogen.errors import ForkedError


def forget_in_child(forget: Callable[[], None]) -> None:
    """Call `forget` in every child that is forked from now on, before it runs."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)


def forked(what: str) -> ForkedError:
    """The error of a child that uses what its parent opened."""
    return ForkedError(
        f"{what} was opened before this process was forked, and only its parent may use it. Make"
        " the agent in the child, after the fork (in a worker's start-up hook, or at its first"
        " request); its memory is free once the parent has closed its own agent, or use other"
        " names."
    )
