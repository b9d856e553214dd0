"""Stores: layout, one per process, embedders that must agree, and a Chroma server's copy."""

from __future__ import annotations

import shutil
import socket
import stat
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from memgpt_autogen.errors import (
    ConfigurationError,
    EmbedderMismatchError,
    StorageError,
    TakenOverError,
)
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.embedders.embedder import Embedder, embed_query
from memgpt_autogen.storage.journal.blocks import StoredBlock
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.store import Store, open_store
from memgpt_autogen.upkeep.reindex import reindex
from tests.files import files_with
from tests.stores import HASHING, NOON, Letters, Observed, opened, record, text, warnings_in


def fill(store: Store, count: int = 40) -> None:
    store.recall.write([record(n, text(n)) for n in range(1, count + 1)])


def nearest(store: Store, number: int, embedder: Embedder = HASHING) -> int:
    asked = record(number, text(number)).embedded(store.recall.kind)
    return next(iter(store.recall.nearest(embed_query(embedder, asked), 5)))


def test_it_lies_in_one_directory_for_its_owner_alone(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fill(store, 3)
    store.close()
    assert store.directory == tmp_path / "agents" / "agent"
    names = {path.name for path in store.directory.iterdir()}
    assert names == {"chroma", "journal.sqlite3", "step", "lock"}
    for path in [store.directory, *store.directory.iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert names_at(str(tmp_path), "agents") == ["agent"]
    assert names_at(str(tmp_path), "sources") == []


def test_in_memory_only_nothing_is_written(tmp_path: Path) -> None:
    with closing(opened(":memory:")) as store, closing(opened(":memory:")) as other:
        fill(store, 3)
        store.indexer.settle()
        assert nearest(store, 2) == 2
        assert len(other.recall) == 0
        assert store.own(0) and store.purge()
        assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_who_asks_for_an_open_store_gets_it_and_the_last_one_closes_it(tmp_path: Path) -> None:
    one, two = opened(tmp_path), opened(tmp_path)
    assert one is two
    one.close()
    fill(two, 2)
    two.close()
    three = opened(tmp_path)
    assert three is not one and len(three.recall) == 2
    one.close()  # once too often: it is not the new one's end
    assert opened(tmp_path) is three
    assert three.own(0)
    one.close()
    assert three.ownership is not None and three.ownership.held
    three.close()
    three.close()
    assert not three.ownership.held


def test_a_store_that_nobody_has_any_more_keeps_nobody_out(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.own(0)
    fill(store, 2)
    store.indexer.settle()
    del store
    with closing(opened(tmp_path)) as store:
        assert store.own(0)
        assert nearest(store, 2) == 2


def test_closing_lets_go_of_everything_even_a_deleted_directory(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        with closing(opened(tmp_path)) as store:
            assert len(store.recall) == 0
            store.recall.write([record(0, text(number))])
        with closing(opened(tmp_path)) as store:
            assert [one.text for one in store.recall.table.newest(9)] == [text(number)]
        shutil.rmtree(tmp_path / "agents")


def test_a_path_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="memory="):
        opened(tmp_path / "file")


def test_a_failed_opening_leaves_nothing_locked(tmp_path: Path) -> None:
    directory = tmp_path / "agents" / "agent"
    directory.mkdir(parents=True)
    (directory / "journal.sqlite3").write_bytes(b"no database" * 500)
    with pytest.raises(StorageError, match="damaged"):
        opened(tmp_path)
    (directory / "journal.sqlite3").unlink()
    with closing(opened(tmp_path)) as store:
        assert store.own(0)


def test_what_was_deleted_leaves_all_files(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        fill(store, 30)
        store.indexer.settle()
        store.recall.delete(range(1, 20))
        assert store.directory is not None
        assert store.purge()
        assert files_with(store.directory, text(7), text(7).split()[0]) == []
        assert nearest(store, 25) == 25
    with closing(opened(tmp_path)) as store:
        assert files_with(tmp_path, text(7)) == []
        assert nearest(store, 25) == 25 and len(store.recall) == 11


def test_a_purge_that_was_broken_off_is_done_at_the_next_opening(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        fill(store, 30)
        store.indexer.settle()
        store.recall.delete([7])
        store.journal.put("purge", 1)
    with closing(opened(tmp_path)) as store:
        assert store.journal.get("purge") is None
        assert files_with(tmp_path, text(7)) == []


def test_without_texts_chroma_holds_none(tmp_path: Path) -> None:
    with closing(opened(tmp_path, settings=Settings(chroma_texts=False))) as store:
        fill(store, 30)
        store.indexer.settle()
        assert nearest(store, 7) == 7
        assert store.directory is not None
    assert files_with(store.directory / "chroma", text(7)) == []


# --- embedders --------------------------------------------------------------------------


def test_another_embedder_is_refused_with_both_names_and_the_way_out(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fill(store, 1)
    with pytest.raises(EmbedderMismatchError, match=r"open in this process.*hashing-v1.*letters-1"):
        opened(tmp_path, Letters())
    store.close()
    with pytest.raises(EmbedderMismatchError) as caught:
        opened(tmp_path, Letters())
    for part in ("hashing-v1", "letters-1", "reindex("):
        assert part in str(caught.value)


def test_reindex_embeds_everything_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(opened(tmp_path)) as store:
        fill(store, 100)
        store.archival.write([record(0, "a passage")])
        store.recall.delete([100])
    told: list[tuple[int, int]] = []
    count = reindex(
        "agent",
        memory=tmp_path,
        embedder=Letters(),
        progress=lambda done, total: told.append((done, total)),
    )
    assert count == 100
    assert (99, 99) in told and told[-1] == (1, 1)
    with closing(opened(tmp_path, Letters())) as store:
        assert len(store.recall) == 99
        assert nearest(store, 7, Letters()) == 7
        store.indexer.settle()  # opens the index that the search asked for
        assert store.indexer.query(store.recall.table, Letters().embed([text(7)]), 5)
    assert warnings_in(caplog) == []


def test_a_killed_reindex_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        fill(store)
    observed = Observed()
    observed.model_id = "observed"

    def die(done: int, total: int) -> None:
        observed.broken = True  # closing goes no further
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex("agent", memory=tmp_path, embedder=observed, progress=die)
    done = sum(observed.batches)
    assert 0 < done < 40
    observed.broken = False
    assert reindex("agent", memory=tmp_path, embedder=observed) == 40
    assert sum(observed.batches) == 40, "what was done before the kill is not done again"
    with closing(opened(tmp_path, observed)) as store:
        assert nearest(store, 7) == 7


# --- a Chroma server --------------------------------------------------------------------


@pytest.fixture
def name() -> str:
    """Servers are shared by tests: a name that nobody else has."""
    return f"Zoë {uuid.uuid4()}"


def machine(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("MEMGPT_AUTOGEN_CACHE", str(place))


def test_a_server_keeps_agents_apart_and_another_machine_finds_all(
    chroma_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    machine(monkeypatch, tmp_path / "one")
    first = open_store(chroma_server, "agents", name, HASHING)
    second = open_store(chroma_server, "agents", f"{name} 2", HASHING)
    assert first.directory is not None and first.directory.is_relative_to(tmp_path / "one")
    fill(first, 30)
    second.recall.write([record(1, "other")])
    assert (len(first.recall), len(second.recall)) == (30, 1)
    assert first.recall.delete([30]) == 1
    first.archival.write([record(1, "a passage")])
    first.state.put({"a": "ü"})
    first.blocks.create(StoredBlock("human", "likes tea", 1, 100), "model", NOON)
    first.written()
    first.close()
    second.close()
    machine(monkeypatch, tmp_path / "two")
    for _ in range(2):
        embedder = Observed()
        with closing(open_store(chroma_server, "agents", name, embedder)) as first:
            assert len(first.recall) == 29
            assert nearest(first, 7) == 7
            assert first.state.values() == {"a": "ü"}
            assert [one.value for one in first.blocks.load()] == ["likes tea"]
            assert [one.author for one in first.blocks.history("human")] == ["model"]
            assert [one.text for one in first.archival.table.newest(9)] == ["a passage"]
        assert embedder.batches == [], "vectors come from the server"
    assert warnings_in(caplog) == []
    assert name in names_at(chroma_server, "agents")


def test_changes_that_no_collection_has_yet_travel_along(
    chroma_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    machine(monkeypatch, tmp_path / "one")
    here = open_store(chroma_server, "agents", name, HASHING)
    fill(here, 10)
    here.indexer.settle()
    here.recall.write([record(11, text(11))])
    here.recall.delete([3])
    machine(monkeypatch, tmp_path / "two")
    with closing(open_store(chroma_server, "agents", name, HASHING)) as there:
        assert there.recall.table.numbers(Where()) == [1, 2, *range(4, 12)]
        assert there.indexer.wait(60)
        assert nearest(there, 11) == 11
    with pytest.raises(TakenOverError):
        here.close()


def test_a_memory_taken_over_is_not_written_here_any_more(
    chroma_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    machine(monkeypatch, tmp_path / "one")
    here = open_store(chroma_server, "agents", name, HASHING)
    here.state.put({"n": "one"})
    here.written()
    machine(monkeypatch, tmp_path / "two")
    there = open_store(chroma_server, "agents", name, HASHING)
    assert there.state.values() == {"n": "one"}
    there.state.put({"n": "two"})
    there.written()
    here.state.put({"n": "three"})
    with pytest.raises(TakenOverError, match="another process"):
        here.written()
    assert there.state.values() == {"n": "two"}
    there.close()
    with pytest.raises(TakenOverError):
        here.close()


def test_reindex_on_a_server(
    chroma_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    machine(monkeypatch, tmp_path)
    with closing(open_store(chroma_server, "agents", name, HASHING)) as store:
        fill(store, 3)
    assert reindex(name, memory=Settings(location=chroma_server), embedder=Letters()) == 3
    with closing(open_store(chroma_server, "agents", name, Letters())) as store:
        assert nearest(store, 2, Letters()) == 2


def test_no_server_is_said_plainly() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StorageError, match=f"chroma run --path DIRECTORY --port {port}"):
        opened(f"http://127.0.0.1:{port}")
    with pytest.raises(ConfigurationError, match="http://localhost:8000"):
        opened("http://")
