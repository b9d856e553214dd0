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
    Feature("constant", "1", -10.0, -10.0, -7.7),
    Feature("asked", "log of one more than the telling words asked for", -0.49, 0.24),
    Feature("weight", "idf of all telling words together, in tens", -0.26, -0.19),
    Feature("matched", "idf of those that the turn holds itself, in tens", 0.6, 0.75),
    Feature("near", "share of the idf that five turns hold: it, and two on either side", 0.85),
    Feature("five", "the same as a share of the best candidate's", 1.7, 3.6),
    Feature(
        "following", "share of the idf that the turn and the next one hold together", -0.9, -1.1
    ),
    Feature("around", "share of the idf that ten turns on either side hold", 0.82, 1.5),
    Feature("close", "the same, each word fading with its distance", 1.4, 1.9),
    Feature("named", "1 for a turn of a speaker whom the query names", 1.6, 2.1),
    Feature("then", "how near the turn's time is to one that the query names", 3.2, 4.0),
    Feature("dated", "1 for a turn with a word of time: yesterday, in May", 0.38, 0.29),
    Feature("when", "the same where the query asks when", 1.2, 1.6),
    Feature("question", "1 for a turn that asks", -0.15, -0.32),
    Feature("cosine", "of query and turn", 2.5, 0.0, 7.7),
    Feature("beside", "the better cosine of the turns before and after", 1.3),
    Feature("reply", "the cosine of the turn before, if that asks", 1.1),
    Feature("topic", "the best cosine among candidates up to ten turns away", 3.0),
)

PASSAGES = (
    Feature("constant", "1", -13.0, -11.0, -8.0),
    Feature("weight", "idf of all telling words together, in tens", 0.84, 1.1),
    Feature("words", "BM25 as a share of the best", 5.1, 6.7),
    Feature("covers", "BM25 as a share of what a text that holds every word gets", 4.0, 5.9),
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
