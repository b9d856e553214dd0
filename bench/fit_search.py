"""Fit the search's coefficients, and tell what they find where they were not fitted.

`--data` names the folder that `retrieval.py` reads. Candidates and features are those of
the package's own search. Prints, for turns (LoCoMo's questions) and for passages (Chroma's
chunking evaluation):

- evidence found by coefficients fitted without the conversation or text that is searched;
- how true the scores are, from the same fits: the mean score and the share of answers by
  tenths of the score, what a threshold lets through, and the best score of small talk that
  no fit has seen;
- the coefficients fitted on all, rounded, as they stand in `storage/search/features.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from evidence import NOW, Array, Asked, By, dialogues, documents
from harness import grid
from inside import coefficients, order
from nested import Remembering
from places import DATA
from regression import chances, ordering
from rich.console import Console

WAYS: tuple[By, ...] = ("both", "words", "meaning")
ALIKE = ("constant", "asked", "weight")  # the same for all candidates of a query
VECTORS = ("cosine", "beside", "reply", "topic", "nearness")
DEPTHS = (5, 10)
THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


# ------------------------------------------------------------------ fitting


def fitted(given: Sequence[Asked], way: By) -> Array:
    """The coefficients: first for the order, then one scale and what makes chances of it."""
    names = [feature.name for feature in given[0].found.features]
    used = np.array([way != "meaning" or name == "cosine" for name in names])
    used &= np.array([way != "words" or name not in VECTORS for name in names])
    telling = used & ~np.isin(names, ALIKE)
    level = np.isin(names, ALIKE[1:]) & (way != "meaning")
    weights = np.zeros(len(names))
    weights[telling] = ordering(
        [one.found.values[:, telling] for one in given], [one.hits for one in given]
    )
    rows = np.concatenate([one.found.values for one in given])
    columns = np.c_[rows @ weights, rows[:, level]]
    scale, *others = chances(columns, np.concatenate([one.hits for one in given]))
    weights *= scale
    weights[level] = others[:-1]
    weights[names.index("constant")] = others[-1]
    return np.array([float(f"{weight:.2g}") for weight in weights])


def cross_validated(given: Sequence[Asked], way: By) -> Iterator[tuple[Asked, Array]]:
    """Each query with coefficients that were fitted without its part."""
    for part in sorted({one.part for one in given}):
        others = [one for one in given if one.part != part and one.trained]
        weights = fitted(others, way)
        yield from ((one, weights) for one in given if one.part == part)


def evidence(tried: Sequence[tuple[Asked, Array]]) -> dict[str, list[float]]:
    """recall@k and hit@k in percent, for each part and for all."""
    rows: dict[str, list[list[float]]] = {}
    for one, weights in tried:
        if one.talk:
            continue
        places = order(one.query, one.found, weights, NOW)
        shares = [sum(one.answers[places[:depth]]) for depth in DEPTHS]
        row = [100 * share for share in shares] + [100.0 * (share > 0) for share in shares]
        rows.setdefault(one.part, []).append(row)
    every = list(chain.from_iterable(rows.values()))
    return {
        name: [len(part), *np.mean(part, axis=0).tolist()]
        for name, part in (*rows.items(), ("all", every))
    }


# ------------------------------------------------------------------ the report


def report(console: Console, given: Sequence[Asked], way: By, title: str) -> None:
    tried = list(cross_validated(given, way))
    columns = [
        "",
        "questions",
        *(f"{kind}@{depth}" for kind in ("recall", "hit") for depth in DEPTHS),
    ]
    found = evidence(tried)
    rows = [
        [name, str(row[0]), *(f"{cell:.1f}" for cell in row[1:])] for name, row in found.items()
    ]
    console.print(grid({"title": f"{title}, cross-validated", "columns": columns, "rows": rows}))
    scores = [(one, 1 / (1 + np.exp(-one.found.values @ weights))) for one, weights in tried]
    console.print(grid(reliability(scores, title)))
    console.print(grid(thresholds(scores, title)))
    weights = fitted([one for one in given if one.trained], way)
    pairs = zip(given[0].found.features, weights, strict=True)
    stored = coefficients(given[0].found.features, way)
    console.print(f"{title}, fitted on all: " + ", ".join(f"{one.name} {w:g}" for one, w in pairs))
    if not np.allclose(weights, stored):
        console.print("They are not those of storage/search/features.py.")


def reliability(scores: Sequence[tuple[Asked, Array]], title: str) -> dict[str, object]:
    """The mean score and the share of answers, by tenths of the score."""
    every = np.concatenate([score for _, score in scores])
    right = np.concatenate([one.hits for one, _ in scores])
    rows = []
    for tenth in range(10):
        inside = (every >= tenth / 10) & (every < (tenth + 1) / 10)
        if inside.any():
            mean, share = every[inside].mean(), right[inside].mean()
            rows.append([f"{tenth / 10:.1f}", str(inside.sum()), f"{mean:.3f}", f"{share:.3f}"])
    columns = ["score from", "candidates", "mean score", "answers"]
    return {"title": f"{title}: how true scores are", "columns": columns, "rows": rows}


def thresholds(scores: Sequence[tuple[Asked, Array]], title: str) -> dict[str, object]:
    """What passes: of all candidates, of the best six of each query, and of small talk."""
    asking = [(one, score) for one, score in scores if not one.talk]
    talk = [score.max(initial=0.0) for one, score in scores if one.talk and not one.trained]
    rows = []
    for least in THRESHOLDS:
        best = [[at for at in np.argsort(-score)[:6] if score[at] >= least] for _, score in asking]
        right = sum(sum(one.hits[at]) for (one, _), at in zip(asking, best, strict=True))
        shown = sum(map(len, best))
        any_right = [bool(one.hits[at].any()) for (one, _), at in zip(asking, best, strict=True)]
        share = [one.answers[at].sum() for (one, _), at in zip(asking, best, strict=True)]
        rows.append(
            [
                f"{least:.2f}",
                f"{shown / len(asking):.2f}",
                f"{100 * right / max(shown, 1):.1f}",
                f"{100 * np.mean(share):.1f}",
                f"{100 * np.mean(any_right):.1f}",
                f"{100 * np.mean([top >= least for top in talk]):.1f}",
            ]
        )
    columns = ["score from", "shown of six", "precision", "recall", "hit", "small talk with any"]
    return {"title": f"{title}: what a threshold lets through", "columns": columns, "rows": rows}


def main(
    data: Annotated[Path, typer.Option(help="The folder of the data.")] = DATA,
    only: Annotated[str, typer.Option(help="turns or passages.")] = "",
) -> None:
    """Fit the search's coefficients, cross-validated."""
    console = Console(width=min(Console().width, 100))
    embedder = Remembering()
    kinds = {
        "turns": (data / "locomo-dev.json", dialogues),
        "passages": (data / "chunking", documents),
    }
    for name, (path, ask) in kinds.items():
        for way in WAYS if only in ("", name) else ():
            report(console, list(ask(path, way, embedder)), way, f"{name}, {way}")


if __name__ == "__main__":
    typer.run(main)
