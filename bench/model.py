"""The model of `turn.py`, in a process of its own: it answers at once and times itself.

Two scripted models run here, one for each agent. The first line of the output is
their llm_configs; then every line that comes in is answered with the requests since
the line before. It ends when its input does.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, calls, say, send
from memgpt_autogen.testing.loopback import Response
from memgpt_autogen.testing.replies import Reply

VOCABULARY = """
    the a of to in and we it that for with from about after before garden winter ship letter
    report meeting river cheese violin budget server harbour summer lamp ticket market doctor
    bridge engine coffee museum sister captain blue quiet early heavy broken cheap remember
    plan write carry visit repair paint choose finish begin sell borrow send measure forget
"""
WORDS = VOCABULARY.split()


def text_of(seed: str, words: int = 46) -> str:
    """Words of which every seed gives others: about 50 tokens."""
    dice = random.Random(seed)  # noqa: S311 - a text to count, no secret
    return " ".join(dice.choice(WORDS) for _ in range(words)).capitalize() + "."


class TimedModel(ScriptedModel):
    """Answers any number of requests, and keeps of each only what it cost.

    Attributes:
        log: of each request its seconds in here, its prompt tokens and its kind.
    """

    def __init__(self, *, managed: bool, window: int) -> None:
        self.log: list[dict[str, Any]] = []
        self._managed = managed
        self._turns = 0
        # A name that tiktoken knows: tokens are counted, not estimated.
        super().__init__(self._answer, window, model_name="gpt-4o")

    def _respond(self, method: str, path: str, payload: bytes) -> Response:
        begin = time.perf_counter()
        response = super()._respond(method, path, payload)
        seconds = time.perf_counter() - begin
        for request in self.requests:
            summary = self._managed and not request.tools
            self.log.append(
                {"seconds": seconds, "tokens": request.prompt_tokens, "summary": summary}
            )
        self.requests.clear()  # a thousand full histories would fill the memory
        return response

    def _answer(self, request: ChatRequest) -> Reply:
        if not self._managed:
            return say(self._next_text())
        if not request.tools:
            return say(text_of(f"summary {self._turns}", words=150))
        if "memory pressure" not in request.last_text:
            return send(self._next_text())
        note = call("archival_memory_insert", content=text_of(f"note {self._turns}"))
        if request.messages[-2]["role"] == "tool":  # the user has the answer already
            return calls(note)
        return calls(note, call("send_message", message=self._next_text()))

    def _next_text(self) -> str:
        self._turns += 1
        return text_of(f"reply {self._turns}")


def main() -> None:
    window = int(sys.argv[1])
    managed, plain = (
        TimedModel(managed=True, window=window),
        TimedModel(managed=False, window=100_000_000),
    )
    with managed, plain:  # each fails at the end if a request broke the protocol
        print(json.dumps([managed.llm_config, plain.llm_config]), flush=True)
        for _ in sys.stdin:
            print(json.dumps(managed.log + plain.log), flush=True)
            managed.log.clear()
            plain.log.clear()
        if managed.overflows:
            raise SystemExit(f"{len(managed.overflows)} prompts did not fit the window")


if __name__ == "__main__":
    main()
