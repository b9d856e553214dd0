"""Races and broken-off work: none may hang, lose, double or refuse anything."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage import process
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.journal import connection, journal
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.vectors import files, folder
from memgpt_autogen.storage.vectors.chroma import ChromaFolder
from tests.stores import HASHING, NOON, opened, record


def test_a_journal_is_opened_while_another_process_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Journal(tmp_path, "a")
    first.put("x", 1)
    noted = journal._noted_step

    def in_between(directory: Path) -> int:
        found = noted(directory)
        first.put("x", 2)  # the other process's step, between the two looks
        return found

    monkeypatch.setattr(journal, "_noted_step", in_between)
    Journal(tmp_path, "a")


def test_two_processes_make_one_memory(tmp_path: Path) -> None:
    program = """
import sys, time
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store
time.sleep(1.5 - time.time() % 1.5)  # both at one moment, as nearly as can be
for number in range(10):
    open_store(f"{sys.argv[1]}/{number}", "agents", "a", HashingEmbedder()).close()
"""
    assert _both(program, tmp_path) == [0, 0]


def _both(program: str, folder: Path) -> list[int]:
    """How two processes end that run a program at the same time."""
    environment = {**os.environ, "PYTHONPATH": str(Path(process.__file__).parents[2])}
    command = [sys.executable, "-c", program, str(folder)]
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    return [one.wait(60) for one in both]


def test_two_processes_open_many_new_files_each_at_one_moment(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from memgpt_autogen.storage.journal.connection import connect
begin = time.time() // 1 + 1
for number in range(60):
    while time.time() < begin + 0.02 * number:
        pass
    connection = connect(Path(sys.argv[1], str(number)))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
"""
    assert _both(program, tmp_path) == [0, 0]


def test_a_folder_is_closed_by_others_while_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    store.own(0.0)
    chroma = store._vectors
    assert isinstance(chroma, ChromaFolder)
    real, ended = files.checksum, threading.Event()

    def slow(path: Path) -> int:
        time.sleep(0.02)
        return real(path)

    def close_it() -> None:
        while not ended.is_set():
            chroma.close_unless_used()
            time.sleep(0.005)

    def tell() -> None:
        for number in range(5):
            store.recall.write([record(0, f"text {number}")])
            store.indexer.settle()

    monkeypatch.setattr(folder, "checksum", slow)
    threading.Thread(target=close_it, daemon=True).start()
    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    telling.join(60)
    ended.set()
    assert not telling.is_alive()
    store.close()


def test_a_purge_says_where_a_reader_kept_it_from_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_WAIT_SECONDS", 0.1)
    store = opened(tmp_path)
    [number] = store.recall.write([record(0, "zebrafish")])
    path = store.journal.path
    with closing(sqlite3.connect(str(path), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM recall").fetchall()
        store.recall.delete([number])
        store.journal.put("purge", 1)
        with pytest.raises(StorageError, match="-wal still holds"):
            store.purge()
        store.close()
        opened(tmp_path).close()  # it is no reason to refuse the memory
    store = opened(tmp_path)
    assert store.directory is not None
    assert store.journal.get("purge") is None
    assert all(
        b"zebrafish" not in one.read_bytes() for one in store.directory.rglob("*") if one.is_file()
    )
    store.close()


class Poisoned(HashingEmbedder):
    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = super().embed(texts)
        rows[["poison" in text for text in texts]] = np.nan
        return rows


def test_a_vector_that_is_no_number_keeps_no_other_from_the_index(tmp_path: Path) -> None:
    store = opened(tmp_path, Poisoned())
    store.recall.write([record(0, "poison"), record(0, "heron")])
    store.indexer.settle()
    assert not len(store.recall.table.changes)
    store.close()


class Hanging(HashingEmbedder):
    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.began = threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.began.set()
        self.go_on.wait()
        return super().embed(texts)


@pytest.mark.parametrize("way", ["close", "fork"])
def test_an_embedder_that_hangs_keeps_no_other_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(process, "_PATIENCE_SECONDS", 0.2 if way == "close" else 60.0)
    embedder = Hanging()
    stuck = opened(tmp_path / "stuck", embedder)
    stuck.recall.write([record(0)])
    stuck.indexer.nudge(hurry=True)
    assert embedder.began.wait(10)

    def use() -> None:
        with closing(opened(tmp_path / "other")) as other:
            other.recall.write([record(0)])
            other.indexer._embed()

    if way == "fork":
        child = os.fork()
        if not child:
            threading.Timer(20, os._exit, [1]).start()
            use()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    else:
        closer = threading.Thread(target=use, daemon=True)
        closer.start()
        closer.join(20)
        assert not closer.is_alive()
    embedder.go_on.set()
    stuck.close()


def test_blocks_of_a_step_that_was_not_written_are_as_they_are_kept(tmp_path: Path) -> None:
    with MemGPTAgent("mem", memory=tmp_path, embedder=HASHING, human="base") as agent:
        engine = agent._memgpt_capability.open()
        core, kept = engine.workspace.core, engine.store.blocks

        def fail() -> None:
            with engine.queue.written():
                core.edit_append("human", "of the step")
                core.write("human")
                core.add(core["human"].model_copy(update={"name": "new"}))
                core.remove("persona")
                raise StorageError("the disk is full")

        with pytest.raises(StorageError):
            fail()
        assert [one.name for one in core] == ["persona", "human"]
        # another process's edit gets the version that the step's had
        assert kept.swap("human", 1, "base\nother", "program", NOON)
        assert core["human"].value == "base\nother"
        core.append("human", "mine")
        assert kept.read("human").value == "base\nother\nmine"  # type: ignore[union-attr]


def test_threads_append_to_one_block(tmp_path: Path) -> None:
    with MemGPTAgent("mem", memory=tmp_path, embedder=HASHING, human="") as agent:

        def append(thread: int) -> None:
            for number in range(20):
                agent.core_memory.append("human", f"{thread}-{number}")

        threads = [threading.Thread(target=append, args=[number]) for number in range(3)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(30)
        assert len(agent.core_memory["human"].value.splitlines()) == 60


def test_a_relative_memory_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with MemGPTAgent("mem", memory="here", embedder=HASHING) as agent:
        agent.recall.append("heron", speaker="Ann")
        agent.close()
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        assert len(agent.recall) == 1
