"""Several processes with one memory, one process with many, and a kill after a call returned."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, load_source
from memgpt_autogen.testing import ScriptedModel, call, calls
from tests.durability.embedder import spread
from tests.durability.zygote import Zygote

pytestmark = pytest.mark.slow

VALVE = "The valve is behind the blue panel."


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def manual(memory: Path, tmp_path: Path) -> Path:
    """A source that is loaded already; the file it was made of."""
    page = tmp_path / "manual.md"
    page.write_text(VALVE)
    load_source("manual", page, memory=memory, embedder=spread)
    return page


def open_agent(memory: Path, name: str) -> MemGPTAgent:
    return MemGPTAgent(name, llm_config=False, memory=memory, embedder=spread)


# ------------------------------------------------------------------ attached elsewhere


def test_a_source_that_is_open_elsewhere_is_searched(
    memory: Path, manual: Path, zygote: Zygote
) -> None:
    with open_agent(memory, "reviewer") as agent:
        agent.attach("manual")
    with open_agent(memory, "coder") as agent:
        agent.attach("manual")
        assert zygote.returned("elsewhere:found", memory, "reviewer", "valve") == [VALVE]
        arguments = (memory, "tester", "manual", "valve")
        assert zygote.returned("elsewhere:attach_and_find", *arguments) == [VALVE]
        assert agent.archival.search("valve").items[0].text == VALVE


def test_an_archive_is_written_by_two_processes(memory: Path, zygote: Zygote) -> None:
    with open_agent(memory, "coder") as agent:
        agent.attach("team", writable=True)
        agent.archival.insert("The staging server has 8 GB.", archive="team")
        told = "The importer drops empty lines."
        zygote.returned("elsewhere:add_to_archive", memory, "reviewer", "team", told)
        assert told in [passage.text for passage in agent.archival.search("importer").items]
        agent.archival.insert("The exporter keeps them.", archive="team")
        everything = zygote.returned("elsewhere:found", memory, "reviewer", "")
    assert len(everything) == 3


def test_a_source_is_loaded_again_while_it_is_attached(
    memory: Path, manual: Path, zygote: Zygote
) -> None:
    with open_agent(memory, "coder") as agent:
        agent.attach("manual")
        manual.write_text("The valve is behind the green panel.")
        assert zygote.returned("elsewhere:load", memory, "manual", manual) == 1
        [passage] = agent.archival.search("valve").items
        assert "green panel" in passage.text


# ------------------------------------------------------------------ set, then kill


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    reply = calls(
        call("core_memory_append", name="human", content="Dana is allergic to nuts."),
        call("archival_memory_insert", content="Dana lives in Bergen."),
        call("send_message", message="Noted."),
    )
    with ScriptedModel(lambda request: reply) as running:
        yield running


Seen = Callable[[Any], object]

AFTERWARDS: dict[str, tuple[Seen, object]] = {
    "set": (lambda agent: agent.core_memory["human"].value, "Dana is allergic to nuts."),
    "append": (lambda agent: agent.core_memory["human"].value, "Dana is allergic to nuts."),
    "replace": (lambda agent: agent.core_memory["persona"].value, "I am patient."),
    "turn": (
        lambda agent: [
            agent.core_memory["human"].value,
            *(message.text for message in agent.recall.everything()),
            *(passage.text for passage in agent.archival.everything()),
        ],
        ["Dana is allergic to nuts.", "I am allergic to nuts.", "Noted.", "Dana lives in Bergen."],
    ),
    "recall": (lambda agent: [m.text for m in agent.recall.everything()], ["Dana sails."]),
    "archival": (
        lambda agent: [p.text for p in agent.archival.everything()],
        ["Dana lives in Bergen."],
    ),
    "share": (lambda agent: agent.core_memory["plan"].value, "Ship on Friday."),
    "attach": (lambda agent: list(agent.archival.archives), ["team"]),
    "delete": (lambda agent: len(agent.archival), 0),
}


@pytest.mark.parametrize("deed", AFTERWARDS)
def test_what_a_call_has_accepted_is_on_disk_when_it_returns(
    deed: str, memory: Path, model: ScriptedModel, zygote: Zygote
) -> None:
    ended = zygote.run("elsewhere:killed_after", memory, model.llm_config, deed)
    assert ended.status == -signal.SIGKILL, ended.log
    look, expected = AFTERWARDS[deed]
    with open_agent(memory, "mem") as agent:
        assert look(agent) == expected


# ------------------------------------------------------------------ many agents


@pytest.mark.parametrize("count", [60, pytest.param(200, marks=pytest.mark.slow_durability)])
def test_many_agents_in_one_process(count: int, memory: Path, zygote: Zygote) -> None:
    kept = zygote.returned("elsewhere:many_agents", memory, count, seconds=300)
    print(f"\n{count} agents: {kept}")
    assert kept["remember"] == count
    assert kept["descriptors"] <= 1024 and kept["threads"] <= 100
