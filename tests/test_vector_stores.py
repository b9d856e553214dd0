"""Which vector store a memory has: chosen once, kept, and moved without embedding again."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from memgpt_autogen import (
    ConfigurationError,
    DirectoryLockedError,
    export_agent,
    import_agent,
    migrate,
)
from memgpt_autogen.errors import StorageError
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.embedders.arrays import unit_rows
from memgpt_autogen.storage.embedders.embedder import embed_query
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.record import RECALL
from memgpt_autogen.storage.store import open_store, settled
from memgpt_autogen.storage.vectors import choice, lance
from memgpt_autogen.storage.vectors.folder import Folder
from memgpt_autogen.storage.vectors.lance import LanceIndex
from memgpt_autogen.storage.vectors.lance_stores import LanceFolder, LanceStorage
from memgpt_autogen.upkeep import migrate as migrating
from tests.files import files_with
from tests.forks import in_child
from tests.stores import (
    HASHING,
    Observed,
    opened,
    record,
    run_until_killed,
    text,
    warnings_in,
)
from tests.terminal import Run, make_coder

pytest.importorskip("lancedb")

LANCE = Settings(vectors="lancedb")


def fill(place: Path, settings: Settings, count: int = 60) -> Path:
    """A closed memory, of which a few records were deleted; its directory."""
    with closing(opened(place, settings=settings)) as store:
        store.recall.write([record(n, text(n)) for n in range(1, count + 1)])
        store.archival.write([record(n, text(1000 + n)) for n in range(1, 6)])
        store.indexer.settle()
        store.recall.delete([3, 4])
        assert store.directory is not None
        return store.directory


def found(place: Path, **kwargs: Any) -> list[dict[int, float]]:
    """What searches by the index find; nothing is embedded for them but the queries."""
    observed = Observed()
    with closing(opened(place, observed, **kwargs)) as store:
        assert store.indexer._prepared()
        store.indexer.settle()
        assert len(store.recall.table.changes) == 0
        queries = [embed_query(HASHING, text(n)) for n in (1, 30, 1003)]
        near = [store.recall.nearest(query, 10) for query in queries]
        near.append(store.archival.nearest(queries[2], 3))
    assert observed.batches == []
    return near


def same(one: list[dict[int, float]], other: list[dict[int, float]]) -> bool:
    return all(
        list(mine) == list(theirs) and mine == pytest.approx(theirs, abs=1e-3)
        for mine, theirs in zip(one, other, strict=True)
    )


def folders(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.is_dir()}


# --- chosen -----------------------------------------------------------------------------


def test_a_memory_keeps_its_store_and_both_find_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = fill(tmp_path / "lance", LANCE)
    assert folders(directory) == {"lancedb"}
    fill(tmp_path / "chroma", Settings())
    assert same(found(tmp_path / "lance"), found(tmp_path / "chroma"))
    assert same(found(tmp_path / "lance", settings=LANCE), found(tmp_path / "lance"))
    for place, wanted in (("lance", "chroma"), ("chroma", "lancedb")):
        with pytest.raises(ConfigurationError, match=f"migrate agent --to {wanted}"):
            opened(tmp_path / place, settings=Settings(vectors=wanted))
    assert folders(directory) == {"lancedb"} and warnings_in(caplog) == []
    modes = {path.stat().st_mode & 0o777 for path in directory.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert all(path.stat().st_mode & 0o077 == 0 for path in directory.rglob("*"))


@pytest.mark.parametrize("address", ["http://localhost:1", ":memory:"])
def test_what_is_no_directory_has_no_store_of_its_own(address: str) -> None:
    with pytest.raises(ConfigurationError, match="for a memory in a directory"):
        settled(Settings(location=address, vectors="lancedb"))
    assert settled(Settings(location=address, vectors="chroma")).location == address


@pytest.mark.parametrize(
    "wrong",
    ["lance", "s3://", "db://x", "memory://x", "s3://me:secret@b/p", "az://b/p?sig=secret", ""],
)
def test_what_is_no_store_is_refused_and_no_secret_is_shown(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(
        ConfigurationError, match="no vector store: give chroma, lancedb, or"
    ) as told:
        settled(Settings(location=str(tmp_path), vectors=wrong))
    assert "secret" not in str(told.value)


def test_without_lancedb_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = fill(tmp_path / "chroma", Settings())
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r'pip install ".*\[lancedb\]"'):
        opened(tmp_path / "lance", settings=LANCE)
    with pytest.raises(ConfigurationError, match=r"\[lancedb\]"):
        migrate("agent", to="lancedb", memory=tmp_path / "chroma")
    assert folders(directory) == {"chroma"}
    found(tmp_path / "chroma")
    opened(tmp_path / "lance").close()  # nothing was noted


def test_nothing_of_it_is_used_in_a_child_of_a_process_that_used_it(tmp_path: Path) -> None:
    near = found(fill(tmp_path / "lance", LANCE).parents[1])

    def work() -> object:
        with closing(opened(tmp_path / "lance")) as store:
            return store._vectors, list(store.recall.nearest(embed_query(HASHING, text(30)), 10))

    assert in_child(work, 30) == f"returned {(None, list(near[1]))!r}"


def test_an_agent_file_is_restored_into_the_wanted_store(tmp_path: Path) -> None:
    make_coder()
    export_agent("coder", "coder.jsonl", memory=".memgpt")
    place = Settings(location=str(tmp_path / "new"), vectors="lancedb")
    import_agent("coder.jsonl", memory=place, embedder=HASHING)
    with closing(open_store(place.location, "agents", "coder", HASHING, settings=place)) as store:
        assert isinstance(store._vectors, LanceFolder)


# --- object storage ---------------------------------------------------------------------


def test_tables_in_object_storage_are_found_made_anew_and_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "quite-secret")
    bucket = tmp_path / "bucket"
    directory = fill(tmp_path / "memory", Settings(vectors=f"file://{bucket}/vectors/"))
    near = found(tmp_path / "memory")
    [tables] = bucket.glob("vectors/agents/agent-*")
    assert tables.is_dir() and folders(directory) == set() and warnings_in(caplog) == []
    for broken in (True, False):
        for path in tables.rglob("*") if broken else ():
            if path.is_file():
                path.write_bytes(b"")
        if not broken:
            shutil.rmtree(tables)
        assert same(found(tmp_path / "memory"), near)
        assert len(warnings_in(caplog)) == 1, warnings_in(caplog)
        caplog.clear()
    with closing(opened(tmp_path / "memory")) as store:
        assert isinstance(store._vectors, LanceStorage)
        store.purge()
        assert not any(path.is_file() for path in tables.rglob("recall.lance/*"))
    assert files_with(tmp_path, "quite-secret") == []


# --- an index of many -------------------------------------------------------------------


def test_many_records_get_an_index_that_finds_what_comparing_all_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lance, "EXACT", 2000)
    draw = np.random.default_rng(0)
    rows = unit_rows(
        (draw.normal(size=(3000, 32)) * np.linspace(2, 0.2, 32) + 0.3).astype(np.float32)
    )
    records = [record(n, "x") for n in range(1, 3001)]
    with closing(Journal(tmp_path, "agent")) as journal:
        with closing(LanceFolder(tmp_path, journal)) as folder:
            for start in range(0, 3000, 250):
                folder.index(RECALL).upsert(records[start : start + 250], rows[start : start + 250])
            folder.close()
            index = folder.index(RECALL)
            with index._used() as database:
                table = database.table("recall")
                assert table is not None and len(list(table.list_indices())) == 1
                assert table.stats()["fragment_stats"]["num_fragments"] == 1  # put together
            index.upsert(records[:10], rows[:10])
            index.delete([20])
            hits = 0
            for query in rows[100:120]:
                nearest = np.argsort(-(rows @ query))[:11]
                got = dict(index.query(query[None], 10))
                hits += len(got.keys() & {int(n) + 1 for n in nearest[nearest != 19][:10]})
                assert all(
                    cosine == pytest.approx(rows[n - 1] @ query, abs=1e-3)
                    for n, cosine in got.items()
                )
            assert hits >= 195 and len(index) == 2999


def test_a_closed_memory_keeps_nothing_of_what_its_tables_were(tmp_path: Path) -> None:
    rows = unit_rows(np.random.default_rng(0).normal(size=(36, 32)).astype(np.float32))
    with closing(Journal(tmp_path, "agent")) as journal:
        with closing(LanceFolder(tmp_path, journal)) as folder:
            for n in range(36):  # it is tidied once meanwhile
                folder.index(RECALL).upsert([record(n + 1, "x")], rows[n : n + 1])
            assert len(list(folder.path.rglob("recall.lance/data/*"))) > 4
            folder.close()
            assert len(list(folder.path.rglob("recall.lance/data/*"))) == 1
            assert len(folder.index(RECALL)) == 36


# --- moved ------------------------------------------------------------------------------


def test_moved_there_and_back_the_same_is_found_and_nothing_is_embedded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = fill(tmp_path, Settings())
    near, told = found(tmp_path), []
    for store in ("lancedb", f"file://{tmp_path}/bucket", "chroma"):
        moved = migrate("agent", to=store, memory=tmp_path, progress=lambda *one: told.append(one))
        assert moved == 63 and told[-1] == (63, 63)
        assert folders(directory) == ({store} if "://" not in store else set())
        assert same(found(tmp_path), near)
    assert migrate("agent", to="chroma", memory=tmp_path) == 63
    assert not any(path.is_file() for path in (tmp_path / "bucket").rglob("*"))
    assert warnings_in(caplog) == []


def test_what_waits_for_a_vector_is_told_to_the_new_store(tmp_path: Path) -> None:
    fill(tmp_path, Settings())
    broken = Observed()
    broken.broken = True
    with closing(opened(tmp_path, broken)) as store:
        store.recall.write([record(71, text(71))])
    assert migrate("agent", to="lancedb", memory=tmp_path) == 63
    with closing(opened(tmp_path)) as store:
        store.indexer.settle()
        index = store._vectors and store._vectors.index(RECALL)
        assert isinstance(index, LanceIndex) and len(index) == 59
        assert list(store.recall.nearest(embed_query(HASHING, text(71)), 1)) == [71]


class Died(BaseException):
    """As if the process was killed there."""


def die(*_args: object, **_kwargs: object) -> None:
    raise Died


PLACES: dict[str, tuple[object, str]] = {
    "before": (migrating, "_move"),
    "filling": (migrating, "fill"),
    "noting": (LanceIndex, "note"),
    "filled": (migrating, "zip"),
    "moved": (migrating, "_usable"),
    "emptying": (Folder, "destroy"),
}


@pytest.mark.parametrize(
    ("place", "back"), [*((place, False) for place in PLACES), ("filling", True), ("moved", True)]
)
def test_broken_off_at_any_point_it_is_in_one_store_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, back: bool
) -> None:
    first, to = ("lancedb", "chroma") if back else ("chroma", "lancedb")
    directory = fill(tmp_path, Settings(vectors=first))
    near = found(tmp_path)
    owner, name = PLACES[place]
    after = {"moved": 1, "emptying": 1}.get(place, 0)
    real = getattr(owner, name, None)

    def sometimes(*args: Any, **kwargs: Any) -> Any:
        nonlocal after
        if not after:
            die()
        after -= 1
        assert real is not None
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, sometimes, raising=False)
        with pytest.raises(Died):
            migrate("agent", to=to, memory=tmp_path)
    assert same(found(tmp_path), near)
    assert folders(directory) == {to if place in ("moved", "emptying") else first}
    with closing(Journal(directory, "agent")) as journal:
        assert journal.get(choice.MOVING) is None


PROGRAM = """
import sys, time
from memgpt_autogen import migrate
from memgpt_autogen.storage.vectors import agreement

agreement._PART = 5
def told(done, total):
    print(done, flush=True)
    time.sleep(0.05)
assert "lancedb" not in sys.modules
migrate("agent", to="lancedb", memory=sys.argv[1], progress=told)
"""


def test_killed_in_the_midst_the_old_store_is_there(tmp_path: Path) -> None:
    directory = fill(tmp_path, Settings())
    near = found(tmp_path)
    assert "63" not in run_until_killed(PROGRAM, tmp_path, 3)
    assert folders(directory) == {"chroma", "lancedb"}
    assert same(found(tmp_path), near)
    assert folders(directory) == {"chroma"}
    assert migrate("agent", to="lancedb", memory=tmp_path) == 63


def test_it_is_refused_where_it_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "_OWNER_SECONDS", 0.0)
    directory = fill(tmp_path, Settings())
    with closing(opened(tmp_path)), pytest.raises(DirectoryLockedError, match="in this process"):
        migrate("agent", to="lancedb", memory=tmp_path)
    with FileLock(directory / "lock"), pytest.raises(DirectoryLockedError, match="close it there"):
        migrate("agent", to="lancedb", memory=tmp_path)
    with pytest.raises(ConfigurationError, match="there is no agent 'other'"):
        migrate("other", to="lancedb", memory=tmp_path)
    assert folders(directory) == {"chroma"}


def test_who_has_it_open_elsewhere_leaves_a_moved_index_alone(tmp_path: Path) -> None:
    directory = fill(tmp_path, Settings())
    store = opened(tmp_path)
    store.journal.put(choice.VECTORS, "lancedb")  # as another process has moved it
    near = store.recall.nearest(embed_query(HASHING, text(30)), 3)
    assert next(iter(near)) == 30 and not store.indexer.own()
    with pytest.raises(StorageError, match="or moved"):
        store.purge()
    store.close()
    assert folders(directory) == {"chroma"}


def test_the_command_moves_agents_and_sources() -> None:
    directory = make_coder()
    done = Run("migrate", "coder", "--to", "lancedb")
    assert (done.code, done.said) == (0, "coder has 4 vectors in lancedb.\n")
    assert folders(directory) == {"lancedb"}
    found_there = Run("search", "coder", "tea", "--json").json
    assert [one["who"] for one in found_there][:1] == ["Tessa"]
    done = Run("migrate", "coder", "--to", "nowhere")
    assert done.code == 1 and "no vector store" in done.said
    done = Run("migrate", "manual", "--to", "lancedb", "--source")
    assert done.code == 1 and "there is no source 'manual'" in done.said
