"""Embedders: unit vectors of any text, one model id per vector space, and the choice."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromadb.api.types import Documents, EmbeddingFunction, Embeddings
from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.storage.embedders import embedder as choosing
from memgpt_autogen.storage.embedders import minilm
from memgpt_autogen.storage.embedders.embedder import (
    Embedder,
    FunctionEmbedder,
    HashingEmbedder,
    embed_query,
    resolve_embedder,
)
from memgpt_autogen.storage.embedders.minilm import MiniLM, Weights, packaged_weights

pytestmark = pytest.mark.meaning

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)  # lone surrogates too


class Lengths(EmbeddingFunction[Documents]):  # type: ignore[misc]  # Chroma is seen untyped
    """Chroma's protocol: a text's length and its first character."""

    def __init__(self, model_name: str = "lengths-1", api_key: str = "sk-secret") -> None:
        self.model_name = model_name
        self.api_key = api_key

    def __call__(self, input: Documents) -> Embeddings:
        return [np.array([len(text), ord(text[0]), 1.0], dtype=np.float32) for text in input]

    @staticmethod
    def name() -> str:
        return "lengths"

    def get_config(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "api_key": self.api_key, "timeout": 3}


@pytest.fixture
def fresh_choice() -> Iterator[None]:
    choosing._best.cache_clear()
    yield
    choosing._best.cache_clear()


def packaged() -> MiniLM:
    weights = packaged_weights()
    assert weights is not None, "the extra `offline` is part of the development set-up"
    return MiniLM(weights)


def assert_unit_rows(rows: NDArray[np.float32], count: int, dimension: int) -> None:
    assert rows.shape == (count, dimension)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


@given(st.lists(ANY_TEXT, max_size=4))
def test_hashing_takes_any_text_and_is_deterministic(texts: list[str]) -> None:
    rows = HashingEmbedder().embed(texts)
    assert_unit_rows(rows, len(texts), 384)
    assert np.array_equal(rows, HashingEmbedder().embed(texts))


def test_hashing_brings_shared_words_and_spellings_together() -> None:
    rows = HashingEmbedder().embed(["the red bicycle", "two red bicycles", "a quarterly report"])
    assert rows[0] @ rows[1] > 0.3 > rows[0] @ rows[2]


def test_minilm_knows_meaning() -> None:
    rows = packaged().embed(["A cat sat there.", "The kitten was sitting.", "Results of the bank"])
    assert_unit_rows(rows, 3, 384)
    assert rows[0] @ rows[1] > 0.6 > 0.2 > rows[0] @ rows[2]


def test_minilm_gives_each_text_the_same_vector_alone_and_among_others() -> None:
    texts = [f"{'many words ' * (index % 7)}number {index}" for index in range(19)]
    together = packaged().embed(texts)
    alone = np.concatenate([packaged().embed([text]) for text in texts])
    # 8-bit weights scale a batch as a whole, hence the tolerance.
    assert (together * alone).sum(axis=1).min() > 0.97


@pytest.mark.parametrize("text", ["", " ", "\ud800", "a\x00b", "x" * 100_000, "字 " * 3000])
def test_minilm_takes_any_text(text: str) -> None:
    assert_unit_rows(packaged().embed([text]), 1, 384)


def test_minilm_embeds_nothing_to_nothing() -> None:
    assert packaged().embed([]).shape == (0, 384)


def test_minilm_serves_threads() -> None:
    texts = [f"message {index}" for index in range(8)]
    expected = packaged().embed(texts)
    results: dict[int, NDArray[np.float32]] = {}

    def work(index: int) -> None:
        results[index] = packaged().embed(texts)

    threads = [threading.Thread(target=work, args=[index]) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(results[index], expected, atol=1e-5) for index in range(4))


def test_minilm_embeds_many_texts_at_the_end_of_the_process() -> None:
    """An agent that is closed then may have much to write, and no thread can be started."""
    code = """
import atexit
from memgpt_autogen.storage.embedders.minilm import MiniLM, packaged_weights

model = MiniLM(packaged_weights())
model.embed(["read the weights"])
atexit.register(lambda: print(model.embed([f"text {n}" for n in range(20)]).shape))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "(20, 384)\n", ended.stderr


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"something else")
    with pytest.raises(StorageError, match="is damaged"):
        MiniLM(Weights(path, minilm.PACKAGED_SHA256)).embed(["text"])


def test_a_chroma_function_is_wrapped_and_named_without_its_secrets() -> None:
    embedder = resolve_embedder(Lengths())
    assert embedder.model_id == 'lengths {"model_name": "lengths-1"}'
    assert embedder.dimension == 3
    assert_unit_rows(embedder.embed(["a", "", "\ud800"]), 3, 3)
    assert resolve_embedder(Lengths("lengths-2")).model_id != embedder.model_id
    assert resolve_embedder(Lengths(api_key="other")).model_id == embedder.model_id


def test_a_query_is_embedded_as_a_query() -> None:
    class Asymmetric(Lengths):
        def embed_query(self, input: Documents) -> Embeddings:
            return [np.array([0.0, 0.0, 5.0], dtype=np.float32) for _ in input]

    embedder = resolve_embedder(Asymmetric())
    assert np.allclose(embed_query(embedder, "q"), [[0, 0, 1]])
    assert not np.allclose(embedder.embed(["q"]), [[0, 0, 1]])


def test_many_texts_reach_a_function_in_parts() -> None:
    sizes = []

    def ones(texts: list[str]) -> list[list[float]]:
        sizes.append(len(texts))
        return [[1.0, 0.0] for _ in texts]

    assert FunctionEmbedder(ones).embed(["x"] * 150).shape == (150, 2)
    assert max(sizes) <= 64


def test_vectors_that_are_no_numbers_do_no_harm() -> None:
    def broken(texts: list[str]) -> list[list[float]]:
        return [[float("nan"), 2.0], [0.0, 0.0], [float("inf"), 1.0]][: len(texts)]

    assert_unit_rows(FunctionEmbedder(broken).embed(["a", "b", "c"]), 3, 2)


def test_a_function_that_loses_texts_is_named() -> None:
    with pytest.raises(ConfigurationError, match="1 vectors of 2 texts"):
        FunctionEmbedder(lambda texts: [[1.0]]).embed(["a", "b"])


@pytest.mark.parametrize("wrong", [3, "all-MiniLM-L6-v2", HashingEmbedder, object()])
def test_what_is_no_embedder_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="embedder="):
        resolve_embedder(wrong)


def test_an_embedder_is_taken_as_it_is() -> None:
    class Mine:
        model_id = "mine"
        dimension = 2

        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.tile(np.array([[1, 0]], dtype=np.float32), (len(texts), 1))

    mine = Mine()
    assert isinstance(mine, Embedder)
    assert resolve_embedder(mine) is mine


@pytest.mark.usefixtures("fresh_choice")
def test_the_packaged_weights_are_the_first_choice() -> None:
    assert resolve_embedder().model_id == "all-MiniLM-L6-v2"


@pytest.mark.usefixtures("fresh_choice")
def test_chromas_own_function_runs_by_our_code_in_the_same_space() -> None:
    assert isinstance(resolve_embedder(ONNXMiniLM_L6_V2()), MiniLM)


@pytest.mark.usefixtures("fresh_choice")
def test_chromas_model_is_used_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = packaged_weights()
    assert weights is not None
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(weights.path.read_bytes())
    monkeypatch.setattr(choosing, "packaged_weights", lambda: None)
    monkeypatch.setattr(ONNXMiniLM_L6_V2, "DOWNLOAD_PATH", tmp_path)
    chosen = resolve_embedder()
    assert chosen.model_id == "all-MiniLM-L6-v2"
    assert_unit_rows(chosen.embed(["text"]), 1, 384)


@pytest.mark.usefixtures("fresh_choice")
def test_without_any_model_hashing_serves_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "packaged_weights", lambda: None)
    monkeypatch.setattr(ONNXMiniLM_L6_V2, "DOWNLOAD_PATH", tmp_path)
    monkeypatch.setattr(ONNXMiniLM_L6_V2, "MODEL_DOWNLOAD_URL", "http://127.0.0.1:9/onnx.tar.gz")
    with pytest.warns(UserWarning, match=r"memgpt-autogen\[offline\]"):
        assert resolve_embedder().model_id == "hashing-v1"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_embedder().model_id == "hashing-v1"
