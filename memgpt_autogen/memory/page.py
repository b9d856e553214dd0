"""Page: one part of a longer result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from memgpt_autogen.values import short

T = TypeVar("T")

LAST = 2**62  # SQLite takes no number above 2**63


@dataclass(frozen=True, repr=False)
class Page(Generic[T]):
    """Items `page * limit` and the following ones of `total`; pages count from 0."""

    items: tuple[T, ...]
    page: int
    limit: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.limit)

    def __repr__(self) -> str:
        return f"Page({self.page + 1} of {self.pages}, {self.total} in all: {short(self.items)})"


def first_item(limit: int, page: int) -> int:
    """The place of a page's first item."""
    return min(limit * page, LAST)
