"""Presets: the system instructions, by name or as a text, and which one suits a model."""

from __future__ import annotations

import re
from pathlib import Path

from memgpt_autogen.model.texts import find_text, text_of

DEFAULT_PRESET = "memgpt_chat"
SMALL_PRESET = "memgpt_small"

# Sizes in names of models: of one that says 30b-a3b the whole counts.
_SIZE = re.compile(r"(?<![\d.a-z])(?:e?(\d+(?:\.\d+)?)b|(\d+)m)(?![a-z0-9])")
_BILLIONS = 4  # of parameters, up to which a model is small
_SMALL_NAMES = re.compile(
    r"smollm|tinyllama|phi-?[34](?:\.5)?-?mini|phi3(?::|$)|llama3\.2(?:$|:latest)|gemma3(?:$|:latest)"
)

# Models that use their memory only when examples show them how (few-shot), by prefix.
_SMALL_MODELS = ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2")


def is_small(model: str) -> bool:
    """Whether a model's name tells that it is too small to speak and call at once."""
    size = billions(model)
    return _SMALL_NAMES.search(_short(model)) is not None if size is None else size <= _BILLIONS


def billions(model: str) -> float | None:
    """The parameters of a model as its name tells them, in billions; None where it does not."""
    sizes = [float(b) if b else float(m) / 1000 for b, m in _SIZE.findall(_short(model))]
    return max(sizes, default=None)


def _short(model: str) -> str:
    return model.rsplit("/", 1)[-1].lower().replace("_", "-")


def preset_for(model: str) -> str:
    """The name of the preset that suits a model: examples for small ones, else lean."""
    name = model.rsplit("/", 1)[-1].lower()
    return SMALL_PRESET if name.startswith(_SMALL_MODELS) else DEFAULT_PRESET


def kept(given: str | Path) -> str:
    """What an agent keeps of the preset that it is given: a name of the package's, else the text.

    So the agent goes on where there is no such file.

    Raises:
        ConfigurationError: there is no such preset.
    """
    text = text_of("preset", given)
    found = find_text("preset", given) if isinstance(given, str) else None
    return found.name if found is not None and found.file is None else text


def instructions(preset: str, *, name: str, role: str, zone: str = "UTC") -> str:
    """A preset's text for the agent `name`, followed by its role (AutoGen's system message).

    `zone` names the time zone of all dates.

    Raises:
        ConfigurationError: there is no such preset.
    """
    text = text_of("preset", preset).replace("{name}", name).replace("{zone}", zone)
    return f"{text}\n\n### Your role\n{role.strip()}" if role.strip() else text
