"""A table of counts, in plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def table(first: str, columns: Sequence[str], rows: Sequence[tuple[str, Mapping[str, int]]]) -> str:
    """A line for each row; a column for each count, 0 where it is missing."""
    width = max(len(first), *(len(name) for name, _ in rows))
    lines = ["  ".join([first.ljust(width), *columns])]
    for name, counts in rows:
        cells = [str(counts.get(column, 0)).rjust(len(column)) for column in columns]
        lines.append("  ".join([name.ljust(width), *cells]))
    return "\n".join(lines)
