"""The indexer: it embeds in batches behind whoever stores, and tells an index that it trusts."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from memgpt_autogen.errors import EmbedderMismatchError, StorageError
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import embed_query
from memgpt_autogen.storage.indexer import EMBEDDED, TOLD
from memgpt_autogen.storage.record import RECALL, Record
from memgpt_autogen.storage.store import Store
from memgpt_autogen.storage.vectors.base import Standing
from memgpt_autogen.storage.vectors.files import blank_unused
from memgpt_autogen.storage.vectors.folder import _open
from tests.stores import (
    BOTH,
    HASHING,
    Letters,
    Observed,
    everything,
    opened,
    record,
    text,
    warnings_in,
)


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.fixture
def store(tmp_path: Path, observed: Observed, vectors: str) -> Iterator[Store]:
    with closing(opened(tmp_path, observed, settings=Settings(vectors=vectors))) as made:
        yield made


def put(store: Store, *numbers: int) -> None:
    store.recall.write([record(n, text(n)) for n in numbers])


def let_it_end() -> None:
    """Wait until the indexer has nothing to do any more."""
    for thread in threading.enumerate():
        if thread.name == "memgpt indexer":
            thread.join()


def owned(store: Store) -> bool:
    return store.ownership is not None and store.ownership.held


def indexed(store: Store) -> set[int]:
    """What the index holds; it agrees with the journal in text, number and vector."""
    assert store._vectors is not None
    embedder = HASHING if isinstance(store.embedder, Observed) else store.embedder
    found: dict[int, Record] = {}
    for records, rows in everything(store._vectors.index(RECALL)):
        found.update({one.number: one for one in records})
        made = embedder.embed([one.embedded(RECALL) for one in records])
        assert rows == pytest.approx(made, abs=2e-3)
    assert store.recall.table.get(list(found)) == found
    return set(found)


@BOTH
def test_what_is_stored_is_embedded_and_indexed_without_being_asked_for(
    store: Store, observed: Observed
) -> None:
    put(store, *range(1, TOLD + 10))
    assert store.indexer.wait(60)
    assert max(observed.batches) <= EMBEDDED and sum(observed.batches) == TOLD + 9
    store.indexer.settle()
    assert indexed(store) == set(range(1, TOLD + 10))
    assert len(store.recall.table.changes) == 0


def test_a_few_changes_wait_for_the_end(tmp_path: Path, store: Store) -> None:
    put(store, 1, 2)
    assert store.indexer.wait(60)
    assert len(store.recall.table.changes) == 2
    near = store.recall.nearest(embed_query(HASHING, text(2)), 1)
    assert list(near) == [2]  # by the journal's vectors
    store.close()
    with closing(opened(tmp_path, Observed())) as again:
        assert indexed(again) == {1, 2}


@BOTH
@hypothesis_settings(max_examples=8)
@given(st.lists(st.tuples(st.sampled_from(["put", "delete", "tell"]), st.integers(1, 30))))
def test_the_index_holds_what_the_journal_holds_after_any_changes(
    store: Store, deeds: list[tuple[str, int]]
) -> None:
    for deed, number in deeds:
        if deed == "put":
            put(store, number)
        elif deed == "delete":
            store.recall.delete([number])
        else:
            store.indexer.settle()
    vector = embed_query(HASHING, text(7))
    there = set(store.recall.table.get(range(31)))
    store.indexer.wait(60)
    assert set(store.recall.nearest(vector, 50)) == there
    store.indexer.settle()
    assert indexed(store) == there


@BOTH
def test_what_was_deleted_crowds_nobody_out_before_the_index_knows(store: Store) -> None:
    store.recall.write([record(n, f"{text(n)} apples apples apples") for n in range(1, 61)])
    put(store, 61, 62, 63)
    store.indexer.settle()
    store.recall.delete(range(1, 61))
    assert set(store.recall.nearest(embed_query(HASHING, "apples"), 50)) == {61, 62, 63}


# --- failing ----------------------------------------------------------------------------


def test_an_embedder_that_fails_keeps_nobody_waiting_and_is_tried_again(
    store: Store, observed: Observed, caplog: pytest.LogCaptureFixture
) -> None:
    observed.broken = True
    put(store, 1, 2)
    assert not store.indexer.wait(60)
    put(store, 3)
    assert not store.indexer.wait(60)
    (warning,) = warnings_in(caplog)
    assert "ConnectionError: the embedder is away" in warning
    with pytest.raises(ConnectionError):
        store.indexer.settle()
    observed.broken = False
    put(store, 4)
    let_it_end()
    assert store.indexer.wait(60)
    store.indexer.settle()
    assert indexed(store) == {1, 2, 3, 4}


def test_what_could_not_be_embedded_waits_for_the_next_opening(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Observed()
    broken.broken = True
    store = opened(tmp_path, broken)
    put(store, 1)
    store.close()
    assert any("waits to be embedded" in warning for warning in warnings_in(caplog))
    with closing(opened(tmp_path, Observed())) as store:
        assert store.indexer.wait(60)
        store.indexer.settle()
        assert indexed(store) == {1}


def test_vectors_of_another_size_under_the_same_id_are_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    put(store, *range(1, 71))
    store.close()
    with closing(opened(tmp_path, Letters(HASHING.model_id))) as store:
        vector = embed_query(store.embedder, "text")
        with pytest.raises(EmbedderMismatchError, match=r"384 dimensions.*now makes 26"):
            store.recall.check(vector)
        put(store, 71)
        with pytest.raises(StorageError, match="vectors of 26"):
            store.indexer.settle()
        assert len(store.recall) == 71


def test_the_first_few_vectors_may_have_been_of_a_wrong_size(tmp_path: Path) -> None:
    store = opened(tmp_path)
    put(store, 1)
    store.close()
    with closing(opened(tmp_path, Letters(HASHING.model_id))) as store:
        put(store, 2)
        store.indexer.settle()
        vector = embed_query(store.embedder, text(1))
        assert set(store.recall.nearest(vector, 5)) == {1, 2}


@BOTH
def test_threads_that_store_and_search_lose_and_repeat_nothing(store: Store) -> None:
    vector = embed_query(HASHING, text(7))

    def work(first: int) -> None:
        for number in range(first, first + 40, 4):
            put(store, *range(number, number + 4))
            store.recall.nearest(vector, 5)
            store.indexer.settle()

    threads = [threading.Thread(target=work, args=[first]) for first in (1, 41, 81)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert indexed(store) == set(range(1, 121))


# --- ownership --------------------------------------------------------------------------


@BOTH
def test_the_index_is_given_back_when_there_is_nothing_to_do(store: Store) -> None:
    put(store, 1)
    store.indexer.settle()
    assert owned(store)
    store.recall.nearest(embed_query(HASHING, text(1)), 1)
    let_it_end()
    assert not owned(store)
    assert indexed(store) == {1}
    assert store.own(0)
    store.recall.nearest(embed_query(HASHING, text(1)), 1)
    let_it_end()
    assert owned(store), "who runs turns keeps it"


def test_without_the_ownership_the_journals_vectors_are_searched(store: Store) -> None:
    put(store, *range(1, 9))
    store.indexer.settle()
    near = store.recall.nearest(embed_query(HASHING, text(5)), 3)
    store.indexer.own = lambda: False  # type: ignore[method-assign]
    store.indexer._ready = False
    assert store.recall.nearest(embed_query(HASHING, text(5)), 3) == pytest.approx(near, abs=2e-3)
    put(store, 9)
    store.indexer.settle()
    assert len(store.recall.table.changes) == 1, "it waits for whoever has it"
    assert 9 in store.recall.nearest(embed_query(HASHING, text(9)), 1)


# --- an index that is not what it should be ---------------------------------------------


@pytest.fixture
def place(tmp_path: Path, vectors: str) -> Path:
    """The directory of a closed store of 40 records."""
    with closing(opened(tmp_path, Observed(), settings=Settings(vectors=vectors))) as store:
        put(store, *range(1, 41))
        store.recall.delete([40])
        assert store.directory is not None
        return store.directory


def rebuilt(place: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is said while the index is made anew; nothing is embedded again."""
    caplog.clear()
    observed = Observed()
    with closing(opened(place.parents[1], observed)) as store:
        store.indexer.settle()
        assert store.indexer.wait(60)
        near = store.recall.nearest(embed_query(HASHING, text(7)), 50)
        assert set(near) == set(range(1, 40))
        store.indexer.settle()
        assert indexed(store) == set(range(1, 40))
    assert observed.batches == []
    return warnings_in(caplog)


def remove(folder: Path, older: Path) -> None:
    shutil.rmtree(folder)


def empty(folder: Path, older: Path) -> None:
    remove(folder, older)
    folder.mkdir()


def files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"]
    return [path for path in found if folder.name == "lancedb" or path.name == "chroma.sqlite3"]


def cut(folder: Path, older: Path) -> None:
    for path in files(folder):
        path.write_bytes(path.read_bytes()[: min(5000, path.stat().st_size // 2)])


def damage(folder: Path, older: Path) -> None:
    for path in files(folder):
        path.write_bytes(bytes(path.stat().st_size))


def put_older(folder: Path, older: Path) -> None:
    remove(folder, older)
    shutil.copytree(older, folder)


SPOILT = [
    *[("chroma", deed, unclean) for deed in (remove, empty, cut, damage, put_older)
      for unclean in (False, True)],
    *[("lancedb", deed, False) for deed in (remove, empty, cut, damage, put_older)],
    ("lancedb", cut, True),
]  # fmt: skip


@pytest.mark.parametrize(("vectors", "spoil", "unclean"), SPOILT, indirect=["vectors"])
def test_a_folder_that_is_not_right_is_made_anew_with_one_warning(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    vectors: str,
    spoil: Callable[[Path, Path], None],
    unclean: bool,
) -> None:
    settings = Settings(vectors=vectors)
    with closing(opened(tmp_path / "memory", Observed(), settings=settings)) as store:
        put(store, *range(1, 31))
        assert store.directory is not None
        place = store.directory
    older = tmp_path / "older"
    shutil.copytree(place / vectors, older)
    with closing(opened(tmp_path / "memory", Observed())) as store:
        put(store, *range(31, 41))
        store.recall.delete([40])
    if unclean:  # as if killed while it was open: there are no checksums
        with closing(sqlite3.connect(place / "journal.sqlite3")) as connection, connection:
            connection.execute("DELETE FROM meta WHERE key = ?", [vectors])
    spoil(place / vectors, older)
    said = rebuilt(place, caplog)
    assert len(said) == 1 and "made anew" in said[0], said
    assert rebuilt(place, caplog) == [], "once"
    kept = list(place.glob(f"{vectors}.aside-*"))
    assert bool(kept) == (spoil in {cut, damage, put_older} or kept != [])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda old: Standing("another", old.embedder, old.sequence), "another memory"),
        (lambda old: Standing(old.journal, "another", old.sequence), "another embedder"),
        (lambda old: Standing(old.journal, old.embedder, old.sequence - 1), "not as old"),
        (lambda old: Standing(old.journal, old.embedder, old.sequence + 1), "not as old"),
    ],
)
def test_an_index_of_another_standing_is_made_anew(
    place: Path,
    caplog: pytest.LogCaptureFixture,
    wrong: Callable[[Standing], Standing],
    said: str,
) -> None:
    with closing(opened(place.parents[1], Observed())) as store:
        assert store._vectors is not None
        index = store._vectors.index(RECALL)
        standing = index.standing
        assert standing is not None
        index.note(wrong(standing))
    warnings = rebuilt(place, caplog)
    assert len(warnings) == 1 and said in warnings[0]


@BOTH
def test_an_index_that_lacks_records_is_made_anew(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(opened(place.parents[1], Observed())) as store:
        assert store._vectors is not None
        store._vectors.index(RECALL).delete([3])
    (warning,) = rebuilt(place, caplog)
    assert "lacks records" in warning


def test_an_index_that_was_told_and_not_noted_is_told_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As if killed right after the index answered, before the journal was written."""
    with closing(opened(tmp_path, Observed())) as store:
        put(store, *range(1, 41))
        store.recall.delete([40])
        store.indexer.settle()
        table = store.recall.table
        with table.journal.transaction() as connection:
            connection.execute(
                "INSERT INTO changes VALUES (?, 'recall', 39, 0)", [table.changes.last]
            )
            table.journal.put("applied.recall", table.changes.last - 1)
            table.journal.put("count.recall", 7)
        assert store.directory is not None
        place = store.directory
    assert rebuilt(place, caplog) == []


@pytest.mark.parametrize("step", ["upsert", "delete"])
def test_an_index_that_was_told_half_is_told_again(
    place: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As if killed after a step of telling, before the index noted how far it was told."""
    with closing(opened(place.parents[1], Observed())) as store:
        store.indexer.settle()
        table = store.recall.table
        first = table.changes.last + 1
        with table.journal.transaction() as connection:
            connection.execute("DELETE FROM recall WHERE number = 39")
            for number, deleted in ((40, 0), (39, 1), (38, 0)):
                connection.execute(
                    "INSERT INTO changes (kind, number, deleted) VALUES ('recall', ?, ?)",
                    [number, deleted],
                )
        assert table.changes.last == first + 2 and store._vectors is not None
        index = store._vectors.index(RECALL)
        if step == "upsert":
            index.upsert([record(40, text(40))], HASHING.embed([text(40)]))
        else:
            index.delete([39])
        monkeypatch.setattr(store.indexer, "settle", lambda **_: None)
    caplog.clear()
    with closing(opened(place.parents[1], Observed())) as store:
        store.recall.nearest(embed_query(HASHING, text(7)), 50)
        store.indexer.settle()
        assert indexed(store) == set(range(1, 39)), "40 was deleted, and so was 39"
    assert warnings_in(caplog) == []


def test_all_is_embedded_anew_where_that_was_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(tmp_path)) as store:
        put(store, *range(1, 41))

    def die() -> None:
        raise KeyboardInterrupt

    store = opened(tmp_path, Letters(), anew=True)
    with monkeypatch.context() as patch:
        patch.setattr(store.indexer, "start_over", die)
        with pytest.raises(KeyboardInterrupt):
            store.embed_anew()
        patch.setattr(store.indexer, "settle", lambda: None)  # as if killed
        store.close()
    with closing(opened(tmp_path, Letters())) as store:
        assert store.embed_anew() == 40
        rows: Vectors = store.recall.table.vectors.latest(99)[1]
        assert rows.shape == (40, 26)
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-2)
        store.indexer.settle()
        assert indexed(store) == set(range(1, 41))


@BOTH
def test_an_index_that_was_erased_is_closed_with_its_store(tmp_path: Path, store: Store) -> None:
    """Also where nothing else had looked at it before: a pool would keep it for ever."""
    put(store, 1, 2)
    store.purge()
    store.indexer.settle()
    mine = [one for one in _open.things.values() if tmp_path in one.path.parents]
    assert len(mine) == 1
    store.close()
    assert not [one for one in _open.things.values() if one in mine]


RECORDS = 3


def vectors_of(folder: Path) -> tuple[Path, int]:
    """The file of the vectors of Chroma's only index, and the bytes that its records take."""
    (path,) = folder.rglob("data_level0.bin")
    _, _, _, count, size = struct.unpack_from("<iQQQQ", path.with_name("header.bin").read_bytes())
    return path, count * size


def room_in(folder: Path) -> bytes:
    """What Chroma's index of a few records has behind them, where there is room for more."""
    path, taken = vectors_of(folder)
    room = path.read_bytes()[taken:]
    assert room
    return room + path.with_name("length.bin").read_bytes()[RECORDS * 4 :]


def test_nothing_of_the_process_is_in_the_room_of_an_index(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    large = bytearray(24 << 20)  # from here on the C library reuses what is freed
    del large
    secrets = [("the secret key " * 3000) + str(number) for number in range(100)]
    del secrets
    with closing(opened(tmp_path)) as store:
        store.indexer.keeps = True  # the index is closed with the store, not before
        store.recall.write([record(n, text(n)) for n in range(1, RECORDS + 1)])
        store.indexer.settle()
        assert not any(room_in(tmp_path))
        query = embed_query(HASHING, text(2))
        before = store.recall.nearest(query, 3)
        path, taken = vectors_of(tmp_path)  # as an earlier version left it
        path.write_bytes(path.read_bytes()[:taken] + b"s" * (path.stat().st_size - taken))
    assert not any(room_in(tmp_path))
    with closing(opened(tmp_path)) as store:
        assert list(store.recall.nearest(query, 3)) == list(before)
    assert not warnings_in(caplog)


def test_room_that_cannot_be_overwritten_is_told_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "index" / "data_level0.bin"
    (in_the_way / "not a file").mkdir(parents=True)
    there = in_the_way.stat().st_size
    (tmp_path / "index" / "header.bin").write_bytes(struct.pack("<iQQQQ", 1, 0, there, 0, 1))
    blank_unused(tmp_path)
    assert str(tmp_path) in caplog.text
    assert "could not be overwritten" in caplog.text
