"""Reports: what the token counts that a server reports say of its window."""

from __future__ import annotations

_PLAUSIBLE = 0.9  # of the expected count: less may be a cut prompt
_FALL = 0.9
_GROWTH = 1.05
_SIGNS = 2  # one odd report may be anything


class Reports:
    """Tells a server that cuts prompts to its own window, silently.

    Ollama does (https://github.com/ollama/ollama/issues/14259): it answers all the same, and
    reports only what it kept. So its reports fall, or stand, while the prompts grow.
    """

    def __init__(self) -> None:
        self._best: tuple[int, int] | None = None  # counted, and the largest report
        self._signs = 0

    def is_cut(self, counted: int, reported: int, expected: int) -> bool:
        """Whether a report looks like one of a cut prompt.

        Args:
            counted: tokens of the prompt by our own count, uncorrected.
            reported: by the server.
            expected: by our count, corrected.
        """
        best = self._best
        falls = best is not None and counted >= best[0] and reported < _FALL * best[1]
        stands = best is not None and counted > _GROWTH * best[0] and reported <= 1.01 * best[1]
        if reported < _PLAUSIBLE * expected and (falls or stands):
            self._signs += 1
            return True
        self._signs = 0
        if best is None or reported > best[1]:
            self._best = (counted, reported)
        return False

    @property
    def window(self) -> int | None:
        """Tokens that such a server seems to take; None where nothing has confirmed it."""
        return self._best[1] if self._best and self._signs >= _SIGNS else None
