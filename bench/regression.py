"""Logistic regression by Newton's method: for an order, and for chances."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Loss = Callable[[Array], tuple[float, Array, Array]]

PENALTY = 10.0  # on squares of coefficients of features scaled to a deviation of 1
STEPS = 60


def ordering(values: Sequence[Array], answers: Sequence[Array]) -> Array:
    """Coefficients by which the answers to each query stand before its other candidates.

    Conditional logistic regression: what is the same for all candidates of a query has no
    say. Queries count alike, however many answers they have; those without count nothing.

    Args:
        values: for each query a row a candidate, a column a feature.
        answers: for each query 1 for each candidate that is an answer, else 0.
    """
    spread = np.concatenate(values).std(axis=0)
    scale = np.where(spread > 1e-9, spread, np.inf)
    rows = [value / scale for value, answer in zip(values, answers, strict=True) if answer.any()]
    wanted = [answer / answer.sum() for answer in answers if answer.any()]
    size = (len(rows), max(map(len, rows)))
    padded, there, target = np.zeros((*size, len(scale))), np.zeros(size, bool), np.zeros(size)
    for place, (row, want) in enumerate(zip(rows, wanted, strict=True)):
        padded[place, : len(row)], there[place, : len(row)] = row, True
        target[place, : len(row)] = want

    def loss(weights: Array) -> tuple[float, Array, Array]:
        sums = np.where(there, padded @ weights, -np.inf)
        top = sums.max(axis=1, keepdims=True)
        odds = np.exp(sums - top)
        total = odds.sum(axis=1, keepdims=True)
        chances = odds / total
        expected = np.einsum("qcf,qc->qf", padded, chances)
        value = float((top + np.log(total)).sum() - (target * np.where(there, sums, 0)).sum())
        slope = expected.sum(axis=0) - np.einsum("qcf,qc->f", padded, target) + PENALTY * weights
        apart = ((padded - expected[:, None]) * np.sqrt(chances)[:, :, None]).reshape(
            -1, len(scale)
        )
        curve = apart.T @ apart + PENALTY * np.eye(len(scale))
        return value + PENALTY / 2 * float(weights @ weights), slope, curve

    return newton(loss, np.zeros(len(scale))) / scale


def chances(values: Array, answers: Array) -> Array:
    """Coefficients, the last of them constant, whose logistic function is the chance.

    Args:
        values: a row a candidate, a column a feature, without a constant.
        answers: 1 for each candidate that is an answer, else 0.
    """
    rows = np.c_[values, np.ones(len(values))]

    def loss(weights: Array) -> tuple[float, Array, Array]:
        sums = rows @ weights
        found = 1 / (1 + np.exp(-sums))
        value = float((np.logaddexp(0, sums) - answers * sums).sum())
        curve = (rows * (found * (1 - found))[:, None]).T @ rows
        return value, rows.T @ (found - answers), curve

    return newton(loss, np.zeros(rows.shape[1]))


def newton(loss: Loss, weights: Array) -> Array:
    """The weights with the least loss."""
    value, slope, curve = loss(weights)
    for _ in range(STEPS):
        step, size = np.linalg.solve(curve + 1e-6 * np.eye(len(weights)), slope), 1.0
        new = loss(weights - step)
        while new[0] > value and size > 1e-6:
            size /= 2
            new = loss(weights - size * step)
        settled = value - new[0] < 1e-6 * abs(value)
        weights = weights - size * step
        value, slope, curve = new
        if settled:
            break
    return weights
