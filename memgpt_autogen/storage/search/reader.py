"""Reader: what one search reads of a store's records, each thing once.

What words find is read while the query is embedded. Whatever is written meanwhile, by any
process, lets all be read anew: what was deleted is not found. Nothing outlasts the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.journal.matching import Numbers
from memgpt_autogen.storage.journal.record_table import Outline
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.records import Records
from memgpt_autogen.storage.search.deduplication import said
from memgpt_autogen.storage.search.features import Values
from memgpt_autogen.storage.search.turns import KERNEL
from memgpt_autogen.storage.search.when import tells_time

BESIDE = (-1, 0, 1)  # turns whose cosines count


class Reader:
    """What is read of one store for one query.

    Attributes:
        outlines: of a dialogue's records, and of those beside them.
        said: of each record that was read, the words that carry what it says.
        dated: of each, whether it tells a time.
    """

    def __init__(self, store: Records) -> None:
        self.store = store
        self.outlines: dict[int, Outline] = {}
        self.said: dict[int, tuple[str, ...]] = {}
        self.dated: dict[int, bool] = {}
        self._records: dict[int, Record] = {}
        self._step = 0  # of the journal when they were read
        self._cosines: dict[int, float] = {}

    def read(self, numbers: Iterable[int]) -> list[Record]:
        """The records with these numbers that there are, by number."""
        step = self.store.table.journal.step  # first: what is read may be newer, not older
        if step != self._step:
            self._step = step
            self._records.clear()
            self.outlines.clear()
        wanted = sorted(set(numbers))
        missing = [number for number in wanted if number not in self._records]
        if missing:
            self._add(missing)
        return [self._records[number] for number in wanted if number in self._records]

    def compare(self, vector: Vectors, numbers: Iterable[int]) -> None:
        """Read the cosines of these records, and of those beside them in a dialogue."""
        around = BESIDE if self.store.kind.dialogue else (0,)
        near = {number + away for number in numbers for away in around} - self._cosines.keys()
        if near:
            self._cosines.update(self.store.table.vectors.cosines(vector, sorted(near)))

    def cosines(self, numbers: Numbers, nearest: Mapping[int, float]) -> Values:
        """Of each of these numbers: by the index where that found it, else by its vector.

        What has no vector yet is found by its words alone, as far as the nearest ends.
        """
        lowest = min(nearest.values(), default=0.0)
        known = {**self._cosines, **nearest}
        found = [known.get(number, lowest) for number in numbers.ravel().tolist()]
        return np.array(found).reshape(numbers.shape)

    def _add(self, numbers: Sequence[int]) -> None:
        found = self.store.table.get(numbers)
        texts = [record.text for record in found.values()]
        self._records.update(found)
        self.said.update(zip(found, map(said, texts), strict=True))
        if self.store.kind.dialogue:
            self.dated.update(zip(found, map(tells_time, texts), strict=True))
            near = {number + away for number in numbers for away in KERNEL} - self.outlines.keys()
            self.outlines.update(self.store.table.outlines(sorted(near)))
