"""The scripted model of the kills: it lives in the parent, so it survives."""

from __future__ import annotations

import itertools
import re
from typing import Any

from memgpt_autogen.testing import ChatRequest, Step, call, calls, say
from tests.durability.ledger import Put

FACT = re.compile(r"fact-\d+")
ANSWER = re.compile(r"call-\d+")


class Script:
    """Keeps each fact in all tiers, in one step or in two, each time with a new number.

    Attributes:
        promised: what must be there once the answer with that number was acknowledged.
    """

    def __init__(self) -> None:
        self.promised: dict[str, list[Put]] = {}
        self._numbers = itertools.count(1)
        self._kept: dict[str, list[Put]] = {}

    def __call__(self, request: ChatRequest) -> Step:
        if not request.tools:
            return say("Facts were told.")
        texts = [str(message.get("content")) for message in request.messages]
        told = [n for n, m in enumerate(request.messages) if m["role"] == "user"]
        newest = max((n for n in told if FACT.search(texts[n])), default=0)
        fact = (FACT.findall(texts[newest]) or ["fact-0"])[-1]
        number = next(self._numbers)
        mark = f"call-{number:05d}"
        if any(message["role"] == "assistant" for message in request.messages[newest:]):
            return self._answer(mark, fact, [])
        inserted = call(
            "archival_memory_insert", content=f"kept by {mark}", request_heartbeat=number % 3 == 0
        )
        puts: list[Put] = [("archival", f"kept by {mark}")]
        if number % 3 == 0:
            self._kept[fact] = puts
            return inserted
        edited = call("core_memory_append", name="persona", content=f"e-{number}")
        puts.append(("persona", f"e-{number}"))
        return self._answer(mark, fact, [inserted, edited], puts)

    def _answer(
        self, mark: str, fact: str, before: list[Any], puts: list[Put] | None = None
    ) -> Step:
        text = f"{mark} noted {fact}"
        self.promised[mark] = [
            ("recall", text),
            *(puts if puts is not None else self._kept.get(fact, [])),
        ]
        return calls(*before, call("send_message", message=text))

    def acknowledged(self, reply: str) -> list[Put]:
        """What an answer stands for that left the agent."""
        return [put for mark in ANSWER.findall(reply) for put in self.promised.get(mark, [])]
