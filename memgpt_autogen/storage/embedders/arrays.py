"""Arrays of vectors, one to a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def unit_rows(rows: Vectors) -> Vectors:
    """The rows scaled to length 1; a row without direction points along the first axis.

    What is not a number counts as 0: Chroma refuses NaN, and a record whose model
    failed must still be found by its words.
    """
    rows = np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    lost = lengths[:, 0] < 1e-12
    if lost.any():
        rows[lost] = 0.0
        rows[lost, 0] = 1.0
        lengths[lost] = 1.0
    scaled: Vectors = (rows / lengths).astype(np.float32)
    return scaled
