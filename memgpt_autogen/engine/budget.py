"""The budget: how a context window is shared out, in tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memgpt_autogen.errors import ConfigurationError


@dataclass(frozen=True)
class Budget:
    """Sizes in tokens, derived from the window.

    Attributes:
        window: what the model takes, prompt and reply together.
        reply: kept free for the reply.
        warning: memory pressure is announced at this size of the prompt.
        target: an eviction aims at this size of the prompt.
    """

    window: int
    reply: int
    warning: int
    target: int

    @classmethod
    def of(
        cls, window: int, *, reply: int | None, pressure_share: float, eviction_share: float
    ) -> Budget:
        """The budget of a window; the reply gets an eighth, 2,048 tokens at the most."""
        return cls(
            window=window,
            reply=min(reply if reply is not None else min(window // 8, 2048), window // 2),
            warning=int(window * pressure_share),
            target=int(window * eviction_share),
        )

    @property
    def limit(self) -> int:
        """The largest prompt that leaves room for the reply."""
        return self.window - self.reply

    def too_small(self, sections: Mapping[str, int]) -> ConfigurationError:
        """The error that says what fills the window (tokens of each part), and what to do."""
        parts = ", ".join(f"{name} {size}" for name, size in sections.items())
        return ConfigurationError(
            f"a context window of {self.window} tokens, {self.reply} of them kept for the reply,"
            f" is too small (tokens: {parts}). Raise context_window, shorten system_message, or"
            " lower Settings.block_limit or Settings.reply_tokens."
        )

    def lowered(self, window: int, least: int) -> Budget:
        """The same for a window no larger, in which a prompt of `least` tokens has room."""
        return self.shrunk(min(max(window, least * self.window // self.limit + 1), self.window))

    def shrunk(self, window: int) -> Budget:
        """The same budget for a smaller window, all sizes in proportion."""
        share = window / self.window
        return Budget(
            window=window,
            reply=int(self.reply * share),
            warning=int(self.warning * share),
            target=int(self.target * share),
        )
