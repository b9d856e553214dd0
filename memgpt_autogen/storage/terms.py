"""Queries in plain language, made into full-text expressions that cannot go wrong."""

from __future__ import annotations

import re

from memgpt_autogen.storage.text import clean

MAX_TERMS = 64

_WORD = re.compile(r"[^\W_]+")
# Words joined by marks, with a digit or a mark of identifiers: UUIDs, paths, versions.
_IDENTIFIER = re.compile(r"[^\W_]+(?:[-_./:\\@#+]+[^\W_]+)+")

STOP_WORDS = frozenset(
    """
    a about above after again against all am an and any are aren as at be because been before
    being below between both but by can cannot could couldn d did didn do does doesn doing don
    down during each few for from further had hadn has hasn have haven having he her here hers
    herself him himself his how i if in into is isn it its itself just ll m me might more most
    must mustn my myself no nor not now o of off on once only or other our ours ourselves out
    over own re s same shall shan she should shouldn so some such t than that the their theirs
    them themselves then there these they this those through to too under until up us ve very
    was wasn we were weren what when where which while who whom why will with won would wouldn
    you your yours yourself yourselves
    """.split()  # noqa: SIM905 - as a list it would fill two screens
)


def match_expression(query: str) -> str | None:
    """An FTS5 expression that matches any word of `query`; None when it has no words.

    Every word is quoted, so nothing in the query is read as syntax. Stop words are
    left out unless there is nothing else. Identifiers such as UUIDs and file names
    also count as a whole, in addition to their parts.
    """
    text = clean(query)
    words = dict.fromkeys(word.lower() for word in _WORD.findall(text))
    telling = [word for word in words if word not in STOP_WORDS] or list(words)
    if not telling:
        return None
    wholes = dict.fromkeys(match.lower() for match in _IDENTIFIER.findall(text))
    terms = [*telling[:MAX_TERMS], *list(wholes)[:MAX_TERMS]]
    return " OR ".join(f'"{term}"' for term in terms)
