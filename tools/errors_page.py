"""docs/errors.md against the error classes: its tree is written, the rest is by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from memgpt_autogen import errors as module
from memgpt_autogen.errors import MemGPTError
from memgpt_autogen.installation import InstallationError

PAGE = Path(__file__).resolve().parent.parent / "docs" / "errors.md"
WAYS = ("**When:** ", "**What to do:** ")
TREE = re.compile(r"(<!-- the tree: make reference -->\n).*?(<!-- end -->)", re.DOTALL)


def errors() -> list[type[Exception]]:
    """The package's error classes, in the source's order."""
    found = [
        one
        for one in vars(module).values()
        if isinstance(one, type)
        and issubclass(one, Exception)
        and one.__module__ == module.__name__
    ]
    return list(dict.fromkeys([*found, InstallationError]))


def tree(root: type[Exception] = MemGPTError, ahead: str = "") -> Iterator[str]:
    """The errors under `root`, a line each."""
    if not ahead:
        yield root.__name__
    below = [one for one in errors() if root in one.__bases__]
    for one in below:
        last = one is below[-1]
        yield f"{ahead}{'└── ' if last else '├── '}{one.__name__}"
        yield from tree(one, ahead + ("    " if last else "│   "))


def with_tree(text: str) -> str:
    """The text of docs/errors.md with the tree that holds now."""
    block = "\n".join(["```text", *tree(), "```"])
    return TREE.sub(lambda found: f"{found[1]}{block}\n{found[2]}", text)


def amiss(text: str) -> Iterator[str]:
    """What docs/errors.md fails to say, or says of no error."""
    if not TREE.search(text):
        yield "docs/errors.md: the place of the tree is gone"
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    titles = [section.split("\n", 1)[0] for section in sections]
    known = [one.__name__ for one in errors()]
    for name in known:
        if titles.count(name) != 1:
            yield f"docs/errors.md: {name} has {titles.count(name)} sections, and needs one"
    for title, section in zip(titles, sections, strict=True):
        if title not in known:
            yield f"docs/errors.md: there is no error {title}"
        for way in WAYS:
            if section.count(f"\n{way}") != 1:
                yield f"docs/errors.md: {title} needs one paragraph that begins with {way.strip()}"
