"""Questions whose answers are known: LoCoMo's with their turns, documents' with their passages.

The candidates of each and their features come from the package's own search.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
from inside import (
    STOP_WORDS,
    Candidates,
    Embedder,
    Said,
    fill,
    insert_all,
    looked_up,
    memory,
    split,
)
from numpy.typing import NDArray
from rich.progress import track
from texts import SMALL_TALK

By = Literal["both", "words", "meaning"]
Array = NDArray[np.float64]

NOW = datetime(2024, 6, 1, tzinfo=timezone.utc)  # after all that is said
HALF = 0.5  # of the gold characters, from which on a passage is an answer


@dataclass(frozen=True)
class Asked:
    """A query, what may answer it, and what does.

    Attributes:
        part: the conversation or text in which it was asked.
        query: the question, or small talk.
        found: the candidates.
        answers: for each candidate its share of the evidence; what was not found has the rest.
        plain: the same for what plain BM25 finds, best first.
        trained: whether fits see it.
        talk: whether it is small talk, which nothing answers.
    """

    part: str
    query: str
    found: Candidates
    answers: Array
    plain: Array
    trained: bool = True
    talk: bool = False

    @property
    def hits(self) -> Array:
        """1 for each candidate that is an answer, else 0."""
        return (self.answers > 0).astype(float)


class PlainBM25:
    """BM25 of the texts alone, stemmed, without stop words: SQLite's, k1 1.2 and b 0.75."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._table = sqlite3.connect(":memory:")
        self._table.execute("CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='porter')")
        self._table.executemany("INSERT INTO texts VALUES (?)", [(text,) for text in texts])

    def best(self, query: str, count: int) -> list[int]:
        """The places of the texts that fit best."""
        marked = "".join(char if char.isalnum() else " " for char in query.lower()).split()
        words = [word for word in marked if word not in STOP_WORDS] or marked
        sql = "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?"
        asked = " OR ".join(f'"{word}"' for word in words)
        return [row[0] - 1 for row in self._table.execute(sql, [asked, count])]


def dialogues(path: Path, way: By, embedder: Embedder) -> Iterator[Asked]:
    """LoCoMo's questions of categories 1 to 4 that name evidence, and small talk."""
    for sample in json.loads(path.read_text(encoding="utf-8")):
        part, said = sample["sample_id"], turns(sample["conversation"])
        plain = PlainBM25([text for _, _, text, _ in said])
        questions = questions_of(sample)
        with memory(embedder) as agent:
            ids = fill(agent, [Said(text, speaker, when) for _, speaker, text, when in said])
            names = {one: turn[0] for one, turn in zip(ids, said, strict=True)}
            for question, evidence in track(questions, f"{part}, {way}", transient=True):
                found, there = looked_up(agent.recall, question, way, NOW)
                best = [said[place][0] for place in plain.best(question, 20)]
                share, shares = (
                    np.array([(name in evidence) / len(evidence) for name in given])
                    for given in (best, [names[one] for one in there])
                )
                yield Asked(part, question, found, shares, share)
            yield from small_talk(agent.recall, part, way)


def documents(folder: Path, way: By, embedder: Embedder) -> Iterator[Asked]:
    """The questions of Chroma's chunking evaluation, on the texts in the folder."""
    with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as rows:
        questions = list(csv.DictReader(rows))
    for part in sorted({row["corpus_id"] for row in questions}):
        text = (folder / f"{part}.md").read_bytes().decode("utf-8")
        passages = split(text)
        standing, plain = located(text, passages), PlainBM25(passages)
        with memory(embedder) as agent:
            places = dict(zip(insert_all(agent, passages), standing, strict=True))
            mine = [row for row in questions if row["corpus_id"] == part]
            for row in track(mine, f"{part}, {way}", transient=True):
                gold = golden(row)
                found, there = looked_up(agent.archival, row["question"], way, NOW)
                best = [standing[place] for place in plain.best(row["question"], 20)]
                share, shares = (
                    np.array([len(gold.intersection(one)) / len(gold) for one in given])
                    for given in (best, [places[one] for one in there])
                )
                answers = np.where(shares >= HALF, shares, 0.0)
                yield Asked(part, row["question"], found, answers, share)
            yield from small_talk(agent.archival, part, way)


def small_talk(tier: Any, part: str, way: By) -> Iterator[Asked]:
    """What asks for nothing that is stored."""
    for trained, texts in SMALL_TALK.items():
        for text in texts:
            found, there = looked_up(tier, text, way, NOW)
            nothing = np.zeros(len(there))
            yield Asked(part, text, found, nothing, np.zeros(0), trained, talk=True)


def questions_of(sample: Mapping[str, Any]) -> list[tuple[str, set[str]]]:
    """The questions of categories 1 to 4 that name evidence, with the turns that are it."""
    return [
        (one["question"], set(one["evidence"]))
        for one in sample["qa"]
        if one["category"] in (1, 2, 3, 4) and one.get("evidence")
    ]


def turns(conversation: Mapping[str, Any]) -> list[tuple[str, str, str, datetime]]:
    """Id, speaker, text and time of each turn that has a text."""
    found = []
    number = 1
    while f"session_{number}" in conversation:
        said = datetime.strptime(
            conversation[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y"
        ).replace(tzinfo=timezone.utc)
        found += [
            (turn["dia_id"], turn["speaker"], turn["text"], said)
            for turn in conversation[f"session_{number}"]
            if turn["text"].strip()
        ]
        number += 1
    return found


def golden(row: Mapping[str, str]) -> set[int]:
    """The places of the characters that answer a document's question."""
    return {
        place
        for one in json.loads(row["references"])
        for place in range(one["start_index"], one["end_index"])
    }


def located(text: str, passages: Sequence[str]) -> list[range]:
    """Where the passages stand in their text, one after the other."""
    found = []
    start = 0
    for passage in passages:
        start = text.index(passage, start)
        found.append(range(start, start + len(passage)))
        start += 1
    return found
