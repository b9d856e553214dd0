"""Shared blocks as they are stored: a swap wins once, and no update is lost."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memgpt_autogen.storage.journal.blocks import BlockShelf, SharedText, open_shelf

Open = Callable[[], BlockShelf]


@pytest.fixture(params=["directory", "server"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same shelf again and again."""
    place = tmp_path / "memory"
    location = request.getfixturevalue("chroma_server") if request.param == "server" else str(place)
    opened: list[BlockShelf] = []

    def again() -> BlockShelf:
        opened.append(open_shelf(location))
        return opened[-1]

    yield again
    for one in opened:
        one.close()


@pytest.fixture
def name() -> str:
    """Servers are shared by tests: a name that nobody else has."""
    return f"plan {uuid.uuid4()} ü"


def test_the_first_to_make_a_block_gives_its_text(shelf: Open, name: str) -> None:
    first, second = shelf(), shelf()
    assert first.read(name) is None
    first.create(name, "one", 100)
    second.create(name, "two", 50)
    assert second.read(name) == SharedText("one", 1, 100)


def test_a_swap_wins_at_the_version_it_read(shelf: Open, name: str) -> None:
    first, second = shelf(), shelf()
    first.create(name, "", 100)
    assert first.swap(name, 1, "a")
    assert not second.swap(name, 1, "b")
    assert second.read(name) == SharedText("a", 2, 100)
    assert second.swap(name, 2, "b")
    assert first.read(name) == SharedText("b", 3, 100)
    assert not first.swap("nothing", 1, "x")


def test_an_old_version_never_comes_back(shelf: Open, name: str) -> None:
    one = shelf()
    one.create(name, "", 100)
    for version in range(1, 31):
        assert one.swap(name, version, str(version))
        assert not one.swap(name, max(version - 12, 1), "late")
    one.scrub()
    assert not one.swap(name, 4, "late")
    found = one.read(name)
    assert found is not None and (found.value, found.version) == ("30", 31)


def test_no_update_of_many_writers_is_lost(shelf: Open, name: str) -> None:
    """Each adds its mark to what it read and tries again when somebody was faster."""
    writers, each = 4, 6
    shelf().create(name, "", 10_000)
    refused = []

    def write(who: int, mine: BlockShelf) -> None:
        for number in range(each):
            while True:
                now = mine.read(name)
                assert now is not None
                if mine.swap(name, now.version, f"{now.value} {who}.{number}"):
                    break
                refused.append(who)

    threads = [threading.Thread(target=write, args=(who, shelf())) for who in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = shelf().read(name)
    assert found is not None and found.version == writers * each + 1
    expected = {f"{who}.{number}" for who in range(writers) for number in range(each)}
    assert len(found.value.split()) == len(expected)
    assert set(found.value.split()) == expected
