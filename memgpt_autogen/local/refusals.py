"""Why a request is not served: the client's mistake, or the model runner's own refusal."""

from __future__ import annotations

from typing import Any


class BadRequestError(ValueError):
    """A request that cannot be served, in words for the client."""


class EngineRefusal(Exception):  # noqa: N818 - it is the client's error, with its HTTP body
    """The runner refuses a request; `body` is what the client gets."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body.get("message"))
        self.body = body

    @property
    def status(self) -> int:
        code = self.body.get("code")
        return code if isinstance(code, int) and 400 <= code < 600 else 500
