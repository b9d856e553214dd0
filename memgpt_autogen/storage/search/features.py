"""Features: what tells that a record answers a query, and how much each counts.

The score of a record is the chance that it holds what was asked: the logistic function of
the features' sum, each times its coefficient. All features of a record that does not
answer are near 0, most lie between 0 and 1. `bench/fit_search.py` fitted the coefficients,
in two steps: for the order each true answer was held against the other candidates of its
question (conditional logistic regression); then one scale, the constant and what is the
same for all records of a query (`asked`, `weight`) were fitted so that scores are
chances, with small talk as questions that nothing answers.

Turns: LoCoMo (arXiv 2402.17753), six conversations, 883 questions of categories 1 to 4.
Passages: Chroma's chunking evaluation, five texts, 472 questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """A feature and its coefficients.

    Attributes:
        name: under which it is computed.
        tells: what its value is.
        both: its coefficient where words and meaning are searched.
        words: by words alone.
        meaning: by meaning alone.
    """

    name: str
    tells: str
    both: float = 0.0
    words: float = 0.0
    meaning: float = 0.0


TURNS = (
    Feature("constant", "1", -8.6, -7.4, -7.7),
    Feature("asked", "log of one more than the words asked for", -1.5, -1.4),
    Feature("weight", "what all words tell together", -0.051, 0.14),
    Feature("best", "what those tell that the turn holds itself, as a share of the best", 0.3, 0.4),
    Feature(
        "pair", "share of what is told that the turn and the one before hold together", 0.55, 0.79
    ),
    Feature("five", "what those tell that stand in it and two turns on either side", 1.6, 2.1),
    Feature("rare", "the same as a share of all, by the squares", 0.61, 1.2),
    Feature("around", "share of what is told that ten turns on either side hold", 1.3, 2.0),
    Feature("named", "1 for a turn of a speaker whom the query names", 1.6, 1.9),
    Feature("then", "how near the time of the turn is to one that the query names", 3.1, 3.4),
    Feature("dated", "1 for a turn with a word of time or a number", 0.39, 0.28),
    Feature("when", "the same where the query asks when", 1.2, 1.4),
    Feature("question", "1 for a turn that asks", -0.14, -0.29),
    Feature("cosine", "of query and turn", 2.3, 0.0, 7.7),
    Feature("beside", "the better cosine of the turns before and after", 1.1),
    Feature("reply", "the cosine of the turn before, if that asks", 1.2),
    Feature("topic", "the best cosine among candidates up to ten turns away", 3.1),
)

PASSAGES = (
    Feature("constant", "1", -13.0, -11.0, -8.0),
    Feature("weight", "what all words tell together", 0.42, 0.53),
    Feature("words", "BM25 as a share of the best", 5.2, 6.8),
    Feature("covers", "BM25 as a share of what a text that holds every word gets", 3.7, 5.4),
    Feature("cosine", "of query and passage", 2.7, 0.0, 10.0),
    Feature("nearness", "the cosine, from the lowest to the highest of the candidates", 3.6),
    Feature("then", "how near the passage's time is to one that the query names", 2.0, 2.0),
)


def table(values: Mapping[str, Values], features: Sequence[Feature]) -> Values:
    """A row for each record, a column for each feature."""
    return np.stack([values[feature.name] for feature in features], axis=1)


def coefficients(features: Sequence[Feature], way: str) -> Values:
    """Of each feature for a way to search: both, words or meaning."""
    return np.array([getattr(feature, way) for feature in features])
