"""The rehearsal model: rules in a model's place, to try examples without any model.

It is no language model and is called "rehearsal-model" wherever it shows. It speaks
the same protocol through the same server, and what it answers about the past it
reads from the prompt or from a search, as a model would have to.
"""

from __future__ import annotations

import re

import reading

from memgpt_autogen.engine.functions import FUNCTIONS
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, say, send
from memgpt_autogen.testing.requests import message_text

NAME = "rehearsal-model"
FUNCTION_NAMES = frozenset(function.name for function in FUNCTIONS)

_FACT = re.compile(
    r"\b(my name is|i am|i'm|i like|i prefer|i work|i live|my \w+ (?:is|are|must)|please remember"
    r"|remember that|call me)\b",
    re.IGNORECASE,
)
_CORRECTION = re.compile(r"\b(from today on|from now on|no longer|not any more)\b", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_QUESTION = re.compile(r"\?\s*$")
_OF_THE_PAST = re.compile(r"\b(was|were|did|before|earlier|yesterday)\b", re.IGNORECASE)
_OF_ONESELF = re.compile(r"\b(who am i|my name|about me|do i)\b", re.IGNORECASE)
_KEEP = re.compile(r"\b(?:keep|store)\b[^:]*:\s*(?P<text>.+)", re.IGNORECASE | re.DOTALL)
_PUT = re.compile(
    r"\b(?:put|add|write)\b[^:]*\b(?:on|to|in|into) the (?P<block>\w+):\s*(?P<text>.+)",
    re.IGNORECASE | re.DOTALL,
)
_CODE = re.compile(
    r"\b(write|implement|code)\b.*\b(function|script|program)\b", re.IGNORECASE | re.DOTALL
)
_RAN = re.compile(r"exitcode: 0 .*?output:\s*(?P<output>.*)", re.DOTALL)
# How this model speaks, and so the others in a group that it plays: nobody's request or fact.
_OWN_WORDS = re.compile(
    r"(From |I searched|I heard|I am the rehearsal|Noted|That failed|Here it is|Plan:|The program"
    r"|The \w+ now reads|\w+ says:)"
)
_FROM_MEMORY = re.compile(r"[^:]+: (From |I searched|I heard)")
_NUMBERS = (
    "```python\n"
    "def print_numbers() -> None:\n"
    '    """Print the numbers 1 to 10."""\n'
    "    for number in range(1, 11):\n"
    "        print(number)\n\n\n"
    "print_numbers()\n"
    "```"
)
_SUM = "```python\nprint(sum(range({first}, {last} + 1)))\n```"
_SUM_ASKED = re.compile(r"\b(?:adds?|sums?)\b.*?(?P<first>\d+) to (?P<last>\d+)", re.IGNORECASE)


def rehearsal_model(window: int = 8192) -> ScriptedModel:
    """A server with the rehearsal model; start it with `with` or `.start()`."""
    return ScriptedModel(rehearse, window, model_name=NAME)


def rehearse(request: ChatRequest) -> Step:
    """The reply to a request, by rules alone."""
    if not request.tools:
        return say(_without_memory(request))
    speaker, words = _asked(request)
    if request.last.get("role") == "tool":
        return _after_result(request, words)
    if "(system alert) memory pressure" in request.last_text:
        return call("archival_memory_insert", content=f"Said before: {words[:400]}")
    if _QUESTION.search(words):
        return _answer(request, speaker, words)
    return _heed(request, speaker, words)


def _without_memory(request: ChatRequest) -> str:
    system = message_text(request.messages[0])
    if "running summary" in system:
        return "Earlier messages, in brief: " + request.last_text[-300:]
    if "product manager" in system.lower():
        return "Plan: one small function, with type hints and a docstring, then a call of it."
    return "I am the rehearsal model: I answer by a few rules."


def _asked(request: ChatRequest) -> tuple[str, str]:
    """Who asked for something last, in which words."""
    said = [one for one in reading.heard(request) if not _OWN_WORDS.match(one.text)]
    return (said[-1].speaker, said[-1].text) if said else ("", "")


def _answer(request: ChatRequest, speaker: str, question: str) -> Step:
    known = _known(request, speaker, question)
    if known:
        return send("From my core memory: " + " ".join(known), monologue="I know this.")
    if not _OF_THE_PAST.search(question) and (step := _use_tool(request, question)):
        return step
    return _search(request, question)


def _known(request: ChatRequest, speaker: str, question: str) -> list[str]:
    """The lines of core memory that answer a question."""
    blocks = reading.blocks(request)
    blocks.pop("persona", None)
    words = set(re.findall(r"\w+", question.lower()))
    for name, lines in blocks.items():
        if name != "human" and lines and name.removeprefix("human:").lower() in words:
            return lines
    if _OF_ONESELF.search(question):
        return blocks.get(f"human:{speaker}") or blocks.get("human", [])
    people = [line for name, lines in blocks.items() if name.startswith("human") for line in lines]
    wanted = reading.topics(question)
    return [line for line in people if wanted & reading.topics(line)]


def _search(request: ChatRequest, question: str) -> Step:
    """A search not made yet in this turn; first where documents or a team's findings are."""
    places = ["conversation_search", "archival_memory_search"]
    if reading.attached(request):
        places.reverse()
    for place in places:
        if place not in reading.called(request):
            return call(place, query=question, request_heartbeat=True)
    return send("I searched our conversations and my archive and found nothing about it.")


def _heed(request: ChatRequest, speaker: str, words: str) -> Step:
    """What is no question: something to keep, a task, or talk."""
    put, keep = _PUT.search(words), _KEEP.search(words)
    if put and put["block"] in reading.blocks(request):
        return call(
            "core_memory_append", name=put["block"], content=put["text"], request_heartbeat=True
        )
    if keep:
        archive = reading.shared_archive(request)
        place = {"archive": archive} if archive else {}
        return call("archival_memory_insert", content=keep["text"], request_heartbeat=True, **place)
    if _CORRECTION.search(words) and (step := _correct(request, speaker, words)):
        return step
    if facts := _facts(request):
        return facts
    if step := _use_tool(request, words):
        return step
    if ran := _RAN.search(words):
        return send("The program ran and printed: " + " ".join(ran["output"].split()))
    if _CODE.search(words):
        return send(f"Here it is:\n{_code(words)}")
    return send("I heard you. (I am the rehearsal model and answer by rules.)")


def _facts(request: ChatRequest) -> Step | None:
    """Facts go to the block of whoever told them, where there is one."""
    blocks = reading.blocks(request)
    edits = [
        call(
            "core_memory_append",
            name=f"human:{one.speaker}" if f"human:{one.speaker}" in blocks else "human",
            content=sentence[:300],
            request_heartbeat=True,
        )
        for one in reading.heard(request)
        for sentence in _SENTENCES.split(one.text)
        if _FACT.search(one.text) and not (_QUESTION.search(one.text) or _OWN_WORDS.match(one.text))
    ]
    return calls(*edits, monologue="This will matter later.") if edits else None


def _correct(request: ChatRequest, speaker: str, words: str) -> Step | None:
    """What is not so any more gives its place to what is."""
    blocks = reading.blocks(request)
    name = f"human:{speaker}" if f"human:{speaker}" in blocks else "human"
    line = reading.closest(blocks.get(name, []), words)
    if line is None:
        return None
    return call(
        "core_memory_replace",
        name=name,
        old_content=line,
        new_content=words[:300],
        request_heartbeat=True,
    )


def _use_tool(request: ChatRequest, words: str) -> Step | None:
    tool = reading.fitting_tool(request, words, FUNCTION_NAMES)
    return None if tool is None else call(tool[0], **tool[1])


def _code(words: str) -> str:
    total = _SUM_ASKED.search(words)
    return _SUM.format(**total.groupdict()) if total else _NUMBERS


def _after_result(request: ChatRequest, words: str) -> Step:
    result = request.last_text
    name = (reading.called(request) or [""])[-1]
    if result.startswith("Error"):
        return send(f"That failed. {result[:200]}")
    if "search" in name:
        return _found(request, words)
    if name not in FUNCTION_NAMES:
        return send(f"{name} says: {result}")
    if name == "archival_memory_insert":
        return send(f"Noted. {result}")
    if put := _PUT.search(words):
        lines = " ".join(reading.blocks(request).get(put["block"], []))
        return send(f"The {put['block']} now reads: {lines}")
    code = f"\n{_code(words)}" if _CODE.search(words) else ""
    return send(f"Noted, I will remember that.{code}")


def _found(request: ChatRequest, question: str) -> Step:
    """The answer in the results of a search; where there is none, the next search."""
    texts = [
        text
        for text in reading.passages(request.last_text)
        if not _QUESTION.search(text) and not _FROM_MEMORY.match(text)
    ]
    best = reading.closest(texts, question)
    if best is None:
        return _search(request, question)
    if reading.called(request)[-1] == "conversation_search":
        return send(f"I searched our conversations and found: {best}")
    return send(_quoted(best, question))


def _quoted(passage: str, question: str) -> str:
    """The sentence of a passage that answers, with the passage's origin."""
    origin = re.match(r"\(([^)]*)\) ", passage)
    body = passage[origin.end() :] if origin else passage
    sentences = [one.strip() for one in re.split(r"(?<=[.!?])\s+|\n+", body) if one.strip()]
    place = origin[1] if origin else "my archive"
    return f"From {place}: {reading.closest(sentences, question) or sentences[0]}"
