"""The vectors in the index: the same cosines as Chroma's, through deletions and reindexing."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.store import open_database, reindex
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder, embed_query
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.journal.where import Where

NOW = datetime(2026, 5, 13, 15, tzinfo=timezone.utc)


class Backwards(HashingEmbedder):
    """Another space of the same size."""

    model_id = "backwards"

    def embed(self, texts: object) -> Vectors:
        return np.ascontiguousarray(super().embed(texts)[:, ::-1])  # type: ignore[arg-type]


def check(path: Path, embedder: HashingEmbedder, count: int) -> None:
    """All cosines in the index are those of Chroma's vectors."""
    database = open_database(path, "agent")
    store = RecallStorage(database, embedder, clock=lambda: NOW)._store
    vector = embed_query(embedder, "number 7")
    stored = store._collection.vectors(store.table.numbers(Where()))
    expected = {number: float(row @ vector[0]) for number, row in stored.items()}
    assert len(expected) == count
    assert store.table.vectors.cosines(vector, [*expected, 999]) == pytest.approx(
        expected, abs=2e-3
    )
    fitting = store.table.vectors.nearest(vector, store.table.numbers(Where(speaker="B")), 5)
    best = sorted(
        (number for number in expected if number % 2), key=lambda number: -expected[number]
    )
    assert [expected[one] for one in fitting] == pytest.approx(
        [expected[one] for one in best[:5]], abs=2e-3
    )
    database.close()


def test_cosines_are_those_of_chroma_whatever_happens(tmp_path: Path) -> None:
    first, second = HashingEmbedder(), Backwards()
    database = open_database(tmp_path, "agent")
    recall = RecallStorage(database, first, clock=lambda: NOW)
    drafts = [
        recall.draft(f"number {n}", "AB"[(n + 1) % 2], NOW + timedelta(hours=n)) for n in range(40)
    ]
    recall.write(drafts)
    recall.delete([drafts[4].id, drafts[5].id])
    place = database.directory
    database.close()
    check(tmp_path, first, 38)
    (place / "index.sqlite3").unlink()
    check(tmp_path, first, 38)
    assert reindex("agent", memory=tmp_path, embedder=second) == 38
    check(tmp_path, second, 38)
