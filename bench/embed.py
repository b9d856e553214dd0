"""One embedder for all: MemGPTAgent's weights and way of padding, inside Chroma's default.

Peers that leave embedding to Chroma would otherwise be measured by its default
embedding function, which reads the model anew at every call (chromadb 1.5.9) and
pads each text to 256 tokens: more than ten times the work, and no merit of
MemGPTAgent's. It needs nothing but what chromadb itself requires.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from chromadb.api.types import DefaultEmbeddingFunction
from tokenizers import BertWordPieceTokenizer


class MiniLM:
    """all-MiniLM-L6-v2; texts are padded to the longest of their call."""

    def __init__(self, weights: str, vocabulary: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(os.cpu_count() or 1, 4)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            weights, sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = BertWordPieceTokenizer(vocabulary, lowercase=True)
        self._tokenizer.enable_truncation(max_length=256)

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        rows = [self._tokenizer.encode(text).ids for text in texts]
        longest = max(map(len, rows))
        mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        ids = np.array([row + [0] * (longest - len(row)) for row in rows])
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, feed)[0]
        weights = mask[:, :, np.newaxis].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return list(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))


def share(given: Mapping[str, Any]) -> None:
    """Let Chroma's default embedding function use it, where there are weights to give."""
    if given["weights"] is None:
        return
    model = MiniLM(given["weights"], given["vocabulary"])

    def embed(self: Any, input: Sequence[str]) -> list[Any]:  # noqa: ARG001 - Chroma's signature
        return model(input)

    DefaultEmbeddingFunction.__call__ = embed
