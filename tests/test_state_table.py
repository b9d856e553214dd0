"""State and lists: what is read back is what was saved, and no more is written than changed."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.state import StateTable


class Item:
    """An item that is equal to no other."""

    def __init__(self, text: str) -> None:
        self.text = text


def as_text(item: Item) -> str:
    return item.text


class StateMachine(RuleBasedStateMachine):
    """A list and values, changed and saved in any order, in transactions that may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = Journal(None, "mem")
        self.fresh = (Item(str(number)) for number in itertools.count())
        self.table = StateTable(self.journal)
        self.items: list[Item] = []
        self.values: dict[str, str] = {}
        self.expected: tuple[list[str], dict[str, str]] = ([], {})

    @rule(count=st.integers(1, 3))
    def append(self, count: int) -> None:
        self.items += itertools.islice(self.fresh, count)

    @rule(data=st.data())
    def change(self, data: st.DataObject) -> None:
        """Any cut, turn, repetition or insertion."""
        places = st.lists(st.sampled_from([*self.items, next(self.fresh)]), max_size=6)
        self.items = data.draw(places)

    @rule(key=st.sampled_from("abc"), value=st.sampled_from("xyz"))
    def put(self, key: str, value: str) -> None:
        self.values[key] = value

    def save(self) -> None:
        with self.journal.transaction() as connection:
            self.table.save(connection, self.values, list(self.items), as_text)

    @rule()
    def save_now(self) -> None:
        self.save()
        self.expected = ([item.text for item in self.items], dict(self.values))

    @rule(data=st.data())
    def save_twice_at_once(self, data: st.DataObject) -> None:
        with self.journal.transaction():
            self.save()
            self.change(data)
            self.put("a", data.draw(st.sampled_from("xyz")))
            self.save()
        self.expected = ([item.text for item in self.items], dict(self.values))

    @rule()
    def fail_to_save(self) -> None:
        with suppress(KeyError), self.journal.transaction():
            self.save()
            raise KeyError
        self.table.undo()

    @rule()
    def load(self) -> None:
        self.table = StateTable(self.journal)
        self.items, self.values = self.table.items(Item), self.table.values()

    @invariant()
    def agrees(self) -> None:
        table = StateTable(self.journal)
        assert ([one.text for one in table.items(Item)], table.values()) == self.expected


TestStateMachine = StateMachine.TestCase
TestStateMachine.settings = settings(max_examples=30, stateful_step_count=20)


@pytest.mark.parametrize("count", [100, 3000])
def test_one_step_writes_only_what_is_new_however_long_the_list(count: int) -> None:
    journal = Journal(None, "mem")
    table = StateTable(journal)
    written: list[str] = []

    def write(item: Item) -> str:
        written.append(item.text)
        return item.text

    items = [Item(str(number)) for number in range(count)]
    for each in (items, [*items[1:], Item("new")]):
        written.clear()
        with journal.transaction() as connection:
            table.save(connection, {"a": "x"}, each, write)
    assert written == ["new"]
    read = table.items(Item)
    with journal.transaction() as connection:
        before = connection.total_changes
        table.save(connection, {"a": "x"}, read, write)
        assert connection.total_changes == before, "nothing changed, so nothing is written"
