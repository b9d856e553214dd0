"""Sources: files into passages, attached to agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, load_source
from memgpt_autogen.errors import (
    ConfigurationError,
    EmbedderMismatchError,
    StorageError,
)
from memgpt_autogen.sources.encodings import decoded
from memgpt_autogen.sources.load import LoadedSource, SkippedFile
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store
from memgpt_autogen.testing import ScriptedModel, call, send

NOON = datetime(2026, 5, 8, 12, 0, tzinfo=timezone.utc)
HASHING = HashingEmbedder()
SECONDS = 30.0

Make = Callable[..., MemGPTAgent]


class OtherSpace(HashingEmbedder):
    model_id = "other-space"


class Failing(HashingEmbedder):
    """Fails in the midst of the second file, as a machine that is switched off."""

    def __init__(self) -> None:
        self.batches = 0

    def embed(self, texts: Any) -> Vectors:
        self.batches += 1
        if self.batches == 5:
            raise StorageError("switched off")
        return super().embed(texts)


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "parts").mkdir(parents=True)
    (folder / "pump.md").write_text("# Pump\n\nThe pump needs 24 volts.\n")
    (folder / "parts" / "valve.txt").write_text("The valve opens at 3 bar.")
    (folder / "picture.png").write_bytes(b"\x89PNG\0")
    (folder / ".hidden.txt").write_text("nothing to see")
    (folder / "empty.txt").write_text(" \n")
    return folder


def load(name: str, paths: Any, memory: Path, **kwargs: Any) -> LoadedSource:
    kwargs = {"embedder": HASHING, "clock": lambda: NOON, **kwargs}
    return load_source(name, paths, memory=memory, **kwargs)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[MemGPTAgent] = []

    def build(model: ScriptedModel, name: str = "mem", **kwargs: Any) -> MemGPTAgent:
        kwargs = {"memory": tmp_path / "memory", "embedder": HASHING, **kwargs}
        agent = MemGPTAgent(name, llm_config=model.llm_config, clock=lambda: NOON, **kwargs)
        made.append(agent)
        return agent

    yield build
    for agent in made:
        agent.close()


# --- loading ---------------------------------------------------------------------


def test_a_folder_is_loaded_with_the_paths_as_tags(manual: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    loaded = load(
        "The Manual", manual, tmp_path / "m", progress=lambda *numbers: told.append(numbers)
    )
    assert loaded == LoadedSource(
        "The Manual",
        loaded=("parts/valve.txt", "pump.md"),
        unchanged=(),
        skipped=(
            SkippedFile("empty.txt", "it holds no text"),
            SkippedFile("picture.png", "it is no text, and nothing here reads .png files"),
        ),
        passages=2,
    )
    assert told[-1] == (2, 2)
    assert names_at(str(tmp_path / "m"), "sources") == ["The Manual"]


def test_loading_again_takes_in_what_changed_only(manual: Path, tmp_path: Path) -> None:
    load("manual", manual, tmp_path / "m")
    (manual / "pump.md").write_text("The pump needs 48 volts.")
    (manual / "new.md").write_text("Oil it weekly.")
    again = load("manual", [manual], tmp_path / "m")
    assert again.loaded == ("new.md", "pump.md")
    assert again.unchanged == ("parts/valve.txt",)
    assert again.passages == 3
    assert load("manual", manual, tmp_path / "m").loaded == ()


def test_a_load_that_was_killed_is_finished_by_the_next(manual: Path, tmp_path: Path) -> None:
    for name in ("pump.md", "zone.txt"):  # many batches each
        (manual / name).write_text("Keep the zone clear. " * 7000)
    with pytest.raises(StorageError, match="switched off"):  # after pump.md was stored
        load("manual", manual, tmp_path / "m", embedder=Failing())
    again = load("manual", manual, tmp_path / "m")
    assert again.loaded == ("zone.txt",) and set(again.unchanged) == {"pump.md", "parts/valve.txt"}
    store = open_store(str(tmp_path / "m"), "sources", "manual", HASHING)
    try:  # what the embedder failed at is done too
        assert store.indexer.wait(SECONDS)
    finally:
        store.close()


def test_what_cannot_be_loaded_says_why(manual: Path, tmp_path: Path) -> None:
    memory = tmp_path / "m"
    with pytest.raises(ConfigurationError, match="no file or folder"):
        load("x", tmp_path / "missing", memory)
    with pytest.raises(ConfigurationError, match="nothing to load"):
        load("x", [], memory)
    with pytest.raises(ConfigurationError, match="needs a name"):
        load(" ", manual, memory)
    with pytest.raises(ConfigurationError, match=r"picture\.png: it is no text"):
        load("x", manual / "picture.png", memory)
    (tmp_path / "pump.md").write_text("another")
    assert not names_at(str(memory), "sources")
    both = load("x", [manual, tmp_path / "pump.md"], memory)
    assert {"pump.md", f"{tmp_path.name}/pump.md"} < {*both.loaded}


def test_another_embedder_is_refused(manual: Path, tmp_path: Path) -> None:
    load("manual", manual, tmp_path / "m")
    with pytest.raises(EmbedderMismatchError, match="a source of another name"):
        load("manual", manual / "pump.md", tmp_path / "m", embedder=OtherSpace())


# --- attaching -------------------------------------------------------------------


@pytest.mark.autogen
def test_an_agent_searches_what_is_attached_and_is_told(
    make: Make, manual: Path, tmp_path: Path
) -> None:
    load("manual", manual, tmp_path / "memory")
    script = [
        call("archival_memory_search", query="pump volts", request_heartbeat=True),
        send("24 volts."),
    ]
    with ScriptedModel(script) as model:
        agent = make(model)
        assert agent.attach("manual") == 2
        assert agent.attach("manual") == 2  # once more changes nothing
        asked = {"role": "user", "content": "How many volts?", "name": "Alice"}
        assert agent.generate_reply([asked]) == "24 volts."
        event = "The source 'manual' with 2 passages can now be searched"
        assert model.requests[0].contains(event) == 1
        assert model.requests[1].contains("(manual: pump.md: Pump) # Pump") >= 1
        found = agent.archival.search("valve", tags=["parts/valve.txt"]).items
        assert [(p.source, p.text) for p in found] == [("manual", "The valve opens at 3 bar.")]
        assert len(agent.archival) == 0  # nothing is copied


@pytest.mark.autogen
def test_a_reopened_agent_has_its_sources(make: Make, manual: Path, tmp_path: Path) -> None:
    load("manual", manual, tmp_path / "memory")
    with ScriptedModel([]) as model:
        with make(model) as first:
            first.attach("manual")
        second = make(model)
        assert second.archival.attached == ("manual",)
        assert second.archival.search("valve").items[0].source == "manual"
        assert second.detach("manual") and not second.detach("manual")
        assert second.archival.search("valve").total == 0
        second.close()
        assert make(model).archival.attached == ()


@pytest.mark.autogen
def test_two_agents_share_a_source_that_is_loaded_meanwhile(
    make: Make, manual: Path, tmp_path: Path
) -> None:
    memory = tmp_path / "memory"
    load("manual", manual, memory)
    with ScriptedModel([]) as model:
        one, two = make(model, "one"), make(model, "two")
        one.attach("manual")
        two.attach("manual")
        (manual / "pump.md").write_text("The pump needs 48 volts.")
        load("manual", manual, memory)
        one.close()
        texts = [p.text for p in two.archival.search("pump").items]
        assert "The pump needs 48 volts." in texts and len(texts) == 2
        two.close()
        load("manual", manual, memory)


@pytest.mark.autogen
def test_a_missing_source_is_named_with_those_there_are(
    make: Make, manual: Path, tmp_path: Path
) -> None:
    memory = tmp_path / "memory"
    with ScriptedModel([]) as model:
        agent = make(model)
        with pytest.raises(ConfigurationError, match="none yet"):
            agent.attach("manual")
        load("Pumps & valves", manual, memory)
        with pytest.raises(ConfigurationError, match="'Pumps & valves'"):
            agent.attach("manual")
        assert sorted(path.name for path in (memory / "sources").iterdir()) != []
        assert names_at(str(memory), "sources") == ["Pumps & valves"]  # asking made none


@pytest.mark.autogen
def test_a_source_of_another_embedder_is_refused_and_let_go(
    make: Make, manual: Path, tmp_path: Path
) -> None:
    load("manual", manual, tmp_path / "memory", embedder=OtherSpace())
    with ScriptedModel([]) as model:
        agent = make(model)
        with pytest.raises(EmbedderMismatchError):
            agent.attach("manual")
        assert agent.archival.attached == ()
    load("manual", manual, tmp_path / "memory", embedder=OtherSpace())  # not locked


@pytest.mark.autogen
def test_an_agent_opens_without_a_source_that_is_gone(
    make: Make, manual: Path, tmp_path: Path
) -> None:
    load("manual", manual, tmp_path / "memory")
    with ScriptedModel([]) as model:
        with make(model) as first:
            first.attach("manual")
        (tmp_path / "memory" / "sources").rename(tmp_path / "away")
        with pytest.warns(RuntimeWarning, match="no source 'manual'"):
            second = make(model)
        assert second.archival.attached == ()
        second.close()
        (tmp_path / "away").rename(tmp_path / "memory" / "sources")
        assert make(model).archival.attached == ("manual",)


# --- decoding -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("utf-8-sig"), "Grüße"),
        ("Grüße".encode("utf-16"), "Grüße"),
        ("Grüße".encode("cp1252"), "Grüße"),
    ],
)
def test_texts_of_several_encodings_are_read(data: bytes, text: str) -> None:
    assert decoded(data) == text
