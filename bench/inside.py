"""What the benchmarks need of the package beyond its public API, in one place."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import chromadb
import numpy as np
from numpy.typing import NDArray

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.engine.asking.prefetch import TOLD as LOOKED_UP
from memgpt_autogen.engine.asking.prefetch import Prefetch
from memgpt_autogen.engine.main_context import Prefetched
from memgpt_autogen.events import Message
from memgpt_autogen.model.tokens import TokenCounter
from memgpt_autogen.sources.passages import split
from memgpt_autogen.storage.embedders.embedder import Embedder, resolve_embedder
from memgpt_autogen.storage.embedders.minilm import packaged_weights
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.journal.words import STOP_WORDS
from memgpt_autogen.storage.search import search as searching
from memgpt_autogen.storage.search.deduplication import distinct
from memgpt_autogen.storage.search.features import coefficients
from memgpt_autogen.storage.search.parse import parsed
from memgpt_autogen.storage.search.rank import Candidates, ranked

__all__ = ["LOOKED_UP", "STOP_WORDS", "Candidates", "Embedder", "coefficients", "split"]

Rows = NDArray[np.float32]

BULK = 5_000  # messages written at once


class Said(NamedTuple):
    """A message to fill a memory with."""

    text: str
    speaker: str
    moment: datetime


@contextmanager
def memory(embedder: Embedder | None = None) -> Iterator[MemGPTAgent]:
    """An agent without a model, whose memory is empty and soon gone."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        MemGPTAgent("agent", llm_config=False, memory=folder, embedder=embedder) as agent,
    ):
        yield agent


def best_embedder() -> Embedder:
    """The embedder that an agent takes by itself."""
    return resolve_embedder()


def vocabulary_file() -> Path:
    """The words of the packaged embedder, one a line, the most frequent first."""
    return Path(str(resources.files("memgpt_autogen") / "data" / "bert_uncased_vocab.txt"))


def weights_file() -> Path | None:
    """The packaged embedder's weights; None without the extra `offline`."""
    found = packaged_weights()
    return found.path if found else None


def seed_tiktoken() -> None:
    """Put the packaged vocabulary where AutoGen's tiktoken looks for one."""
    TokenCounter("gpt-4")


def fill(
    agent: MemGPTAgent, said: Iterable[Said], told: Callable[[int], None] = lambda done: None
) -> list[str]:
    """Write many messages into recall storage, embedded and indexed; their ids.

    `told` is told how many are written.
    """
    rows, ids = iter(said), []
    while batch := list(islice(rows, BULK)):
        ids += agent.recall.write(
            [Message(text=text, speaker=who, timestamp=moment) for text, who, moment in batch]
        )
        told(len(ids))
    settle(agent)
    return ids


def forget_newest(agent: MemGPTAgent, count: int) -> None:
    """Let the agent be as it was before its last messages, so many: without them in any place."""
    agent.recall.delete([one.id for one in agent.recall.latest(count)])
    agent._memgpt_capability.open().queue.context.entries.clear()  # noqa: SLF001
    agent.clear_history()


def count_tokens(text: str) -> int:
    """As OpenAI's models count them."""
    return TokenCounter("gpt-4").text(text)


def insert_all(agent: MemGPTAgent, texts: Sequence[str]) -> list[str]:
    """Write passages into archival storage, embedded and indexed; their ids."""
    ids = agent.archival.write([agent.archival.passage(text) for text in texts])
    settle(agent)
    return ids


def delete_all(agent: MemGPTAgent, ids: Sequence[str]) -> None:
    """Delete passages from archival storage."""
    agent.archival.delete(ids)


def settle(agent: MemGPTAgent) -> None:
    """Wait until everything is written, embedded and indexed."""
    agent.archival.records.indexer.settle()


def looked_up(tier: Any, query: str, way: searching.By, now: datetime) -> Looked:
    """The candidates of a search with their features, before they are ranked."""
    found, _ = searching.looked_up([tier.records], parsed(query, now), Where(), way)
    return Looked(found, [tier.records.kind.id_of(record.number) for record in found.records])


class Looked(NamedTuple):
    """Candidates, and the id of each."""

    found: Candidates
    ids: list[str]


def order(query: str, found: Candidates, weights: NDArray[np.float64], now: datetime) -> list[int]:
    """The places of the candidates in the order in which a search shows them."""
    places = {record.number: place for place, record in enumerate(found.records)}
    shown = distinct(ranked(parsed(query, now), found, weights))
    return [places[one.found.record.number] for one in shown]


def as_other_process(name: str, folder: str) -> MemGPTAgent:
    """The memory of an agent that another process runs, for reading and editing."""
    return MemGPTAgent(name, llm_config=False, memory=folder)


def keeping_what_was_looked_up(agent: MemGPTAgent) -> None:
    """Let it stand in the queue until it is evicted."""
    context = _prefetch(agent).context

    def keep(prefetched: Prefetched | None) -> None:
        if prefetched is not None:
            context.entries.append(prefetched.found)

    context.show_ahead = keep  # type: ignore[method-assign]


@contextmanager
def looking_up(agent: MemGPTAgent) -> Iterator[list[float]]:
    """The seconds that each looking up takes inside the `with` block."""
    prefetch, seconds = _prefetch(agent), []
    ahead = prefetch.ahead

    def timed(arrived: Sequence[Any]) -> None:
        begin = time.perf_counter()
        ahead(arrived)
        seconds.append(time.perf_counter() - begin)

    prefetch.ahead = timed  # type: ignore[method-assign]
    yield seconds


def _prefetch(agent: MemGPTAgent) -> Prefetch:
    return agent._memgpt_capability.open().loop.prefetch  # noqa: SLF001


@contextmanager
def raw(folder: Path) -> Iterator[Any]:
    """Chroma's own collection of the messages in a memory's folder, as any client opens it.

    It is a copy: a client changes a folder by opening it, and the agent would make it anew.
    """
    (found,) = folder.rglob("chroma.sqlite3")
    with tempfile.TemporaryDirectory() as place:
        copied = shutil.copytree(found.parent, Path(place) / "chroma")
        client: Any = chromadb.PersistentClient(
            str(copied), settings=chromadb.Settings(anonymized_telemetry=False)
        )
        try:
            yield max(client.list_collections(), key=lambda collection: collection.count())
        finally:
            if hasattr(client, "close"):
                client.close()
