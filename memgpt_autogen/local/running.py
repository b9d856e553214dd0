"""Model servers that run on this machine already: Ollama, LM Studio, llama.cpp, vLLM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from memgpt_autogen.model.presets import billions

SECONDS = 0.5  # in all; whatever listens on this machine answers in milliseconds
PLACES = (("Ollama", 11434), ("LM Studio", 1234), ("llama.cpp", 8080), ("vLLM", 8000))
_LEAST, _MOST = 1.5, 32.0  # billions of parameters: worth taking, and likely to answer in time
# What such servers list beside models that chat.
_NO_CHAT = re.compile(
    r"embed|bge|minilm|rerank|whisper|tts|clip|ocr|guard|math|base\b", re.IGNORECASE
)


@dataclass(frozen=True)
class RunningModel:
    """A model that a server on this machine offers.

    Attributes:
        name: as requests call it.
        program: what serves it, by its usual port.
        base_url: as llm_config calls it.
    """

    name: str
    program: str
    base_url: str

    def __str__(self) -> str:
        return f"{self.name} ({self.program}, {self.base_url})"


def running_models(
    places: Sequence[tuple[str, int]] = PLACES, seconds: float = SECONDS
) -> list[RunningModel]:
    """The chat models that servers on this machine offer, best first; none where none runs.

    Only 127.0.0.1 is asked, for the lists of models, all servers at once.

    Args:
        places: programs and the ports they listen on.
        seconds: that a server has to answer.
    """
    with ThreadPoolExecutor(max(len(places), 1)) as pool:
        lists = pool.map(lambda place: _listed(place[0], place[1], seconds), places)
    return sorted((model for models in lists for model in models), key=_rank)


def best_running(models: Sequence[RunningModel]) -> RunningModel | None:
    """The largest model of 1.5 to 32 billion parameters, or one whose name does not tell."""
    for model in sorted(models, key=_rank):
        size = billions(model.name)
        if size is None or _LEAST <= size <= _MOST:
            return model
    return None


def _rank(model: RunningModel) -> tuple[bool, float]:
    size = billions(model.name)
    fits = size is not None and _LEAST <= size <= _MOST
    return not fits, -(size or 0)


def _listed(program: str, port: int, seconds: float) -> list[RunningModel]:
    base_url = f"http://127.0.0.1:{port}/v1"
    try:
        with httpx.Client(trust_env=False, timeout=seconds) as client:
            found: Any = client.get(f"{base_url}/models").raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return []  # nothing listens there, or something else does
    data = found.get("data") if isinstance(found, dict) else None
    names = [one.get("id") for one in data or () if isinstance(one, dict)]
    return [
        RunningModel(name, program, base_url)
        for name in names
        if isinstance(name, str) and name and not _NO_CHAT.search(name)
    ]
