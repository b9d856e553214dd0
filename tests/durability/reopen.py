"""What comes after a kill: a fresh process that reads everything and goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.errors import ConfigurationError, EmbedderMismatchError
from tests.durability.embedder import EMBEDDERS
from tests.durability.ledger import HUMAN, Deed, Ledger
from tests.durability.worker import (
    SOURCE,
    Config,
    chat,
    embedder_in_use,
    open_agent,
    plain,
)


def reopen(chain: str, config: Config, tidy: bool) -> dict[str, list[str]]:
    """All that is stored, by tier, after one more turn.

    Args:
        tidy: close the memory at the end; else the process ends as it is.
    """
    ledger = Ledger(Path(chain) / "ledger.jsonl")
    memory = Path(chain) / "memory"
    agent = _open(memory, config, ledger)
    assert chat(agent, ledger), "no answer"
    dump = dump_of(agent)
    if any(one.kind == "load" for one in ledger.deeds()):
        dump[SOURCE] = _passages_of_source(memory)
    for one in ledger.deeds():
        place = Path(str(one.note.get("place", "")))
        if one.kind == "restore" and place.exists():
            dump.update(_restored(one, place))
            shutil.rmtree(place)
    if tidy:
        agent.close()
    return dump


def dump_of(agent: MemGPTAgent) -> dict[str, list[str]]:
    """What an agent remembers, by tier."""
    return {
        "recall": [plain(message.text) for message in agent.recall.everything()],
        "archival": [plain(passage.text) for passage in agent.archival.everything()],
        "persona": agent.core_memory["persona"].value.splitlines(),
        HUMAN: agent.core_memory["human"].value.splitlines(),
    }


def _open(memory: Path, config: Config, ledger: Ledger) -> MemGPTAgent:
    """A reindexing that was cut short may have been done already."""
    last = embedder_in_use(ledger)
    try:
        return open_agent(memory, config, last)
    except EmbedderMismatchError:
        [other] = set(EMBEDDERS) - {last}
        agent = open_agent(memory, config, other)
        ledger.done(ledger.begin("reindex", embedder=other))
        return agent


def _passages_of_source(memory: Path) -> list[str]:
    with open_agent(memory, False, "spread", name="reader") as reader:
        try:
            reader.attach(SOURCE)
        except ConfigurationError:  # the first load was cut short before there was a source
            return []
        found = reader.archival.search("", limit=10_000).items
        return [plain(passage.text) for passage in found if passage.source == SOURCE]


def _restored(deed: Deed, place: Path) -> dict[str, list[str]]:
    """The restored memory; a restoring that was cut short is called again."""
    try:
        agent = MemGPTAgent.from_checkpoint(
            deed.note["file"], llm_config=False, memory=place, embedder=EMBEDDERS["spread"]
        )
    except ConfigurationError:
        if not deed.done:
            _must_be_whole(deed, place)
        agent = open_agent(place, False, "spread")
    with agent:
        found = dump_of(agent)
    return {f"{place.name} {tier}": texts for tier, texts in found.items()}


def _must_be_whole(deed: Deed, place: Path) -> None:
    with open_agent(place, False, "spread") as agent:
        found = dump_of(agent)
    missing = [put for put in deed.puts if put[1] not in found[put[0].split()[-1]]]
    assert not missing, f"restoring again is refused, and {len(missing)} texts are missing"
