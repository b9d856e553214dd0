"""The chat of the terminal over a scripted model: `python -m tests.chatting MEMORY [SLOW]`."""

from __future__ import annotations

import sys
from typing import Any

from memgpt_autogen.cli.chat.program import Wishes, run
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, send, slow


class Configuration:
    """A configuration as `configure` would write it, with the quick embedder."""

    model, persona, human, preset, memory, context_window = "scripted-model", "", "", "", "", 0
    embedder = "hashing"

    def __init__(self, scripted: ScriptedModel) -> None:
        self._scripted = scripted

    def llm_config(self) -> dict[str, Any]:
        return self._scripted.llm_config


def talking(request: ChatRequest) -> Step:
    """Opens, notes what it hears, looks for what it is asked, is slow where it is told to be."""
    said = request.last_text.rsplit(": ", 1)[-1].split("\n")[0]
    if "has just opened this chat" in request.last_text:
        return send("Hello, stranger.")
    if said == "take your time":
        return slow(send("At last."), 3.0)
    if said.endswith("?"):
        search = call("conversation_search", query="tea", request_heartbeat=True)
        return calls(search, monologue="Let me look.")
    if request.messages[-1]["role"] == "tool":
        return send("You like tea.")
    note = call("core_memory_append", name="human", content=said)
    return calls(note, call("send_message", message=f"I heard that {said} and keep it."))


if __name__ == "__main__":
    with ScriptedModel(talking) as model:
        sys.exit(run(Wishes("sam", memory=sys.argv[1], first=True), Configuration(model)))
