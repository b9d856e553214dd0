"""Databases: layout, lock, release, embedder checks, re-embedding, a real Chroma server."""

from __future__ import annotations

import shutil
import socket
import string
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from memgpt_autogen.errors import (
    ConfigurationError,
    DirectoryLockedError,
    EmbedderMismatchError,
    StorageError,
    TakenOverError,
)
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.settings import Settings
from memgpt_autogen.storage import reindex as reindexing
from memgpt_autogen.storage.store import Database, open_database, open_source, reindex
from memgpt_autogen.storage.directory import folder_name
from memgpt_autogen.storage.embedders.embedder import Embedder, HashingEmbedder

NOON = datetime(2023, 5, 8, 12, tzinfo=timezone.utc)
HASHING = HashingEmbedder()


class Letters:
    """Counts letters; its dimension differs from the hashing embedder's."""

    dimension = 26

    def __init__(self, model_id: str = "letters-1") -> None:
        self.model_id = model_id

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [
            [text.lower().count(letter) + 0.01 for letter in string.ascii_lowercase]
            for text in texts
        ]
        counted = np.array(rows, dtype=np.float32)
        scaled: NDArray[np.float32] = counted / np.linalg.norm(counted, axis=1, keepdims=True)
        return scaled


def recall_of(database: Database, embedder: Embedder = HASHING) -> RecallStorage:
    return RecallStorage(database, embedder, clock=lambda: NOON)


@given(st.text(st.characters(codec=None), max_size=50))
def test_any_name_becomes_a_plain_folder(name: str) -> None:
    folder = folder_name(name)
    assert 1 <= len(folder) <= 32
    assert set(folder) <= set(string.ascii_lowercase + string.digits + "-_")
    assert folder[0].isalnum() and folder[-1].isalnum()


def test_different_names_never_share_a_folder() -> None:
    names = ["coder", "Coder", "CODER", "co der", "co-der", "co/der", "", "..", "con", "Zoë", "Zoe"]
    names += ["a" * 32, "a" * 33, "\ud800", "\ud801", folder_name("Coder"), "東京", "京都", "_x"]
    assert len({folder_name(name) for name in names}) == len(names)
    assert folder_name("user_proxy") == "user_proxy"


def test_a_database_lies_in_one_directory(tmp_path: Path) -> None:
    database = open_database(tmp_path, "Größe")
    recall_of(database).append("text", "Alice")
    database.state.save("{}")
    assert database.directory.parent == tmp_path / "agents"
    assert database.directory.name.startswith("gro-e-") or database.directory.name.startswith("gr")
    names = {path.name for path in database.directory.iterdir()}
    assert {"chroma", "index.sqlite3", "state.sqlite3", "lock"} <= names
    source = open_source(tmp_path, "Größe")
    assert source.directory.parent == tmp_path / "sources"
    source.close()
    database.close()


def test_a_second_writer_is_told_the_way_out(tmp_path: Path) -> None:
    database = open_database(tmp_path, "agent")
    with pytest.raises(DirectoryLockedError) as caught:
        open_database(tmp_path, "agent")
    for part in (str(database.directory), "chroma run --path", "http://localhost:8000"):
        assert part in str(caught.value)
    open_database(tmp_path, "another").close()
    database.close()
    open_database(tmp_path, "agent").close()


def test_another_process_is_kept_out(tmp_path: Path) -> None:
    database = open_database(tmp_path, "agent")
    code = (
        "import sys; from filelock import FileLock; FileLock(sys.argv[1]).acquire(blocking=False)"
    )
    command = [sys.executable, "-c", code, str(database.directory / "lock")]
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0
    database.close()
    assert subprocess.run(command, check=False).returncode == 0


def test_a_failed_opening_leaves_nothing_locked(tmp_path: Path) -> None:
    directory = tmp_path / "agents" / "agent"
    directory.mkdir(parents=True)
    (directory / "state.sqlite3").write_bytes(b"no database" * 500)
    with pytest.raises(StorageError, match="state"):
        open_database(tmp_path, "agent")
    (directory / "state.sqlite3").unlink()
    open_database(tmp_path, "agent").close()


def test_a_path_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="memory="):
        open_database(tmp_path / "file", "agent")


def test_closing_releases_everything_even_a_deleted_directory(tmp_path: Path) -> None:
    for round_ in range(3):
        database = open_database(tmp_path, "agent")
        recall = recall_of(database)
        assert len(recall) == 0
        recall.append(f"text {round_}", "Alice")
        database.close()
        database.close()
        database = open_database(tmp_path, "agent")
        assert [message.text for message in recall_of(database).latest(9)] == [f"text {round_}"]
        database.close()
        shutil.rmtree(tmp_path / "agents")


def test_another_embedder_is_refused_with_both_names_and_the_way_out(tmp_path: Path) -> None:
    database = open_database(tmp_path, "agent")
    recall_of(database).append("text", "Alice")
    database.close()
    database = open_database(tmp_path, "agent")
    with pytest.raises(EmbedderMismatchError) as caught:
        recall_of(database, Letters())
    for part in ("hashing-v1", "letters-1", "384", "reindex("):
        assert part in str(caught.value)
    database.close()


def test_another_dimension_under_the_same_id_is_refused(tmp_path: Path) -> None:
    database = open_database(tmp_path, "agent")
    recall_of(database).append("text", "Alice")
    database.close()
    database = open_database(tmp_path, "agent")
    recall = recall_of(database, Letters("hashing-v1"))
    for use in (lambda: recall.append("text", "Alice"), lambda: recall.search("text")):
        with pytest.raises(EmbedderMismatchError, match="26 dimensions"):
            use()
    assert len(recall) == 1
    database.close()


def fill(path: Path, count: int = 600) -> list[str]:
    database = open_database(path, "agent")
    recall = recall_of(database)
    recall.write([recall.draft(f"message {n}", "Alice") for n in range(count + 1)])
    recall.delete([f"m{count + 1:08d}"])  # the highest number is gone, and stays given
    archival = ArchivalStorage(database, HASHING, clock=lambda: NOON)
    archival.insert("a passage", tags=["x"])
    database.close()
    return [f"message {n}" for n in range(count)]


def assert_whole(path: Path, texts: list[str], embedder: Embedder) -> None:
    database = open_database(path, "agent")
    recall = recall_of(database, embedder)
    assert [message.text for message in recall.latest(9999)] == texts
    assert recall._store._collection.numbers() == set(range(1, len(texts) + 1))
    assert recall.search(texts[17]).items[0].text == texts[17]
    assert recall.draft("x", "Alice").id == f"m{len(texts) + 2:08d}"
    archival = ArchivalStorage(database, embedder, clock=lambda: NOON)
    assert [passage.tags for passage in archival.search("passage").items] == [("x",)]
    database.close()


def test_reindex_embeds_everything_anew(tmp_path: Path) -> None:
    texts = fill(tmp_path)
    told: list[tuple[int, int]] = []
    count = reindex(
        "agent",
        memory=tmp_path,
        embedder=Letters(),
        progress=lambda done, total: told.append((done, total)),
    )
    assert count == 601
    assert (600, 600) in told and told[-1] == (1, 1)
    assert_whole(tmp_path, texts, Letters())


class Killed(BaseException):
    """Ends a re-embedding midway."""


@pytest.mark.parametrize("moment", ["growing", "complete", "deleted"])
def test_a_killed_reindex_loses_nothing_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    texts = fill(tmp_path)

    def die(*given: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "complete":
            patch.setattr(reindexing, "finish_swap", lambda client, name: None)
        if moment == "deleted":
            from chromadb.api.models.Collection import Collection

            modify = Collection.modify
            patch.setattr(
                Collection,
                "modify",
                lambda self, name=None, metadata=None, configuration=None: (
                    die() if name else modify(self, metadata=metadata)
                ),
            )
        if moment == "complete":
            reindex("agent", memory=tmp_path, embedder=Letters())
        else:
            progress = die if moment == "growing" else (lambda done, total: None)
            with pytest.raises(Killed):
                reindex("agent", memory=tmp_path, embedder=Letters(), progress=progress)
    if moment == "growing":
        assert_whole(tmp_path, texts, HASHING)  # the old vectors are in use
    embedded: list[int] = []
    reindex(
        "agent", memory=tmp_path, embedder=Letters(), progress=lambda done, _: embedded.append(done)
    )
    assert_whole(tmp_path, texts, Letters())
    if moment == "growing":
        assert embedded[0] > 256  # what was done before the kill is not done again


def test_reindex_takes_up_what_changed_since_it_was_killed(tmp_path: Path) -> None:
    fill(tmp_path)

    def die(done: int, total: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        reindex("agent", memory=tmp_path, embedder=Letters(), progress=die)
    database = open_database(tmp_path, "agent")
    recall = recall_of(database)
    recall.delete(["m00000003"])
    recall.append("brand new", "Bob")
    expected = recall.latest(9999)
    database.close()
    reindex("agent", memory=tmp_path, embedder=Letters())
    database = open_database(tmp_path, "agent")
    recall = recall_of(database, Letters())
    assert recall.latest(9999) == expected
    assert len(recall._store._collection) == len(expected)
    database.close()


def test_a_database_in_use_is_not_reindexed(tmp_path: Path) -> None:
    database = open_database(tmp_path, "agent")
    recall_of(database)
    with pytest.raises(ConfigurationError, match="right after opening"):
        database.reindex(Letters())
    database.close()


# --- a Chroma server -----------------------------------------------------------------


def test_a_server_keeps_agents_apart_and_the_index_in_the_cache(
    chroma_server: str, tmp_path: Path
) -> None:
    first = open_database(chroma_server, "Zoë/1", cache_dir=tmp_path / "cache")
    second = open_database(chroma_server, "Zoë/2", cache_dir=tmp_path / "cache")
    assert first.directory.is_relative_to(tmp_path / "cache")
    mine, theirs = recall_of(first), recall_of(second)
    for n in range(30):
        mine.append(f"unicorn{n}x", "Alice")
    theirs.append("other", "Bob")
    assert len(mine) == 30 and len(theirs) == 1
    assert mine.search("unicorn7x").items[0].text == "unicorn7x"
    assert mine.delete(["m00000030"]) == 1
    first.state.save('{"a": "ü"}')
    first.close()
    second.close()
    shutil.rmtree(tmp_path / "cache")  # as on another machine
    first = open_database(chroma_server, "Zoë/1", cache_dir=tmp_path / "cache")
    mine = recall_of(first)
    assert len(mine) == 29
    assert mine.search("unicorn7x", speaker="Alice").items[0].text == "unicorn7x"
    assert mine.append("next", "Alice") == "m00000031"
    assert first.state.load() == '{"a": "ü"}'
    first.close()


def test_the_cache_directory_comes_from_the_environment(
    chroma_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMGPT_AUTOGEN_CACHE", str(tmp_path / "elsewhere"))
    database = open_database(chroma_server, "environment")
    assert database.directory.is_relative_to(tmp_path / "elsewhere")
    with pytest.raises(DirectoryLockedError):
        open_database(chroma_server, "environment")
    database.close()


def test_an_agent_taken_over_stops_writing(chroma_server: str, tmp_path: Path) -> None:
    here = open_database(chroma_server, "taken", cache_dir=tmp_path / "here")
    assert here.state.load() is None
    here.state.save("one")
    there = open_database(chroma_server, "taken", cache_dir=tmp_path / "there")
    assert there.state.load() == "one"
    there.state.save("two")
    with pytest.raises(TakenOverError, match="another process"):
        here.state.save("three")
    assert there.state.load() == "two"
    there.close()
    here.close()


def test_reindex_on_a_server(
    chroma_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MEMGPT_AUTOGEN_CACHE", str(tmp_path))
    database = open_database(chroma_server, "again")
    recall_of(database).append("text", "Alice")
    database.close()
    assert reindex("again", memory=Settings(location=chroma_server), embedder=Letters()) == 1
    database = open_database(chroma_server, "again")
    assert recall_of(database, Letters()).search("text").total == 1
    database.close()


def test_no_server_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StorageError, match=f"chroma run --path DIRECTORY --port {port}"):
        open_database(f"http://127.0.0.1:{port}", "agent", cache_dir=tmp_path)
    with pytest.raises(ConfigurationError, match="http://localhost:8000"):
        open_database("http://", "agent", cache_dir=tmp_path)
