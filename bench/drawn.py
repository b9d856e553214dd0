"""Texts and vectors to fill large memories with, without embedding a million texts.

Texts are 8 to 40 words, drawn as often as Zipf's law has it, so that some words are in
every other message and most are rare. Vectors are drawn with the mean and the covariance
of the embedder's own vectors of such texts: cosines then spread as real ones do, which
`spread` shows, while vectors of independent noise would all be equally far apart.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
from inside import Rows, Said, best_embedder, vocabulary_file

BEGIN = datetime(2020, 1, 1, tzinfo=timezone.utc)
SPEAKERS = ("Ann", "Bob", "Cy")
SAMPLE = 1_500  # texts whose vectors are the pattern
BLOCK = 5_000  # messages of one seed
TELLING = 30  # last characters that a vector is drawn by: a store may embed more than the text


@cache
def vocabulary() -> tuple[list[str], list[float]]:
    """Words, the most frequent first, and their running sums of weights."""
    lines = vocabulary_file().read_text(encoding="utf-8").split()
    words = [word for word in lines if len(word) > 1 and word.isascii() and word.isalpha()]
    return words, list(accumulate(1 / rank for rank in range(1, len(words) + 1)))


def text_of(dice: random.Random, count: int) -> str:
    words, weights = vocabulary()
    return " ".join(dice.choices(words, cum_weights=weights, k=count))


def said(first: int, last: int) -> Iterator[Said]:
    """The messages from one number to another; each number has always the same one."""
    for start in range(first - first % BLOCK, last, BLOCK):
        dice = random.Random(start)  # noqa: S311 - texts to measure with, no secret
        for number in range(start, min(start + BLOCK, last)):
            text, speaker = text_of(dice, dice.randint(8, 40)), dice.choice(SPEAKERS)
            if number >= first:
                yield Said(text, speaker, BEGIN + timedelta(minutes=number))


def unit(rows: Rows) -> Rows:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    divided: Rows = (rows / length).astype(np.float32)
    return divided


class DrawnEmbedder:
    """The packaged embedder, but texts in bulk get vectors drawn by a hash of their end."""

    def __init__(self) -> None:
        self.real = best_embedder()
        self.model_id, self.dimension = self.real.model_id, self.real.dimension
        self.drawing = False
        dice = random.Random("pattern")  # noqa: S311 - the same
        self.pattern: Rows = self.real.embed(
            [text_of(dice, dice.randint(8, 40)) for _ in range(SAMPLE)]
        )
        self._mean = self.pattern.mean(axis=0)
        values, axes = np.linalg.eigh(np.cov(self.pattern, rowvar=False))
        self._shape = (axes * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)

    def embed(self, texts: Sequence[str]) -> Rows:
        return self.drawn(texts) if self.drawing else self.real.embed(texts)

    def embed_query(self, texts: Sequence[str]) -> Rows:
        rows: Rows = self.real.embed(texts)
        return rows

    def drawn(self, texts: Sequence[str]) -> Rows:
        """The vectors that these texts get while a memory is filled."""
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            seeded = np.random.Generator(np.random.Philox(zlib.crc32(text[-TELLING:].encode())))
            seeded.standard_normal(out=row, dtype=np.float32)
        return unit(rows @ self._shape + self._mean)

    def spread(self) -> dict[str, dict[str, float]]:
        """How the cosines of real and of drawn vectors spread."""
        drawn = self.drawn([f"text {number}" for number in range(SAMPLE)])
        return {"real": cosines(self.pattern), "drawn": cosines(drawn)}


def cosines(rows: Rows) -> dict[str, float]:
    """Mean and deviation of all pairs, and the median cosine of each one's tenth nearest."""
    pairs = rows @ rows.T
    others = pairs[~np.eye(len(rows), dtype=bool)]
    tenth = np.sort(pairs, axis=1)[:, -11]  # the nearest is the text itself
    return {
        "mean": float(others.mean()),
        "deviation": float(others.std()),
        "tenth_nearest": float(np.median(tenth)),
    }


def nearest(embedder: DrawnEmbedder, size: int, queries: Rows, count: int = 10) -> list[set[str]]:
    """The texts among `size` messages that are truly nearest to each query."""
    best: list[list[tuple[float, str]]] = [[] for _ in queries]
    for start in range(0, size, BLOCK):
        texts = [one.text for one in said(start, min(start + BLOCK, size))]
        scores: Any = queries @ embedder.drawn(texts).T
        for mine, row in zip(best, scores, strict=True):
            top = np.argpartition(-row, min(count, len(row) - 1))[:count]
            mine[:] = sorted([*mine, *((float(row[at]), texts[at]) for at in top)])[-count:]
    return [{text for _, text in mine} for mine in best]
