"""The rehearsal model: rules in a model's place, to try examples without any model.

It is no language model and is called "rehearsal-model" wherever it shows. It speaks
the same protocol through the same server, and what it answers about the past it
reads from the prompt or from a search, as a model would have to.
"""

from __future__ import annotations

import re
from typing import Any

from .replies import Reply, Step, call, calls, say, send
from .requests import ChatRequest, content_text, message_text
from .server import ScriptedModel

NAME = "rehearsal-model"

_LINE = re.compile(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d\] (?P<speaker>[^:]+): (?P<text>.*)", re.DOTALL)
_FACT = re.compile(
    r"\b(my name is|i am|i'm|i like|i prefer|i work|i live|my \w+ (?:is|are|must)|please remember"
    r"|remember that|call me)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\?\s*$")
_CODE = re.compile(
    r"\b(write|implement|code)\b.*\b(function|script|program)\b", re.IGNORECASE | re.DOTALL
)
_NUMBERS = (
    "```python\n"
    "def print_numbers() -> None:\n"
    '    """Print the numbers 1 to 10."""\n'
    "    for number in range(1, 11):\n"
    "        print(number)\n\n\n"
    "print_numbers()\n"
    "```"
)
_WORD = re.compile(r"[^\W\d_]{3,}")
# Words that say nothing of what a question is about.
_COMMON = re.compile(
    r"^(the|and|are|was|were|what|who|whom|which|how|when|where|did|does|have|has|you|your|for"
    r"|with|from|that|this|about|like|tell|know|remember|again|last|time|asked)$"
)


def rehearsal_model(window: int = 8192) -> ScriptedModel:
    """A server with the rehearsal model; start it with `with` or `.start()`."""
    return ScriptedModel(rehearse, window, model_name=NAME)


def rehearse(request: ChatRequest) -> Step:
    """The reply to a request, by rules alone."""
    if not request.tools:
        return say(_without_memory(request))
    last = request.messages[-1]
    if last.get("role") == "tool":
        return _after_result(request)
    content = request.last_text
    if "(system alert) memory pressure" in content:
        return call("archival_memory_insert", content=f"Said before: {_heard(request)[:400]}")
    return _to_words(request, _heard(request))


def _without_memory(request: ChatRequest) -> str:
    system = message_text(request.messages[0])
    if "running summary" in system:
        return "Earlier messages, in brief: " + request.last_text[-300:]
    if "product manager" in system.lower():
        return "Plan: one small function, with type hints and a docstring, then a call of it."
    return "I am the rehearsal model: I answer by a few rules."


def _to_words(request: ChatRequest, words: str) -> Step:
    if _QUESTION.search(words):
        known = _matching(_core_memory(request), words)
        if known:
            return send("From my core memory: " + " ".join(known), monologue="I know this.")
        return call("conversation_search", query=words, request_heartbeat=True)
    if _FACT.search(words):
        return calls(
            call("core_memory_append", name="human", content=words[:300], request_heartbeat=True),
            monologue="This will matter later.",
        )
    if _CODE.search(words):
        return send(f"Here it is:\n{_NUMBERS}")
    return send("I heard you. (I am the rehearsal model and answer by rules.)")


def _after_result(request: ChatRequest) -> Reply:
    result = request.last_text
    if result.startswith("Page "):
        lines = [line for line in result.splitlines()[1:] if not _QUESTION.search(line)]
        return send("I searched our conversations and found: " + (lines or ["nothing."])[0])
    if "No messages found" in result:
        return send("I searched our conversations and found nothing about it.")
    if result.startswith("Error"):
        return send("I could not store that.")
    code = f"\n{_NUMBERS}" if _CODE.search(_heard(request)) else ""
    return send(f"Noted, I will remember that.{code}")


def _heard(request: ChatRequest) -> str:
    """What people said since the agent last spoke."""
    heard: list[str] = []
    for message in reversed(request.messages):
        if message.get("role") == "assistant" and _spoke(message):
            break
        match = _LINE.match(content_text(message.get("content")))
        if message.get("role") == "user" and match and "(system" not in match["speaker"]:
            heard.insert(0, match["text"])
    return heard[0] if heard else ""


def _spoke(message: dict[str, Any]) -> bool:
    names = [each["function"]["name"] for each in message.get("tool_calls") or ()]
    return not names or "send_message" in names


def _core_memory(request: ChatRequest) -> list[str]:
    """The lines of the human block, as the prompt shows it or a later edit's result."""
    found: list[str] = []
    for message in request.messages:
        text = content_text(message.get("content"))
        block = re.search(r"<human>\n(.*?)\n?</human>", text, re.DOTALL)
        edit = re.search(r"'human' now reads:\n(.*)", text, re.DOTALL)
        if block or edit:
            found = (block or edit)[1].splitlines()  # type: ignore[index]
    return found


def _matching(lines: list[str], question: str) -> list[str]:
    wanted = {w for w in _WORD.findall(question.lower()) if not _COMMON.match(w)}
    about_self = re.search(r"\b(who am i|my name|about me|do i)\b", question.lower())
    return [line for line in lines if about_self or wanted & set(_WORD.findall(line.lower()))]
