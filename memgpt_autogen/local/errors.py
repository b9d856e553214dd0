"""What can go wrong inside: a request is not served, a file is not fetched."""

from __future__ import annotations

from typing import Any

from memgpt_autogen.testing.protocol import error_body


class RefusedError(ValueError):
    """A request that is not served: the client's mistake, or llama.cpp's own refusal.

    Args:
        message: why, in words for the client.
        status: the HTTP status of the answer.
        body: the answer, where llama.cpp has written it.
    """

    def __init__(self, message: str, status: int = 400, body: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body or error_body(message, "invalid_request_error")


class FetchError(Exception):
    """A source could not give the weights file; the text says why."""
