"""Memories that are killed again and again, and what became of them."""

from __future__ import annotations

import dataclasses
import itertools
import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from memgpt_autogen.testing import ScriptedModel
from tests.durability.ledger import Deed, Ledger, Verdict, judge
from tests.durability.report import table
from tests.durability.script import Script
from tests.durability.zygote import Ended, Zygote

PHASES = (
    "open",
    "chat",
    "append",
    "edit",
    "insert",
    "load",
    "restore",
    "forget",
    "reindex",
    "close",
)
LONGEST = 60.0  # seconds until a child counts as hanging
FIRST_SPAN = 0.1  # seconds, for a deed that was not measured yet


@dataclass(frozen=True)
class Kill:
    """One kill and what the next process found.

    Attributes:
        problem: why the memory could not be opened or did not answer; "" if it did.
    """

    phase: str
    seed: int
    verdict: Verdict
    problem: str


def run_kills(folder: Path, zygotes: Sequence[Zygote], kills: int, seed: int) -> list[Kill]:
    """So many kills over all phases, one chain of them for each process that forks."""
    phases = list(itertools.islice(itertools.cycle(PHASES), kills))
    random.Random(seed).shuffle(phases)
    shares = [phases[start :: len(zygotes)] for start in range(len(zygotes))]
    with ThreadPoolExecutor(len(zygotes)) as pool:
        runs = pool.map(
            lambda n: _share(folder / f"share-{n}", zygotes[n], shares[n], seed * 1000 + n),
            range(len(zygotes)),
        )
        return [kill for run in runs for kill in run]


def _share(folder: Path, zygote: Zygote, phases: Sequence[str], seed: int) -> list[Kill]:
    """Ten kills to a memory; after one that was not reopened a new memory begins."""
    found: list[Kill] = []
    chain: Chain | None = None
    for number, phase in enumerate(phases):
        if chain is None or chain.kills == 10 or not chain.sound:
            if chain is not None:
                chain.close()
            chain = Chain(folder / f"memory-{number}", zygote)
        found.append(chain.kill(phase, seed + number))
    if chain is not None:
        chain.close()
    return found


class Chain:
    """One memory, its ledger and its model, through several kills.

    Attributes:
        kills: so far.
        sound: nothing was wrong so far; what is wrong once would be counted again.
    """

    def __init__(self, folder: Path, zygote: Zygote) -> None:
        folder.mkdir(parents=True)
        self.kills = 0
        self.sound = True
        self._folder = folder
        self._zygote = zygote
        self._ledger = Ledger(folder / "ledger.jsonl")
        self._script = Script()
        self._model = ScriptedModel(self._script, window=4096).start()

    def kill(self, phase: str, seed: int) -> Kill:
        """Let a child work until a random moment of a phase, kill it, and look."""
        self.kills += 1
        chance = random.Random(seed)
        ended = self._work_until_killed(phase, chance)
        problem = "" if ended.status == -9 and not ended.hung else f"worker: {_reason(ended)}"
        verdict = Verdict()
        if not problem:
            tidy = chance.random() < 0.5
            after = self._zygote.run(
                "reopen:reopen", self._folder, self._model.llm_config, tidy, seconds=LONGEST
            )
            if after.status:
                problem = _reason(after)
            else:
                verdict = judge(self._deeds(), after.result)
        self.sound = bool(verdict) and not problem
        return Kill(phase, seed, verdict, problem)

    def _work_until_killed(self, phase: str, chance: random.Random) -> Ended:
        before = self._ledger.marks()
        span = self._span(phase)
        child = self._zygote.start(
            "worker:work", self._folder, self._model.llm_config, chance.randrange(10**6), phase
        )
        deadline = time.monotonic() + LONGEST
        while self._ledger.marks() == before and time.monotonic() < deadline:
            time.sleep(0.002)
            if child.ended:
                break
        time.sleep(chance.uniform(0, 2 * span))
        child.kill()
        return child.wait(LONGEST)

    def _span(self, phase: str) -> float:
        """What a deed of this kind takes, in seconds."""
        took = [one.seconds for one in self._ledger.deeds() if one.kind == phase and one.done]
        return sum(took) / len(took) if took else FIRST_SPAN

    def _deeds(self) -> list[Deed]:
        """What was begun, and beside it what the model did."""
        promised = tuple(put for puts in self._script.promised.values() for put in puts)
        nothing: dict[str, str] = {}
        deeds = [Deed("model", promised, (), done=False, seconds=0, note=nothing)]
        for one in self._ledger.deeds():
            reply = str(one.note.get("reply", ""))
            puts = (*one.puts, *self._script.acknowledged(reply))
            deeds.append(dataclasses.replace(one, puts=puts))
        return deeds

    def close(self) -> None:
        self._model.stop()


def _reason(ended: Ended) -> str:
    if ended.hung:
        return f"hangs; {ended.log.strip()[-300:]}"
    lines = ended.log.strip().splitlines()
    return f"status {ended.status}: {lines[-1] if lines else ''}"


def report(kills: Sequence[Kill]) -> str:
    """One line for each phase, one for all, and what was wrong."""
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kill in kills:
        for name in (kill.phase, "all"):
            rows[name].update(
                kills=1,
                lost=len(kill.verdict.lost),
                doubled=len(kill.verdict.doubled),
                returned=len(kill.verdict.returned),
            )
            rows[name]["not reopened"] += bool(kill.problem)
    columns = ("kills", "lost", "doubled", "returned", "not reopened")
    lines = [table("killed in", columns, [(name, rows[name]) for name in (*PHASES, "all")])]
    for kill in kills:
        if kill.problem:
            lines.append(f"{kill.phase} (seed {kill.seed}): {kill.problem}")
        for word in ("lost", "doubled", "returned"):
            for tier, text in getattr(kill.verdict, word):
                lines.append(f"{kill.phase} (seed {kill.seed}): {word} {tier}: {text[:60]}")
    return "\n".join(lines)
