"""Page: one part of a longer result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from memgpt_autogen.errors import ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True)
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


def check_paging(limit: int, page: int) -> int:
    """The place of a page's first item.

    Raises:
        ConfigurationError: limit is below 1 or page below 0.
    """
    if limit < 1 or page < 0:
        raise ConfigurationError(
            f"limit={limit}, page={page}: limit must be at least 1, and pages count from 0."
        )
    return limit * page
