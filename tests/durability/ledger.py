"""What was begun and what was acknowledged, in a file that outlives whoever is killed."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Where a text is kept, and the text: ("recall", "fact-00012 …").
Put = tuple[str, str]
Dump = Mapping[str, Sequence[str]]

HUMAN = "human"  # of this block each deed replaces the text


@dataclass(frozen=True)
class Deed:
    """One thing that was done, or begun.

    Attributes:
        puts: the texts that are there once afterwards.
        drops: the texts that are gone.
        done: the call returned.
        seconds: what it took, where it returned.
        note: what else was written down with it.
    """

    kind: str
    puts: tuple[Put, ...]
    drops: tuple[Put, ...]
    done: bool
    seconds: float
    note: Mapping[str, Any]


class Ledger:
    """Lines of JSON, each written by one call and so never half."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(
        self, kind: str, puts: Iterable[Put] = (), drops: Iterable[Put] = (), **note: Any
    ) -> int:
        """Write down what is about to be done; its number."""
        number = len(self._lines())
        self._write(
            {"begin": number, "kind": kind, "puts": list(puts), "drops": list(drops), **note}
        )
        return number

    def done(self, number: int, **note: Any) -> None:
        """Acknowledge it."""
        self._write({"done": number, **note})

    def mark(self) -> None:
        """From here on the process may be killed."""
        self._write({"mark": True})

    def marks(self) -> int:
        return sum("mark" in line for line in self._lines())

    def deeds(self) -> list[Deed]:
        """All that was begun, in its order."""
        lines = self._lines()
        ends = {line["done"]: line for line in lines if "done" in line}
        return [
            Deed(
                line["kind"],
                tuple((where, text) for where, text in line["puts"]),
                tuple((where, text) for where, text in line["drops"]),
                line["begin"] in ends,
                ends.get(line["begin"], line)["at"] - line["at"],
                {**line, **ends.get(line["begin"], {})},
            )
            for line in lines
            if "begin" in line
        ]

    def _lines(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text("utf-8").splitlines()]

    def _write(self, line: dict[str, Any]) -> None:
        entry = json.dumps({**line, "at": time.monotonic()}) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, entry.encode())
        os.close(descriptor)


@dataclass(frozen=True)
class Verdict:
    """What a memory lacks, has twice, or has though it was erased."""

    lost: tuple[Put, ...] = ()
    doubled: tuple[Put, ...] = ()
    returned: tuple[Put, ...] = ()

    def __bool__(self) -> bool:
        """Whether all is well."""
        return not (self.lost or self.doubled or self.returned)


def judge(deeds: Sequence[Deed], dump: Dump) -> Verdict:
    """Compare what was begun and acknowledged with what is there.

    Tiers that the dump leaves out are not judged.
    """
    counts = {tier: Counter(texts) for tier, texts in dump.items()}
    known = {put: one.done for one in deeds for put in one.puts if put[0] in counts}
    gone = {put: one.done for one in deeds for put in one.drops}
    lost = [
        put
        for put, done in known.items()
        if put[0] != HUMAN and done and put not in gone and not counts[put[0]][put[1]]
    ]
    if HUMAN in dump:
        lost += _human(deeds, dump[HUMAN])
    doubled = [(tier, text) for tier, text in known if counts[tier][text] > 1]
    returned = [(tier, text) for (tier, text), done in gone.items() if done and counts[tier][text]]
    return Verdict(tuple(lost), tuple(doubled), tuple(returned))


def _human(deeds: Sequence[Deed], found: Sequence[str]) -> Iterator[Put]:
    """The block's text is the last one acknowledged, or one begun after it."""
    allowed = [""]
    for one in deeds:
        for tier, text in one.puts:
            if tier == HUMAN:
                allowed = [text] if one.done else [*allowed, text]
    if "\n".join(found) not in allowed:
        yield (HUMAN, allowed[0])
