"""A vector index in a folder: looked at before it is opened, closed with checksums, never lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.record import ARCHIVAL, RECALL, Record
from memgpt_autogen.storage.vectors import files, trial
from memgpt_autogen.storage.vectors import folder as folders
from memgpt_autogen.storage.vectors.base import Standing
from memgpt_autogen.storage.vectors.chroma import ChromaFolder
from memgpt_autogen.storage.vectors.clients import folder_client, release
from memgpt_autogen.storage.vectors.folder import Folder
from memgpt_autogen.storage.vectors.lance_stores import LanceFolder
from tests.files import files_with
from tests.stores import BOTH, HASHING, NOON, everything, record, text, warnings_in


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "agent", "mem")) as made:
        yield made


KINDS: dict[str, type[Folder[Any]]] = {"chroma": ChromaFolder, "lancedb": LanceFolder}


@pytest.fixture
def folder(journal: Journal, vectors: str) -> Iterator[Folder[Any]]:
    assert journal.directory is not None
    with closing(KINDS[vectors](journal.directory, journal)) as made:
        yield made


def fill(folder: Folder[Any], count: int = 30) -> None:
    records = [record(n, text(n)) for n in range(1, count + 1)]
    folder.index(RECALL).upsert(records, HASHING.embed([one.text for one in records]))


def anew(folder: Folder[Any]) -> Folder[Any]:
    """As the next process has it."""
    folder.close()
    return type(folder)(folder.path.parent, folder._journal)


# --- an index ---------------------------------------------------------------------------


@BOTH
def test_what_is_told_is_found_and_told_again_does_no_harm(folder: Folder[Any]) -> None:
    index = folder.index(RECALL)
    vector = HASHING.embed([text(7)])
    assert (len(index), index.query(vector, 5), index.standing) == (0, [], None)
    index.delete([1])
    fill(folder)
    fill(folder)
    index.delete([30, 99])
    assert len(index) == 29
    (number, cosine), *_ = index.query(vector, 5)
    assert number == 7 and cosine == pytest.approx(1, abs=1e-3)
    assert index.query(vector, 0) == []
    index.note(Standing("journal", "hashing", 3))
    assert folder.index(RECALL).standing == Standing("journal", "hashing", 3)
    assert len(folder.index(ARCHIVAL)) == 0


@BOTH
def test_everything_can_be_read_back(folder: Folder[Any]) -> None:
    one = Record(3, "Tée\n", NOON, speaker="Ann", tags=("a", 'b"'), origin="chat")
    folder.index(RECALL).upsert([one], HASHING.embed(["x"]))
    ((records, vectors),) = everything(folder.index(RECALL))
    assert records == [one]
    assert np.allclose(vectors, HASHING.embed(["x"]), atol=1e-3)


@pytest.mark.parametrize("texts", [True, False])
def test_any_client_reads_a_closed_folder_and_texts_only_if_wanted(
    journal: Journal, texts: bool
) -> None:
    assert journal.directory is not None
    folder = ChromaFolder(journal.directory, journal, texts=texts)
    fill(folder)
    folder.close()
    client = folder_client(folder.path)
    found = client.get_collection("recall", embedding_function=None).get(["m00000007"])
    assert found["documents"] == [text(7) if texts else None]
    assert found["metadatas"][0]["speaker"] == "Ann"
    release(client)
    assert texts or files_with(folder.path, text(7)) == []


def test_a_record_of_somebody_else_is_named(folder: Folder[Any]) -> None:
    fill(folder, 1)
    with folder._lent() as client:
        collection = client.get_collection("recall", embedding_function=None)
        collection.add(["theirs"], embeddings=HASHING.embed(["x"]))
    with pytest.raises(StorageError, match="'theirs' that is not of memgpt-autogen"):
        folder.index(RECALL).query(HASHING.embed(["x"]), 5)


# --- the look ---------------------------------------------------------------------------


@BOTH
def test_a_folder_that_was_closed_well_is_opened_without_a_trial(
    folder: Folder[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def never(path: Path, kind: str) -> bool:
        raise AssertionError(path)

    monkeypatch.setattr(folders, "stands_trial", never)
    assert folder.prepare(), "an empty one too"
    fill(folder)
    folder = anew(folder)
    assert folder.look() == "" and folder.prepare()
    assert len(folder.index(RECALL)) == 30
    folder.close()
    assert warnings_in(caplog) == []


def test_one_that_was_not_closed_stands_trial_in_a_child(
    folder: Folder[Any], journal: Journal
) -> None:
    fill(folder)
    folder.close()
    journal.put(folder.name, None)
    folder = anew(folder)
    assert folder.prepare()
    assert len(folder.index(RECALL)) == 30
    folder.close()


@pytest.mark.parametrize(
    ("vectors", "clean"),
    [("chroma", True), ("chroma", False), ("lancedb", True)],
    indirect=["vectors"],
)
def test_a_damaged_one_is_put_aside_and_never_opened_here(
    folder: Folder[Any], journal: Journal, clean: bool, caplog: pytest.LogCaptureFixture
) -> None:
    fill(folder)
    folder = anew(folder)
    if not clean:
        journal.put(folder.name, None)
    for path in [*folder.path.rglob("*.sqlite3"), *folder.path.rglob("*.lance/*/*")]:
        path.write_bytes(bytes(path.stat().st_size))
    assert not folder.prepare()
    (warning,) = warnings_in(caplog)
    assert ("is damaged" if clean else "cannot be read") in warning
    aside = folder.path.with_name(f"{folder.name}.aside-1")
    assert aside.exists() and not folder.path.exists()
    fill(folder, 3)
    folder.put_aside()
    assert folder.path.with_name(f"{folder.name}.aside-2").exists()
    assert len(folder.index(RECALL)) == 0


def test_a_trial_fails_on_what_crashes_or_cannot_be_read(
    folder: Folder[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(folder, 3)
    folder.close()
    assert files.stands_trial(folder.path, folder.name)
    program = tmp_path / "crash.py"
    program.write_text("import os; os.abort()")
    monkeypatch.setattr(trial, "__file__", str(program))
    assert not files.stands_trial(folder.path, folder.name)
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(files, "TRIAL_SECONDS", 0.1)
    assert not files.stands_trial(folder.path, folder.name)


def test_the_trial_searches_all_collections(folder: Folder[Any]) -> None:
    fill(folder, 3)
    folder.index(ARCHIVAL).note(Standing("j", "e", 0))  # an empty one
    folder.close()
    done = subprocess.run(
        [sys.executable, trial.__file__, folder.name, str(folder.path)],
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("vectors", ["lancedb"], indirect=True)
def test_the_trial_of_a_lancedb_folder(folder: Folder[Any]) -> None:
    fill(folder, 3)
    folder.index(ARCHIVAL).note(Standing("j", "e", 0))
    folder.close()
    trial.lancedb(str(folder.path))
    for path in folder.path.rglob("*.lance/data/*"):
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises((RuntimeError, ValueError, OSError)):
        trial.lancedb(str(folder.path))


@BOTH
def test_a_folder_of_another_memory_is_refused_and_left_alone(
    folder: Folder[Any], journal: Journal
) -> None:
    fill(folder, 3)
    folder.close()
    owner = folder.path / "memgpt-autogen.json"
    owner.write_text(json.dumps({"journal": "another"}))
    with pytest.raises(StorageError, match="belongs to another memory"):
        folder.look()
    with pytest.raises(StorageError, match="belongs to another memory"):
        anew(folder).prepare()
    assert [path.name for path in folder.path.parent.glob(f"{folder.name}*")] == [folder.name]


@BOTH
def test_destroy_leaves_no_text_not_even_of_what_was_put_aside(folder: Folder[Any]) -> None:
    fill(folder)
    folder.put_aside()
    fill(folder)
    assert files_with(folder.path.parent, text(7)) != []
    folder.destroy()
    assert list(folder.path.parent.glob(f"{folder.name}*")) == []
    fill(folder, 2)
    assert len(folder.index(RECALL)) == 2


# --- open at a time ---------------------------------------------------------------------


def test_of_many_folders_a_few_are_open_and_all_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ChromaFolder.most > 1
    monkeypatch.setattr(ChromaFolder, "most", 2)
    made = []
    for number in range(4):
        place = tmp_path / str(number)
        made.append(ChromaFolder(place, Journal(place, "mem")))
        fill(made[-1], number + 1)
    assert [one._opened is not None for one in made] == [False, False, True, True]
    assert [len(one.index(RECALL)) for one in made] == [1, 2, 3, 4]
    with made[0]._lent(), made[1]._lent():  # what is in use stays open
        assert len(made[2].index(RECALL)) == 3
        assert made[0]._opened is not None and made[1]._opened is not None
    for one in made:
        one.close()
        assert one.look() == ""
        one._journal.close()


def test_another_folder_that_cannot_be_closed_breaks_nobody(
    folder: Folder[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise StorageError("its memory is gone")

    monkeypatch.setattr(ChromaFolder, "most", 1)  # so that each use closes the folder before
    with closing(Journal(tmp_path / "other", "mem")) as journal:
        assert journal.directory is not None
        with closing(ChromaFolder(journal.directory, journal)) as other:
            fill(other, 2)
            with monkeypatch.context() as patched:
                patched.setattr(other, "close_unless_used", gone)
                fill(folder, 2)
