"""The journal: all of a transaction or nothing, one file that is never taken for another."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from memgpt_autogen.errors import StateFormatError, StorageError
from memgpt_autogen.storage.journal import connection as connecting
from memgpt_autogen.storage.journal.connection import link_to
from memgpt_autogen.storage.journal.file import FILE
from memgpt_autogen.storage.journal.journal import LAYOUT, Journal
from tests.files import files_with
from tests.stores import run_until_killed

NOTES = ["CREATE TABLE notes (number INTEGER PRIMARY KEY, text TEXT)"]


@pytest.fixture(params=["file", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "agent" if request.param == "file" else None, "Zoë")) as made:
        made.ensure("notes", NOTES)
        yield made


def add(journal: Journal, text: str) -> None:
    with journal.transaction() as connection:
        connection.execute("INSERT INTO notes (text) VALUES (?)", [text])


def notes(journal: Journal) -> list[str]:
    return [text for (text,) in journal.rows("SELECT text FROM notes ORDER BY number")]


def test_a_transaction_is_written_whole_or_not_at_all(journal: Journal) -> None:
    before = journal.step
    with journal.transaction():
        add(journal, "one")
        with journal.transaction():
            add(journal, "two")
        assert notes(journal) == ["one", "two"]  # it sees what it has written
    assert journal.step == before + 1
    with suppress(KeyError), journal.transaction():
        add(journal, "three")
        raise KeyError
    assert notes(journal) == ["one", "two"]
    assert journal.step == before + 1


def test_a_note_that_cannot_be_written_undoes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Journal(tmp_path / "agent", "Zoë")) as journal:
        journal.ensure("notes", NOTES)
        (tmp_path / "agent" / "step").unlink()
        (tmp_path / "agent" / "step").mkdir()
        add(journal, "one")
        assert notes(journal) == ["one"]
    assert "may go unnoticed" in caplog.text


def test_threads_write_one_after_another_and_read_meanwhile(journal: Journal) -> None:
    def write(name: str) -> None:
        for number in range(10):
            with journal.transaction() as connection:
                ((count,),) = connection.execute("SELECT count(*) FROM notes").fetchall()
                add(journal, f"{name}{number} of {count}")
            notes(journal)

    threads = [threading.Thread(target=write, args=[name]) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [int(text.rsplit(" ", 1)[1]) for text in notes(journal)] == list(range(30))


def test_values_stay_and_go(journal: Journal) -> None:
    journal.put("key", "wört")
    journal.put("number", 7)
    assert (journal.get("key"), journal.get("number")) == ("wört", 7)
    journal.put("key", None)
    assert journal.get("key") is None
    assert journal.get("name") == "Zoë"


def test_errors_of_sqlite_name_the_file_and_the_way_out(journal: Journal) -> None:
    with pytest.raises(StorageError, match="cannot be read or written"):
        journal.rows("SELECT * FROM nothing")
    with pytest.raises(StorageError), journal.transaction() as connection:
        connection.execute("INSERT INTO nothing VALUES (1)")
    add(journal, "goes on")
    assert notes(journal) == ["goes on"]


def test_it_keeps_its_identity_and_is_its_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "new" / "agent"
    with closing(Journal(place, "mem")) as first:
        first.put("x", 1)
        identity = first.identity
        for path in place.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    with closing(Journal(place, "mem")) as again, closing(Journal(None, "mem")) as other:
        assert again.identity == identity != other.identity
        assert again.get("x") == 1


def test_two_journals_of_one_file_see_each_other(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, "mem")) as one, closing(Journal(tmp_path, "mem")) as two:
        one.ensure("notes", NOTES)
        add(two, "written by two")
        assert notes(one) == ["written by two"]
        assert one.step == two.step


def test_nothing_is_left_open_after_close(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "mem")
    journal.put("x", 1)
    journal.close()
    assert [path.name for path in tmp_path.iterdir() if "-wal" in path.name] == []
    assert journal.get("x") == 1  # a later use opens it again
    journal.close()


def test_what_was_deleted_is_taken_out_of_the_file(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, "mem")) as journal:
        journal.ensure("notes", NOTES)
        journal.ensure("words", ["CREATE VIRTUAL TABLE words USING fts5(text, content='')"])
        with journal.transaction() as connection:
            for number in range(200):
                add(journal, f"secret{number} Mephisto")
                connection.execute("INSERT INTO words VALUES (?)", ["mephisto"])
        with journal.transaction() as connection:
            connection.execute("DELETE FROM notes")
            connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        journal.purge()
        assert files_with(tmp_path, "Mephisto", "mephisto") == []


# --- files that are not what they should be ---------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The directory of a closed journal."""
    with closing(Journal(tmp_path / "agent", "mem")) as journal:
        journal.ensure("notes", NOTES)
        with journal.transaction():
            for number in range(200):
                add(journal, f"a note of some length, number {number} " * 5)
    return tmp_path / "agent"


def refused(place: Path, match: str, error: type[Exception] = StorageError) -> None:
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    with pytest.raises(error, match=match):
        Journal(place, "mem")
    link_to(place / FILE).close()
    after = {path.name: path.read_bytes() for path in place.iterdir()}
    assert {**after, **before} == after, "nothing was changed"


def test_a_file_that_is_no_database_is_refused(place: Path) -> None:
    (place / FILE).write_bytes(b"this is not a database at all" * 1000)
    refused(place, "it is damaged")


@pytest.mark.parametrize("size", [100, 5000])
def test_a_file_that_was_cut_is_refused(place: Path, size: int) -> None:
    (place / FILE).write_bytes((place / FILE).read_bytes()[:-size])
    refused(place, "it was cut")


@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_journal_beside_the_rest_is_no_silent_start_from_nothing(
    place: Path, empty: bool
) -> None:
    (place / FILE).unlink()
    if empty:
        (place / FILE).touch()
    refused(place, "is missing or empty")


def test_an_older_copy_is_noticed_and_taken_when_told(place: Path) -> None:
    older = (place / FILE).read_bytes()
    with closing(Journal(place, "mem")) as journal:
        add(journal, "later")
    (place / FILE).write_bytes(older)
    refused(place, "lacks its latest steps")
    (place / "step").unlink()
    with closing(Journal(place, "mem")) as journal:
        assert len(notes(journal)) == 200


@pytest.mark.parametrize("name", ["state.sqlite3", "index.sqlite3"])
def test_a_memory_of_the_old_layout_is_named(tmp_path: Path, name: str) -> None:
    place = tmp_path / "agent"
    place.mkdir()
    (place / name).touch()
    refused(place, "checkpoint", StateFormatError)


def test_a_newer_layout_is_not_touched(place: Path) -> None:
    with closing(sqlite3.connect(place / FILE)) as connection:
        connection.execute(f"PRAGMA user_version={LAYOUT + 1}")
    refused(place, "newer version", StateFormatError)


def test_a_directory_that_is_taken_away_while_in_use_is_named(place: Path) -> None:
    with closing(Journal(place, "mem")) as journal:
        place.rename(place.with_name("elsewhere"))
        with pytest.raises(StorageError, match="is gone"):
            journal.put("x", 1)
        place.with_name("elsewhere").rename(place)
        assert len(notes(journal)) == 200


def test_a_path_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="memory="):
        Journal(tmp_path / "file" / "agent", "mem")


# --- connections ------------------------------------------------------------------------


def test_of_many_files_those_used_longest_ago_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for link in connecting._links.things.values():
        link.close()
    monkeypatch.setattr(connecting, "OPEN", 2)
    journals = [Journal(tmp_path / str(number), "mem") for number in range(4)]
    for journal in journals:
        journal.put("x", str(journal.path))
    links = [link_to(tmp_path / str(number) / FILE) for number in range(4)]
    assert [one.file is not None for one in links] == [False, False, True, True]
    assert [one.get("x") for one in journals] == [str(one.path) for one in journals]
    for journal in journals:
        journal.close()
    assert [one.writer or one.reader for one in links] == [None] * 4


def test_a_file_put_in_the_place_of_another_is_not_taken_for_it(place: Path) -> None:
    with closing(Journal(place.parent / "other", "mem")) as other:
        other.put("x", "other")
    with closing(Journal(place, "mem")) as journal:
        journal.put("x", "first")
        (place.parent / "other" / FILE).rename(place / FILE)
        with pytest.raises(StorageError, match="is another file"):
            journal.put("x", "second")


# --- killed -----------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from memgpt_autogen.storage.journal.journal import Journal

journal = Journal(Path(sys.argv[1]), "mem")
journal.ensure("notes", ["CREATE TABLE notes (number INTEGER PRIMARY KEY, text TEXT)"])
number = journal.rows("SELECT count(*) FROM notes")[0][0] // 20
while True:
    with journal.transaction() as connection:
        for _ in range(20):
            connection.execute("INSERT INTO notes (text) VALUES (?)", [f"{number} " * 500])
    print(number, flush=True)
    number += 1
"""


def test_killed_at_any_moment_it_holds_whole_transactions(tmp_path: Path) -> None:
    for wanted in (1, 7, 20):
        lines = run_until_killed(WRITER, tmp_path, wanted)
        with closing(Journal(tmp_path, "mem")) as journal:
            found = [text.split() for text in notes(journal)]
        assert all(len(set(words)) == 1 and len(words) == 500 for words in found)
        numbers = [int(words[0]) for words in found]
        assert numbers == [number for number in range(len(found) // 20) for _ in range(20)]
        assert int(lines[-1]) <= numbers[-1] <= int(lines[-1]) + 1
