"""A memory with something in every part of it, an older copy, and a neighbour."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memgpt_autogen import MemGPTAgent, load_source
from tests.durability.embedder import spread
from tests.durability.worker import AGENT, PADDING, Config, plain
from tests.durability.zygote import Zygote

PLAN, TEAM, MANUAL, OTHER = "plan", "team", "manual", "other"
HALF = 30  # messages stored in each of two sessions


@dataclass(frozen=True)
class Prepared:
    """Memories to copy and to damage; what each remembers, by tier.

    Attributes:
        closed: the agent's memory after `close`.
        left: the same after a kill, with what SQLite leaves beside its files.
        older: the closed memory as it was at half the time.
        probes: messages that searching by meaning finds in the closed memory.
    """

    closed: Path
    left: Path
    older: Path
    expected: Mapping[Path, Mapping[str, list[str]]]
    probes: list[str]


def prepare(folder: Path, zygote: Zygote, config: Config) -> Prepared:
    """Make all of them."""
    closed, left, older = folder / "closed", folder / "left", folder / "older"
    zygote.returned("prepared:session", closed, config, AGENT, 0)
    shutil.copytree(closed, older)
    zygote.returned("prepared:session", closed, config, OTHER, 0)
    zygote.returned("prepared:session", closed, config, OTHER, 1)
    expected = {closed: zygote.returned("prepared:session", closed, config, AGENT, 1)}
    shutil.copytree(closed, left)
    ended = zygote.run("prepared:killed_session", left, config, folder / "left.txt")
    assert ended.status == -signal.SIGKILL, ended.log
    more = {"recall": (folder / "left.txt").read_text("utf-8").splitlines()}
    expected[left] = {tier: texts + more.get(tier, []) for tier, texts in expected[closed].items()}
    said = [text for text in expected[closed]["recall"] if text.startswith("said")]
    shutil.copytree(closed, folder / "probed")
    probes = zygote.returned("examine:found_by_meaning", folder / "probed", config, said)
    assert len(probes) > len(said) // 2, "searching by meaning finds too little"
    return Prepared(closed, left, older, expected, probes)


def open_prepared(memory: Path, config: Config, name: str = AGENT) -> MemGPTAgent:
    return MemGPTAgent(name, "", config, memory=memory, embedder=spread)


def session(memory: str, config: Config, name: str, number: int) -> dict[str, list[str]]:
    """One of the two sessions of an agent; what it remembers then."""
    place = Path(memory)
    with open_prepared(place, config, name) as agent:
        for each in range(number * HALF, (number + 1) * HALF):
            agent.recall.append(f"said {name} {each:03d} {PADDING}", speaker="Ben")
        for each in range(number * 8, (number + 1) * 8):
            agent.archival.insert(f"kept {name} {each:03d} {PADDING}")
        agent.archival.delete(agent.archival.insert("of no use"))
        if name == AGENT:
            _share(agent, place, number)
        agent.core_memory.set("human", f"told {name} {number}")
        ask(agent, f"question {name} {number}")
        return remembered(agent)


def killed_session(memory: str, config: Config, told: str) -> None:
    """A third session, which ends by a kill after its deeds were acknowledged."""
    agent = open_prepared(Path(memory), config)
    texts = [plain(f"said late {each} {PADDING}") for each in range(5)]
    for text in texts:
        agent.recall.append(text, speaker="Ben")
    ask(agent, "question late")
    Path(told).write_text("\n".join([*texts, "question late"]), "utf-8")
    os.kill(os.getpid(), signal.SIGKILL)


def _share(agent: MemGPTAgent, memory: Path, number: int) -> None:
    folder = memory.parent / f"documents-{number}"
    folder.mkdir()
    for each in range(5):
        page = folder / f"page-{number}-{each}.md"
        page.write_text(f"page {number} {each} {PADDING}\n", "utf-8")
    load_source(MANUAL, folder, memory=memory, embedder=spread)
    agent.attach(MANUAL)
    agent.attach_block(PLAN, "Ship on Friday.")
    agent.attach(TEAM, writable=True)
    for each in range(5):
        agent.archival.insert(f"shared {number} {each} {PADDING}", archive=TEAM)


def ask(agent: MemGPTAgent, text: str) -> str:
    """One turn."""
    return str(agent.generate_reply([{"role": "user", "name": "Ann", "content": text}]))


def remembered(agent: MemGPTAgent) -> dict[str, Any]:
    """All that the agent sees, by tier; a text for each record."""
    tiers: dict[str, list[str]] = {"archival": [], MANUAL: [], TEAM: []}
    for passage in agent.archival.search("", limit=10_000).items:
        tiers[passage.source or "archival"].append(plain(passage.text))
    tiers["recall"] = [
        plain(message.text)
        for message in agent.recall.everything()
        if message.speaker in ("Ann", "Ben")
    ]
    tiers.update({b.name: [b.value] for b in agent.core_memory if b.name in ("human", PLAN)})
    return tiers
