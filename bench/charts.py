"""The plots of the report: PNG files in results/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

mpl.use("Agg")

WIDTH, HEIGHT = 8.0, 4.5
MINE = "MemGPTAgent"
# Colours that also colour-blind readers tell apart (Okabe and Ito); ours is the black one.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")


def draw(results: Mapping[str, dict[str, Any]], folder: Path) -> dict[str, list[tuple[str, Path]]]:
    """Draw what there are results for: by benchmark, the title and the file of each plot."""
    drawn: dict[str, list[tuple[str, Path]]] = {}
    for name, document in results.items():
        plots = turn_plots(document) if name == "turn" else given_plots(document)
        for number, plot in enumerate(plots, start=1):
            path = folder / plot.get("file", f"{name}-{number}.png")
            _draw(plot, path)
            drawn.setdefault(name, []).append((plot["title"], path))
    return drawn


def turn_plots(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Tokens, milliseconds and prefix share, by the number of the turn."""
    peers = {name: one for name, one in document["peers"].items() if name != "MemGPTAgent, editing"}
    for key, file, title, label, log in (
        ("tokens", "tokens.png", "Prompt tokens a turn", "tokens", True),
        ("ms", "time.png", "Time a turn, without the model's", "milliseconds", True),
    ):
        kept = {name: one for name, one in peers.items() if name != "MemGPTAgent, 10k stored"}
        yield {
            "file": file,
            "title": title,
            "x_label": "turn",
            "y_label": label,
            "log_y": log,
            "lines": {
                name: {"x": one["series"]["turn"], "y": one["series"][key]}
                for name, one in (kept if key == "tokens" else peers).items()
                if any(one["series"][key])
            },
        }
    yield {
        "file": "prefix.png",
        "title": "Share of the prompt that the request before began with",
        "x_label": "turn",
        "y_label": "share",
        "lines": {
            name: {"x": one["series"]["turn"], "y": one["series"]["prefix"]}
            for name, one in document["peers"].items()
            if one["prefix"] and name != "MemGPTAgent, 10k stored"
        },
    }


def given_plots(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The plots that a benchmark asks for in its results."""
    return list(document.get("plots", []))


def _draw(plot: Mapping[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(WIDTH, HEIGHT), layout="constrained")
    for number, (name, line) in enumerate(plot["lines"].items()):
        points = [point for point in zip(line["x"], line["y"], strict=True) if point[1] is not None]
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            label=name,
            color=COLOURS[number % len(COLOURS)],
            linestyle="-" if number < len(COLOURS) else "--",
            linewidth=2.0 if name.startswith(MINE) else 1.2,
            marker="o" if len(points) < 12 else None,
            markersize=3,
        )
    axes.set_title(plot["title"], loc="left")
    axes.set_xlabel(plot["x_label"])
    axes.set_ylabel(plot["y_label"])
    if plot.get("log_x"):
        axes.set_xscale("log")
    if plot.get("log_y"):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
