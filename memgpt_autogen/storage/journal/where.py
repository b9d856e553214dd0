"""Where: which records count, as a condition in SQL."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

AMONG = "number IN (SELECT value FROM json_each(?))"
"""The condition that a row's number is one of a list, which is given as JSON."""


@dataclass(frozen=True)
class Where:
    """Which records count.

    Bounds of time are microseconds since 1970, inclusive; `below` is a number that theirs
    are less than. `before` and `after` are places in the order of times, a time and a number
    each: what a page of a listing goes on from, however long the listing is.
    """

    start: int | None = None
    end: int | None = None
    speaker: str | None = None
    tags: tuple[str, ...] = ()
    origins: tuple[str, ...] | None = None
    below: int | None = None
    before: tuple[int, int] | None = None
    after: tuple[int, int] | None = None

    @property
    def everything(self) -> bool:
        return self == Where()

    def within(self, start: int, end: int) -> Where:
        """These, and of this time."""
        return replace(
            self,
            start=start if self.start is None else max(start, self.start),
            end=end if self.end is None else min(end, self.end),
        )

    def clauses(self, table: str) -> Clauses:
        """The conditions on a row of `table`, which has its tags in `{table}_tags`."""
        clauses = Clauses()
        if self.start is not None:
            clauses.add("at >= ?", self.start)
        if self.end is not None:
            clauses.add("at <= ?", self.end)
        if self.below is not None:
            clauses.add("number < ?", self.below)
        if self.before is not None:
            clauses.add("(at, number) < (?, ?)", *self.before)
        if self.after is not None:
            clauses.add("(at, number) > (?, ?)", *self.after)
        if self.speaker is not None:
            clauses.add(f"{table}.speaker = ?", self.speaker)
        for tag in self.tags:
            # table names are those of `Kind`
            clauses.add(f"number IN (SELECT number FROM {table}_tags WHERE tag = ?)", tag)  # noqa: S608
        if self.origins is not None:
            marks = ", ".join("?" * len(self.origins))
            clauses.add(f"{table}.origin IN ({marks})", *self.origins)
        return clauses


EVERYTHING = Where()


@dataclass
class Clauses:
    """Conditions of a WHERE in SQL, and their parameters."""

    conditions: list[str] = field(default_factory=lambda: ["1"])
    parameters: list[int | str] = field(default_factory=list)

    def add(self, condition: str, *parameters: int | str) -> None:
        self.conditions.append(condition)
        self.parameters.extend(parameters)

    @property
    def sql(self) -> str:
        return " AND ".join(self.conditions)
