"""What can be set about an agent's memory, in one frozen value."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, field_validator

from memgpt_autogen.values import Value

DEFAULT_LOCATION = "./.memgpt"


class Settings(Value):
    """Where an agent's memory lives and how its main context is managed.

    Sizes named "tokens" are counted for the agent's model; shares are of the
    context window (MemGPT, arXiv 2310.08560, section 2.2 "Queue manager").
    """

    model_config = ConfigDict(strict=True, extra="forbid")

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
    tools: Literal["auto", "chat", "turn"] = Field(
        default="auto",
        description="where the user's tools run: `chat`, as AutoGen tool messages, as with any"
        " agent; `turn`, inside the agent's turn if it may run them; `auto`, in the chat where"
        " somebody there can run them, else inside the turn",
    )
    page_size: int = Field(
        default=5, ge=1, le=50, description="results on a page that the model sees"
    )
    tool_mode: Literal["native", "json", "decide", "auto"] = Field(
        default="auto",
        description="how the model calls functions: `native`, by its server's own tools; `json`, as"
        " JSON in the text; `decide`, for small models: a choice under a grammar first, then words"
        " in plain chat; `auto`: decide where the model's name tells of at most 4 billion"
        " parameters, else native until the server says that it has no tools",
    )
    prefetch_tokens: int | None = Field(
        default=None,
        ge=0,
        description="tokens of the prompt for what memory holds on a message and the model would"
        " have to search for; default a twelfth of the window, 1,200 at the most; 0: off",
    )
    recall_budget: float = Field(
        default=0.3, gt=0, description="seconds that a reply waits for what memory holds on it"
    )
    image_bytes: int = Field(
        default=8_000_000,
        ge=0,
        description="bytes of pictures in one prompt, as they are sent; older ones become (image)",
    )
    timezone: str | None = Field(
        default=None,
        description="zone in which dates are shown and meant, by its IANA name, such as"
        " Europe/Berlin; default the clock's, which is the machine's",
    )
    cache_markers: bool = Field(
        default=False,
        description="tell Anthropic's models what of a prompt to cache; AutoGen's usage summary"
        " then leaves the cached tokens out",
    )
    vectors: str | None = Field(
        default=None,
        description="where a new memory in a directory has its vector index: `chroma`, `lancedb`"
        " (extra `lancedb`), or object storage for LanceDB by its URI, such as s3://bucket/path,"
        " with keys from the environment only; default chroma, or what a memory has already;"
        " `memgpt-autogen migrate` moves it",
    )
    chroma_texts: bool = Field(
        default=True,
        description="Chroma, or LanceDB, gets the texts too, so that any client of it reads a"
        " closed memory; without them Chroma's folder is about half as large",
    )
    summary: Literal["recursive", "spr", "digest"] = Field(
        default="recursive",
        description="what stands for evicted messages: `recursive`, a text that the model writes"
        " anew each time; `spr`, sparse priming representations: statements of the model's, kept"
        " as they are while there is room; `digest`, the beginnings of the latest, without a model",
    )

    @field_validator("location", mode="before")
    @classmethod
    def _path_as_text(cls, location: object) -> object:
        return str(location) if isinstance(location, Path) else location
