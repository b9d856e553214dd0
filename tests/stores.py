"""Stores with quick embedders, and what tests do to them."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import string
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import memgpt_autogen
from memgpt_autogen.storage.embedders.arrays import Vectors, unit_rows
from memgpt_autogen.storage.embedders.embedder import Embedder, HashingEmbedder
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.store import Store, open_store
from memgpt_autogen.storage.vectors.base import VectorIndex
from memgpt_autogen.storage.vectors.chroma import ChromaIndex
from memgpt_autogen.storage.vectors.lance import LanceIndex

NOON = datetime(2023, 5, 8, 12, tzinfo=timezone.utc)
HASHING = HashingEmbedder()


class Letters:
    """Counts letters; its dimension differs from the hashing embedder's."""

    dimension = 26

    def __init__(self, model_id: str = "letters-1") -> None:
        self.model_id = model_id

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = [
            [text.lower().count(letter) + 0.01 for letter in string.ascii_lowercase]
            for text in texts
        ]
        return unit_rows(np.array(rows, dtype=np.float32).reshape(len(texts), -1))


class Observed(HashingEmbedder):
    """Notes how many texts it is given at once; it fails while `broken`."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.broken = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.broken:
            raise ConnectionError("the embedder is away")
        self.batches.append(len(texts))
        return super().embed(texts)


def opened(place: Path | str, embedder: Embedder = HASHING, **kwargs: Any) -> Store:
    """The store of the agent `agent`."""
    return open_store(str(place), "agents", "agent", embedder, **kwargs)


BOTH = pytest.mark.parametrize("vectors", ["chroma", "lancedb"], indirect=True)


def everything(index: VectorIndex) -> Iterator[tuple[list[Record], Vectors]]:
    """All that an index of either store holds."""
    if isinstance(index, ChromaIndex):
        yield from index.everything()
        return
    assert isinstance(index, LanceIndex)
    with index._used() as database:
        table = database.table(index._name)
        rows = [] if table is None else table.to_arrow().to_pylist()
    records = [
        Record(
            row["number"],
            row.get("text", ""),
            row["timestamp"],
            row["speaker"],
            tuple(row["tags"]),
            row["origin"],
        )
        for row in rows
    ]
    if rows:
        yield records, np.array([row["vector"] for row in rows], dtype=np.float32)


def record(number: int, text: str = "words", speaker: str = "Ann", hours: int = 0) -> Record:
    return Record(number, text, NOON + timedelta(hours=hours), speaker=speaker)


def text(number: int) -> str:
    """Words that no other number has: of texts that are nearly the same, Chroma loses some."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return " ".join(digest[start : start + 8] for start in range(0, 64, 8))


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


def run_until_killed(program: str, place: Path, wanted: int) -> list[str]:
    """The lines that a program prints until it is killed, at least so many."""
    root = Path(memgpt_autogen.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", program, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(wanted)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().split("\n")[:-1]
    return lines
