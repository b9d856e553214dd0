"""Damages tried on copies of a memory, and what became of each."""

from __future__ import annotations

import hashlib
import random
import shutil
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.durability.damage import Damage
from tests.durability.prepared import Prepared
from tests.durability.report import table
from tests.durability.worker import Config
from tests.durability.zygote import Ended, Zygote

# whole: all is there, and there was nothing to say. blurred: a search by meaning misses.
Outcome = Literal["whole", "healed", "blurred", "refused", "lost", "doubled", "crashed"]
OUTCOMES: tuple[Outcome, ...] = (
    "whole",
    "healed",
    "blurred",
    "refused",
    "lost",
    "doubled",
    "crashed",
)
SECONDS = 30.0  # until a child counts as hanging


@dataclass(frozen=True)
class Trial:
    """A damage and what became of it.

    Attributes:
        why: what was wrong; "" if nothing was.
    """

    damage: Damage
    outcome: Outcome
    why: str = ""


def run_trials(
    folder: Path,
    zygotes: Sequence[Zygote],
    prepared: Prepared,
    config: Config,
    damages: Iterable[Damage],
) -> list[Trial]:
    """Try each damage on a copy of its own; one at a time for each process that forks."""
    waiting = list(enumerate(damages))
    guard = threading.Lock()

    def some(zygote: Zygote) -> list[tuple[int, Trial]]:
        done: list[tuple[int, Trial]] = []
        while True:
            with guard:
                if not waiting:
                    return done
                number, damage = waiting.pop(0)
            copy = folder / f"{number}"
            done.append((number, Bench(zygote, prepared, config, copy).run(damage)))
            shutil.rmtree(copy)

    with ThreadPoolExecutor(len(zygotes)) as pool:
        found = [one for part in pool.map(some, zygotes) for one in part]
    return [trial for _, trial in sorted(found, key=lambda pair: pair[0])]


class Bench:
    """Where one damage is tried."""

    def __init__(self, zygote: Zygote, prepared: Prepared, config: Config, copy: Path) -> None:
        self._zygote = zygote
        self._prepared = prepared
        self._config = config
        self._copy = copy

    def run(self, damage: Damage) -> Trial:
        original = self._prepared.left if damage.left else self._prepared.closed
        expected = self._prepared.expected[original]
        shutil.copytree(original, self._copy)
        damage.apply(self._copy, self._prepared)
        before = _digests(self._copy)
        texts = random.Random(damage.seed).sample(self._prepared.probes, 5)
        ended = self._zygote.run(
            "examine:examine", self._copy, self._config, texts, seconds=SECONDS
        )
        if ended.status:
            return Trial(damage, "crashed", _reason(ended))
        found = ended.result
        if found["error"]:
            return self._refused(damage, found, before, original)
        if problem := _missing(expected, found["remembered"]):
            return Trial(damage, "lost", problem)
        if problem := _doubled(found["remembered"]):
            return Trial(damage, "doubled", problem)
        return _whole(damage, found)

    def _refused(
        self, damage: Damage, found: Mapping[str, Any], before: set[tuple[str, str]], original: Path
    ) -> Trial:
        """An error is right where it is typed and all can be had again."""
        if not found["typed"]:
            return Trial(damage, "crashed", found["error"])
        kept = {digest for _, digest in _digests(self._copy)}
        for name, digest in sorted(before):
            if f"{name}/".startswith(f"{damage.target}/") and digest not in kept:
                return Trial(damage, "lost", f"{name} is gone, after {found['error']}")
        self._undo(damage, original)
        again = self._zygote.run("examine:restored", self._copy, self._config, seconds=SECONDS)
        if again.status:
            return Trial(damage, "lost", f"not to be had again: {_reason(again)}")
        problem = _missing(self._prepared.expected[original], again.result)
        return Trial(damage, "lost" if problem else "refused", problem)

    def _undo(self, damage: Damage, original: Path) -> None:
        """What a user does who has a copy of what was damaged."""
        target = self._copy / damage.target
        if target.is_dir():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (original / damage.target).is_dir():
            shutil.copytree(original / damage.target, target)
        else:
            shutil.copy2(original / damage.target, target)


def _whole(damage: Damage, found: Mapping[str, Any]) -> Trial:
    told = found["warnings"]
    if len(told) > 1:
        return Trial(damage, "healed", f"{len(told)} warnings, not one: {told}")
    if found["unfound"]:
        unfound = [text[:20] for text in found["unfound"]]
        why = "" if damage.invisible and not told else f"not found: {unfound}"
        return Trial(damage, "blurred", why)
    if damage.certain and not told:
        return Trial(damage, "whole", "nobody was told")
    return Trial(damage, "healed" if told else "whole")


def _missing(expected: Mapping[str, Sequence[str]], found: Mapping[str, Sequence[str]]) -> str:
    for tier, texts in expected.items():
        missing = Counter(texts) - Counter(found.get(tier, ()))
        if missing:
            first = next(iter(missing))
            return f"{missing.total()} of {len(texts)} of {tier}, such as {first[:40]!r}"
    return ""


def _doubled(found: Mapping[str, Sequence[str]]) -> str:
    for tier, texts in found.items():
        for text, count in Counter(texts).items():
            if count > 1 and text.startswith(("said", "kept", "page", "shared")):
                return f"{tier}: {text[:40]!r}"
    return ""


def _digests(memory: Path) -> set[tuple[str, str]]:
    """Name and digest of each file that holds something; SQLite's -shm holds nothing of worth."""
    return {
        (str(path.relative_to(memory)), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in memory.rglob("*")
        if path.is_file() and path.stat().st_size and not path.name.endswith("-shm")
    }


def _reason(ended: Ended) -> str:
    if ended.hung:
        return "hangs"
    lines = ended.log.strip().splitlines()
    return f"status {ended.status}: {lines[-1] if lines else ''}"


def report(trials: Sequence[Trial]) -> str:
    """One line for each kind of damage and place, and what was wrong."""
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for trial in trials:
        for name in (_row(trial.damage), "all"):
            rows[name][trial.outcome] += 1
            rows[name]["damages"] += 1
            rows[name]["wrong"] += bool(trial.why)
    order = sorted(rows, key=lambda name: (name == "all", name))
    lines = [table("damage", ("damages", *OUTCOMES, "wrong"), [(n, rows[n]) for n in order])]
    lines += [
        f"{trial.outcome}: {_named(trial.damage)}: {trial.why}" for trial in trials if trial.why
    ]
    return "\n".join(lines)


def _named(damage: Damage) -> str:
    left = ", left by a kill" if damage.left else ""
    places = f", {damage.places} places of seed {damage.seed}" if damage.places else ""
    return f"{damage.target} {damage.kind}{left}{places}"


def _row(damage: Damage) -> str:
    part = damage.target.split("/")
    place = "agent's chroma" if part[0] == "agents" and "chroma" in part else part[0]
    if place == "agents":
        place = part[-1]
    return f"{place} {damage.kind}"
