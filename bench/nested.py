"""Nested keys and values: MemGPT's task of following a chain of keys by searching."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from inside import Rows, best_embedder, delete_all, insert_all, memory
from rich.progress import track

from memgpt_autogen import MemGPTAgent

LEVELS = range(5)
FORMS = ("{}", "key = {}", "What is the value of the key {}?")


def chains(folder: Path, level: int, most: int | None) -> list[list[int]]:
    """Places of pairs that lead from one to the next, by the paper's orderings."""
    path = folder / f"random_orderings_100_samples_140_indices_{level + 1}_levels.jsonl"
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines][:most]


class Remembering:
    """The packaged embedder; what it has embedded once takes no time again."""

    def __init__(self) -> None:
        self._real = best_embedder()
        self._known: dict[str, Rows] = {}
        self.model_id, self.dimension = self._real.model_id, self._real.dimension

    def embed(self, texts: Sequence[str]) -> Rows:
        new = [text for text in texts if text not in self._known]
        self._known.update(zip(new, self._real.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def text_of(key: str, value: str) -> str:
    return f"Key-value pair: key = {key}, value = {value}"


def follows(agent: MemGPTAgent, keys: Sequence[str], form: str) -> bool:
    """Whether every key of a chain finds its own pair, then the one that led to it."""
    for hop, key in enumerate(keys):
        first, *others = agent.archival.search(form.format(key), limit=2).items
        own = first.text.startswith(f"Key-value pair: key = {key},")
        led = hop == 0 or others[0].text.endswith(f"value = {key}")
        if not (own and led):
            return False
    return True


def nested(folder: Path, most: int | None) -> dict[str, Any]:
    with gzip.open(folder / "kv-retrieval-140_keys.jsonl.gz", "rt", encoding="utf-8") as lines:
        pairs = json.loads(next(lines))["ordered_kv_records"]
    found = {}
    with memory(Remembering()) as agent:
        ids = insert_all(agent, [text_of(key, value) for key, value in pairs])
        for level in LEVELS:
            tried = chains(folder, level, most)
            right = []
            for number, chain in enumerate(track(tried, f"Nesting {level}", transient=True)):
                # The pairs of a chain lead from one to the next while it is followed.
                keys = [pairs[place][0] for place in chain]
                delete_all(agent, [ids[place] for place in chain[:-1]])
                linked = insert_all(agent, list(map(text_of, keys, keys[1:])))
                right.append(follows(agent, keys, FORMS[number % len(FORMS)]))
                delete_all(agent, linked)
                plain = [text_of(*pairs[place]) for place in chain[:-1]]
                for place, new in zip(chain, insert_all(agent, plain), strict=False):
                    ids[place] = new
            found[str(level)] = {"chains": len(right), "right": 100 * mean(right)}
    return found
