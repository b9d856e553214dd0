"""A clock for tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

NOON = datetime(2026, 5, 8, 12, 0, tzinfo=timezone.utc)


class Ticking:
    """A clock that moves a minute at every look."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now
