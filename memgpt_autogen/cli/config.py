"""The configuration: what `configure` asks for and `run` goes by, in one TOML file without secrets.

    <user's folder>/config.toml

The user's folder is `platformdirs.user_config_dir("memgpt-autogen")`, or MEMGPT_AUTOGEN_HOME.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.directory import home

Kind = Literal["openai", "azure"]
Embedder = Literal["auto", "hashing"]

OPENAI = "https://api.openai.com/v1"
URL_VARIABLE = "OPENAI_BASE_URL"
_ABOUT = "What `memgpt-autogen configure` wrote. Keys are not kept here: key_variable names"
_TAKES: dict[str, tuple[type, ...]] = {"context_window": (int,)}  # all else is text
_CHOICES = {"kind": get_args(Kind), "embedder": get_args(Embedder)}


@dataclass(frozen=True)
class Config:
    """What the terminal's commands go by where no option says otherwise.

    Attributes:
        model: as requests name it.
        endpoint: the address of the model's server, up to `/v1`; empty: OPENAI_BASE_URL, else
            OpenAI's own.
        kind: the protocol; `openai` is that of any compatible server.
        api_version, deployment: Azure's.
        key_variable: the environment variable that holds the key; empty: the server asks for none.
        context_window: tokens the main context may use; 0: what the model takes.
        embedder: `auto`, the best at hand, or `hashing`, which needs no model.
        persona, human: names, files or texts, for new agents.
        preset: the name of the system instructions; empty: by the model.
        memory: a directory, or the address of a Chroma server.
    """

    model: str = "gpt-4o-mini"
    endpoint: str = ""
    kind: Kind = "openai"
    api_version: str = ""
    deployment: str = ""
    key_variable: str = "OPENAI_API_KEY"
    context_window: int = 0
    embedder: Embedder = "auto"
    persona: str = "sam_pov"
    human: str = "basic"
    preset: str = ""
    memory: str = "./.memgpt"

    def __post_init__(self) -> None:
        for field in fields(self):
            given, name = getattr(self, field.name), field.name
            if type(given) not in _TAKES.get(name, (str,)):
                kind = "a whole number" if name in _TAKES else "a text"
                raise ConfigurationError(f"{name} = {given!r}: give {kind}.")
            if given not in _CHOICES.get(name, (given,)):
                raise ConfigurationError(f"{name} = {given!r}: give {' or '.join(_CHOICES[name])}.")
        if self.context_window < 0:
            raise ConfigurationError("context_window: give tokens, or 0 for what the model takes.")
        if self.kind == "azure" and not (self.endpoint and self.api_version):
            raise ConfigurationError("for Azure, give an endpoint and an api_version.")

    @property
    def base_url(self) -> str:
        """The address of the model's server."""
        return self.endpoint or os.environ.get(URL_VARIABLE) or OPENAI

    @property
    def key(self) -> str:
        """The key, read from the environment now; empty where the server asks for none.

        Raises:
            ConfigurationError: the variable is not set.
        """
        if not self.key_variable:
            return ""
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise ConfigurationError(
                f"the environment variable {self.key_variable} is to hold the key of"
                f" {self.base_url}, and is not set. Set it with: export {self.key_variable}=…"
                " Or name another model: memgpt-autogen configure"
            )
        return key

    def llm_config(self) -> dict[str, Any]:
        """AutoGen's `llm_config`, with the key as the environment holds it now; never to be kept.

        Raises:
            ConfigurationError: the variable that is to hold the key is not set.
        """
        entry = {
            "model": (self.kind == "azure" and self.deployment) or self.model,
            "base_url": self.base_url,
            "api_key": self.key or "none",  # AutoGen's client takes no empty one
        }
        if self.kind == "azure":
            entry |= {"api_type": "azure", "api_version": self.api_version}
        return {"config_list": [entry], "cache_seed": None}


def config_file() -> Path:
    """Where the configuration is kept; it may not exist yet."""
    return home() / "config.toml"


def load_config(path: Path | None = None) -> Config:
    """The configuration that was written, or the defaults where there is none.

    Raises:
        ConfigurationError: the file cannot be read, or holds something that cannot be.
    """
    file = path or config_file()
    if not file.exists():
        return Config()
    import tomlkit  # only where there is something to read: it takes a while to import

    try:
        given: Mapping[str, Any] = tomlkit.parse(file.read_text("utf-8")).unwrap()
        known = {field.name for field in fields(Config)}
        if unknown := sorted(given.keys() - known):
            raise ConfigurationError(
                f"there is no {', '.join(unknown)}; there are {', '.join(sorted(known))}."
            )
        return Config(**given)
    except (OSError, ValueError) as problem:  # tomlkit's errors and ours are ValueErrors
        raise ConfigurationError(
            f"{file} cannot be used: {problem} Mend it, or write it anew: memgpt-autogen configure"
        ) from problem


def save_config(config: Config, path: Path | None = None) -> Path:
    """Write the configuration for its user alone; the file.

    Raises:
        ConfigurationError: it cannot be written.
    """
    import tomlkit  # as above

    file = path or config_file()
    document = tomlkit.document()
    document.add(tomlkit.comment(_ABOUT))
    document.add(tomlkit.comment("the environment variable that holds it."))
    document.update(asdict(config))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(tomlkit.dumps(document), "utf-8")
        file.chmod(0o600)
    except OSError as problem:
        raise ConfigurationError(f"{file} cannot be written: {problem}.") from problem
    return file
