"""Blocks as they are stored: a swap wins once, no update is lost, and history tells them all."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.storage.address import Server
from memgpt_autogen.storage.journal.blocks import BlockChange, BlockStore, BlockTable, StoredBlock
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.shared_copy.blocks import ServerBlocks
from memgpt_autogen.storage.vectors.clients import server_client
from tests.files import files_with
from tests.stores import NOON

Open = Callable[[], BlockStore]


@pytest.fixture(params=["directory", "server"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same blocks again and again."""
    url = request.getfixturevalue("chroma_server") if request.param == "server" else ""
    made: list[BlockStore] = []

    def again() -> BlockStore:
        if url:
            made.append(ServerBlocks(server_client(Server.at(url)), url))
        else:
            made.append(BlockTable(Journal(tmp_path / "shared", "shared")))
        return made[-1]

    yield again
    for one in made:
        one.close()


@pytest.fixture
def name() -> str:
    """Servers are shared by tests: a name that nobody else has."""
    return f"plan {uuid.uuid4()} ü"


def make(home: BlockStore, name: str, value: str = "", limit: int = 100) -> None:
    home.create(StoredBlock(name, value, 1, limit), "program", NOON)


def swap(home: BlockStore, name: str, version: int, value: str, author: str = "coder") -> bool:
    return home.swap(name, version, value, author, NOON + timedelta(hours=version))


def test_the_first_to_make_a_block_gives_its_text(home: Open, name: str) -> None:
    first, second = home(), home()
    assert first.read(name) is None
    make(first, name, "one", 100)
    make(second, name, "two", 50)
    assert second.read(name) == StoredBlock(name, "one", 1, 100)


def test_a_swap_wins_at_the_version_it_read(home: Open, name: str) -> None:
    first, second = home(), home()
    make(first, name)
    assert swap(first, name, 1, "a")
    assert not swap(second, name, 1, "b")
    assert second.read(name) == StoredBlock(name, "a", 2, 100)
    assert swap(second, name, 2, "b \ud800")
    assert first.read(name) == StoredBlock(name, "b \ufffd", 3, 100)
    assert not swap(first, "nothing", 1, "x")


def test_history_tells_who_changed_what_and_when(home: Open, name: str) -> None:
    one = home()
    make(one, name)
    swap(one, name, 1, "a", "coder")
    swap(one, name, 2, "b", "tester")
    assert home().history(name) == [
        BlockChange(2, NOON + timedelta(hours=1), "coder", "", "a"),
        BlockChange(3, NOON + timedelta(hours=2), "tester", "a", "b"),
    ]
    one.purge()
    assert one.history(name) == []
    assert one.read(name) == StoredBlock(name, "b", 3, 100)


def test_an_old_version_never_comes_back(home: Open, name: str) -> None:
    one = home()
    make(one, name)
    for version in range(1, 21):
        assert swap(one, name, version, str(version))
        assert not swap(one, name, max(version - 12, 1), "late")
    one.purge()
    assert not swap(one, name, 4, "late")
    assert one.read(name) == StoredBlock(name, "20", 21, 100)


def test_no_update_of_many_writers_is_lost(home: Open, name: str) -> None:
    """Each adds its mark to what it read and tries again when somebody was faster."""
    writers, each = 3, 5
    make(home(), name, limit=10_000)

    def write(who: int, mine: BlockStore) -> None:
        for number in range(each):
            while True:
                now = mine.read(name)
                assert now is not None
                if swap(mine, name, now.version, f"{now.value} {who}.{number}"):
                    break

    threads = [threading.Thread(target=write, args=(who, home())) for who in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = home().read(name)
    assert found is not None and found.version == writers * each + 1
    expected = {f"{who}.{number}" for who in range(writers) for number in range(each)}
    assert len(found.value.split()) == len(expected)
    assert set(found.value.split()) == expected


# --- an agent's own ---------------------------------------------------------------------


@pytest.fixture
def table() -> BlockTable:
    return BlockTable(Journal(None, "mem"))


def test_blocks_keep_their_order_and_what_they_are(table: BlockTable) -> None:
    for name in ("persona", "human", "a"):
        make(table, name, name.upper())
    table.create(StoredBlock("rules", "", 1, 9, read_only=True), "program", NOON)
    swap(table, "persona", 1, "new")
    table.limit("human", 7)
    table.remove("a")
    assert table.load() == [
        StoredBlock("persona", "new", 2, 100),
        StoredBlock("human", "HUMAN", 1, 7),
        StoredBlock("rules", "", 1, 9, read_only=True),
    ]
    assert table.versions() == {"persona": 2, "human": 1, "rules": 1}
    assert [one.after for one in table.history("a")] == ["A"]  # the first text is a change too


def test_history_can_be_put_back(table: BlockTable) -> None:
    make(table, "human", "a")
    swap(table, "human", 1, "b")
    changes = table.history("human")
    other = BlockTable(Journal(None, "copy"))
    make(other, "human", "something")
    other.restore_history("human", changes)
    assert other.history("human") == changes


def test_what_is_to_be_forgotten_leaves_history_and_files(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, "mem")) as journal:
        table = BlockTable(journal)
        make(table, "human", "likes tea")
        for version, text in enumerate(["Mephisto is a cat", "likes tea", "likes coffee"], 1):
            swap(table, "human", version, text)
        table.forget(lambda text: "Mephisto" in text)
        assert [(one.before, one.after) for one in table.history("human")] == [
            ("", "likes tea"),
            ("likes tea", "likes coffee"),
        ]
        journal.purge()
        assert files_with(tmp_path, "Mephisto") == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4), st.text(max_size=5))))
def test_history_leads_from_the_first_text_to_the_last(edits: list[tuple[str, int, str]]) -> None:
    table = BlockTable(Journal(None, "mem"))
    texts = {name: [""] for name in "ab"}
    for name in texts:
        make(table, name)
    for name, version, text in edits:
        fits = version == len(texts[name])
        assert swap(table, name, version, text) == fits
        if fits:
            texts[name].append(text)
    for name, expected in texts.items():
        assert table.read(name) == StoredBlock(name, expected[-1], len(expected), 100)
        changes = table.history(name)
        assert [one.after for one in changes] == expected[1:]
        assert [one.before for one in changes] == expected[:-1]
        assert [one.version for one in changes] == list(range(2, len(expected) + 1))
