"""Write docs/compatibility.md from the outcomes of the tests on each AutoGen.

compatibility.py FEATURES.json...: files that pytest wrote with --features-to, one a column.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "compatibility.md"

WORKS, ABSENT, FAILS = "works", "not in this version", "**fails**"

INTRODUCTION = """\
# Compatibility

What of AutoGen works with a `MemGPTAgent`, or with a `MemGPTCapability` on another agent. This
table is made from test results: each row is named by tests that carry its name
(`@pytest.mark.feature`) and run a real chat against a scripted model's HTTP server, on each of
these distributions. `make test-matrix` runs them and writes this file.

"works": at least one test ran, and none failed. "not in this version": AutoGen lacks it, or a
package it needs for it.
"""

Outcomes = Mapping[str, int]


def cell(outcomes: Outcomes) -> str:
    """One feature on one AutoGen."""
    if outcomes.get("failed"):
        return FAILS
    return WORKS if outcomes.get("passed") else ABSENT


def document(columns: Mapping[str, Mapping[str, Outcomes]]) -> str:
    """The whole text.

    Args:
        columns: outcomes by feature, by the name and version of the AutoGen.
    """
    rows = sorted({feature for found in columns.values() for feature in found}, key=str.casefold)
    lines = [
        INTRODUCTION,
        f"| feature | {' | '.join(columns)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for row in rows:
        cells = [cell(found.get(row, {})) for found in columns.values()]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(paths: Sequence[str]) -> None:
    columns = {}
    for path in paths:
        found = json.loads(Path(path).read_text("utf-8"))
        columns[found["autogen"]] = found["features"]
    DOCUMENT.write_text(document(columns), "utf-8")
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
