"""docs/providers.md: its tables are written from the profiles, the rest is by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memgpt_autogen.testing import PROFILES, Profile
from memgpt_autogen.testing.profiles import Rule

PAGE = Path(__file__).resolve().parent.parent / "docs" / "providers.md"
TABLE = re.compile(r"(<!-- (\S+): make reference -->\n).*?(<!-- end -->)", re.DOTALL)
ISSUE = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)")


def with_tables(text: str) -> str:
    """The text of docs/providers.md with the tables that hold now."""
    return TABLE.sub(lambda found: found[1] + table(PROFILES[found[2]]) + "\n" + found[3], text)


def table(profile: Profile) -> str:
    return "\n".join(["| Refused | Status and words | Seen first | Source |", *_rows(profile)])


def _rows(profile: Profile) -> Iterator[str]:
    yield "|---|---|---|---|"
    for rule in profile.rules:
        yield _row(rule, "to be learnt from" if rule.learnable else "a mistake")
    for rule in profile.options:
        yield _row(rule, "if asked for: to be learnt from")
    overflow = profile.overflow
    for words in dict.fromkeys(filter(None, (overflow.words, overflow.with_reply))):
        seen = "the prompt is cut instead" if profile.truncates else "in `overflows`"
        yield f"| more than the window | 400 {_code(words)} | {seen} | {_links(overflow.source)} |"


def _row(rule: Rule, seen: str) -> str:
    return f"| {rule.name} | {rule.status} {_code(rule.words)} | {seen} | {_links(rule.source)} |"


def _code(words: Any) -> str:
    """The provider's words on one line; the longest are cut."""
    text = words if isinstance(words, str) else json.dumps(words)
    text = " ".join(text.replace("{{", "{").replace("}}", "}").replace("|", "\\|").split())
    return f"`` {text if len(text) <= 300 else text[:300] + ' …'} ``"


def _links(source: str) -> str:
    return ", ".join(map(_link, source.split(", ")))


def _link(source: str) -> str:
    if issue := ISSUE.fullmatch(source):
        return f"[{source}](https://github.com/{issue[1]}/issues/{issue[2]})"
    return f"[{source.split('/')[2]}]({source})"


def missing(text: str) -> Iterator[str]:
    """What docs/providers.md fails to show."""
    shown = [found[2] for found in TABLE.finditer(text)]
    for name in PROFILES:
        if shown.count(name) != 1:
            yield f"docs/providers.md: {name} has {shown.count(name)} tables, and needs one"
