"""The model of the benchmarks, in a process of its own: it answers at once and times itself.

    python bench/model.py '{"one agent": {"script": "managed", "window": 8192}}'

One scripted model runs for each agent. The first line of the output holds their
llm_configs; then every line that comes in names an agent and is answered with its
requests since it was last named. It ends when its input does.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any

from prefix import PrefixMeter
from scripts import SCRIPTS

from memgpt_autogen.testing import ScriptedModel
from memgpt_autogen.testing.loopback import HttpRequest, Response

NO_LIMIT = 100_000_000


class TimedModel(ScriptedModel):
    """Answers any number of requests, and keeps of each only what it cost.

    Attributes:
        log: of each request its seconds in here, its prompt tokens, whether it came
            without functions (for MemGPT: for a summary), and its shares of prefix.
    """

    def __init__(self, script: str, window: int | None) -> None:
        self.log: list[dict[str, Any]] = []
        self._prefixes = PrefixMeter()
        self._guard = threading.Lock()  # requests may come in at once
        # A name that tiktoken knows: tokens are counted, not estimated.
        super().__init__(SCRIPTS[script](), window or NO_LIMIT, model_name="gpt-4o")

    def _respond(self, sent: HttpRequest) -> Response:
        begin = time.perf_counter()
        response = super()._respond(sent)
        with self._guard:
            answered = list(self.requests)
            self.requests.clear()  # a thousand full histories would fill the memory
            entries = [
                {
                    "tokens": request.prompt_tokens,
                    "bare": not request.tools,
                    "prefix": self._prefixes.measure(request.body),
                }
                for request in answered
            ]
        seconds = time.perf_counter() - begin
        self.log.extend({**entry, "seconds": seconds} for entry in entries)
        return response


def main() -> None:
    models = {
        name: TimedModel(wanted["script"], wanted["window"])
        for name, wanted in json.loads(sys.argv[1]).items()
    }
    with ExitStack() as running:  # each fails at the end if a request broke the protocol
        for model in models.values():
            running.enter_context(model)
        print(json.dumps({name: model.llm_config for name, model in models.items()}), flush=True)
        for line in sys.stdin:
            log = models[line.strip()].log
            print(json.dumps(log), flush=True)
            log.clear()
        for name, model in models.items():
            if model.overflows:
                raise SystemExit(f"{len(model.overflows)} prompts of {name} overflowed the window")


if __name__ == "__main__":
    main()
