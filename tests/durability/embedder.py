"""Two cheap embedders with some spread, for memories that only have to survive."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

DIMENSION = 16


def spread(texts: Sequence[str]) -> list[list[float]]:
    """The different words of a text, each hashed into 16 numbers, and their sum."""
    return [_vector(text, salt=0) for text in texts]


def spread_anew(texts: Sequence[str]) -> list[list[float]]:
    """The same in another vector space, so that a memory has to be embedded anew for it."""
    return [_vector(text, salt=1) for text in texts]


EMBEDDERS = {"spread": spread, "spread_anew": spread_anew}


def _vector(text: str, salt: int) -> list[float]:
    vector = [0.01] * DIMENSION
    for word in sorted(set(text.lower().split())):
        bits = zlib.crc32(word.encode(), salt)
        for place in range(DIMENSION):
            vector[place] += 1.0 if bits >> place & 1 else -1.0
    return vector
