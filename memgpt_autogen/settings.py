"""What can be set about an agent's memory, in one frozen value."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_LOCATION = "./.memgpt"


class Settings(BaseModel):
    """Where an agent's memory lives and how its main context is managed.

    Sizes named "tokens" are counted for the agent's model; shares are of the
    context window (MemGPT, arXiv 2310.08560, section 2.2 "Queue manager").
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: str = Field(
        default=DEFAULT_LOCATION,
        description="a directory, :memory:, or a Chroma server:"
        " http(s)://[token@ or user:password@]host[:port][?tenant=…&database=…]",
    )
    block_limit: int = Field(
        default=2000, ge=100, description="characters a core memory block may hold"
    )
    participants: int = Field(
        default=8,
        ge=0,
        le=50,
        description="speakers with a core memory block of their own at a time",
    )
    participant_limit: int = Field(
        default=500, ge=100, description="characters a participant's block may hold"
    )
    separate_partners: bool = Field(
        default=False,
        description="keep queue, recall, notes and block of one partner out of another's prompt",
    )
    pressure_share: float = Field(
        default=0.7, gt=0, lt=1, description="share of the window at which the model is warned"
    )
    eviction_share: float = Field(
        default=0.33, gt=0, lt=1, description="share of the window that an eviction aims at"
    )
    reply_tokens: int | None = Field(
        default=None,
        gt=0,
        description="tokens kept free for the reply; default an eighth of the window",
    )
    max_steps: int = Field(default=10, ge=1, description="model calls one turn may make")
    turn_token_budget: int | None = Field(
        default=None,
        gt=0,
        description="prompt and completion tokens one turn may use; None: no bound",
    )
    page_size: int = Field(
        default=5, ge=1, le=50, description="results on a page that the model sees"
    )
    cache_markers: bool = Field(
        default=False,
        description="tell Anthropic's models what of a prompt to cache; AutoGen's usage summary"
        " then leaves the cached tokens out",
    )
    chroma_texts: bool = Field(
        default=True,
        description="Chroma gets the texts too, so that any Chroma client reads a closed memory;"
        " without them its folder is about half as large",
    )
    summarize: Literal["model", "digest"] = Field(
        default="model", description="who folds evicted messages into the recursive summary"
    )


def settings_of(memory: str | Path | Settings | None) -> Settings:
    """The settings that `memory=` stands for."""
    if isinstance(memory, Settings):
        return memory
    return Settings() if memory is None else Settings(location=str(memory))
