"""Check the documents: relative links lead somewhere, Python blocks compile."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def problems(document: Path) -> Iterator[str]:
    text = document.read_text(encoding="utf-8")
    for link in LINK.findall(text):
        if "://" not in link and not link.startswith("mailto:"):
            target = document.parent / link
            if not target.exists():
                yield f"{document.relative_to(ROOT)}: no such file: {link}"
    for number, block in enumerate(BLOCK.findall(text), start=1):
        try:
            compile(block, f"{document.name}[{number}]", "exec")
        except SyntaxError as error:
            yield f"{document.relative_to(ROOT)}: Python block {number}: {error}"


def main() -> int:
    found = [problem for document in documents() for problem in problems(document)]
    print("\n".join(found) or f"{len(documents())} documents, no broken link or block")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
