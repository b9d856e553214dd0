"""State and lists: what is read back is what was saved, and no more is written than changed."""

from __future__ import annotations

import itertools
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.state import SavedList, StateTable


class Item:
    """An item that is equal to no other."""

    def __init__(self, text: str) -> None:
        self.text = text


class StateMachine(RuleBasedStateMachine):
    """A list and values, changed and saved in any order, in transactions that may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = Journal(None, "mem")
        self.fresh = (Item(str(number)) for number in itertools.count())
        self.table = StateTable(self.journal)
        self.saved = self.listed()
        self.items: list[Item] = []
        self.values: dict[str, str] = {}
        self.expected: tuple[list[str], dict[str, str]] = ([], {})

    def listed(self) -> SavedList[Item]:
        return SavedList(self.journal, "queue", lambda item: item.text)

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
        self.saved.save(list(self.items))
        self.table.save(self.values)

    @rule()
    def save_now(self) -> None:
        self.save()
        self.expected = ([item.text for item in self.items], dict(self.values))

    @rule(count=st.integers(1, 2), data=st.data())
    def save_several_times_at_once(self, count: int, data: st.DataObject) -> None:
        with self.journal.transaction():
            for _ in range(count):
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

    @rule()
    def load(self) -> None:
        self.table, self.saved = StateTable(self.journal), self.listed()
        self.items, self.values = self.saved.load(Item), self.table.load()

    @invariant()
    def agrees(self) -> None:
        texts = [item.text for item in self.listed().load(Item)]
        assert (texts, StateTable(self.journal).load()) == self.expected


TestStateMachine = StateMachine.TestCase
TestStateMachine.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize("count", [100, 3000])
def test_one_step_writes_only_what_is_new_however_long_the_list(tmp_path: Path, count: int) -> None:
    with closing(Journal(tmp_path, "mem")) as journal:
        table = StateTable(journal)
        written: list[str] = []

        def write(item: Item) -> str:
            written.append(item.text)
            return item.text

        saved = SavedList(journal, "queue", write)
        items = [Item(str(number)) for number in range(count)]
        saved.save(items)
        written.clear()
        saved.save([*items[1:], Item("new")])
        assert written == ["new"]
        before = journal.step
        saved.save(items := saved.load(Item))
        table.save({})
        assert journal.step == before, "nothing changed, so nothing was written"


def test_lists_of_one_journal_are_apart() -> None:
    journal = Journal(None, "mem")
    StateTable(journal)
    one, two = (SavedList[str](journal, name, str) for name in ("one", "two"))
    one.save(["a", "b"])
    two.save(["c"])
    one.save(["b"])
    assert (one.load(str), two.load(str)) == (["b"], ["c"])
