"""What the scripted model answers, for each kind of agent. All replies are ~50 tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

from texts import reply, text_of

from memgpt_autogen.testing import ChatRequest, call, calls, say, send
from memgpt_autogen.testing.replies import Reply

Script = Callable[[ChatRequest], Reply]

EDIT_EVERY = 10  # turns, of an agent that edits its core memory
NOTES_KEPT = 10  # lines in a block before the oldest is replaced
# How Teachability's analyzer puts its questions.
ANALYSIS = re.compile(
    r"# INSTRUCTIONS\n(?P<order>.*?)\n\n# TEXT\n(?P<text>.*)\n\n# INSTRUCTIONS", re.DOTALL
)
CODE = re.compile(r"chat-\d+")


class Plain:
    """Answers every request with text."""

    def __init__(self) -> None:
        self.turns = 0

    def __call__(self, request: ChatRequest) -> Reply:  # noqa: ARG002 - scripts are called so
        self.turns += 1
        return say(reply(self.turns))


class Managed:
    """A MemGPT model: send_message; an archival note under memory pressure; summaries.

    With `edits` every tenth turn also has an edit of core memory, as MemGPT's models
    make it: a call of its own with a heartbeat, then the answer. The block holds ten
    lines; from then on the oldest is replaced.
    """

    def __init__(self, *, edits: bool = False) -> None:
        self.turns = 0
        self._edits = edits
        self._notes: list[str] = []

    def __call__(self, request: ChatRequest) -> Reply:
        if not request.tools:
            return say(text_of(f"summary {self.turns}", words=150))
        if "memory pressure" in request.last_text:
            note = call("archival_memory_insert", content=text_of(f"note {self.turns}"))
            if request.messages[-2]["role"] == "tool":  # the user has the answer already
                return calls(note)
            return calls(note, call("send_message", message=self._answer()))
        edited = request.last["role"] == "tool"
        if self._edits and not edited and (self.turns + 1) % EDIT_EVERY == 0:
            return self._edit()
        return send(self._answer())

    def _answer(self) -> str:
        self.turns += 1
        return reply(self.turns)

    def _edit(self) -> Reply:
        note = text_of(f"fact {self.turns}", words=12)
        self._notes.append(note)
        if len(self._notes) <= NOTES_KEPT:
            edit = call("core_memory_append", name="human", content=note, request_heartbeat=True)
        else:
            edit = call(
                "core_memory_replace",
                name="human",
                old_content=self._notes.pop(0),
                new_content=note,
                request_heartbeat=True,
            )
        return calls(edit)


class Teachable(Plain):
    """Says yes to Teachability's question whether a text is worth keeping, no to the other.

    So every message is kept, as a question and an answer, and no message is a task.
    """

    def __call__(self, request: ChatRequest) -> Reply:
        asked = ANALYSIS.match(request.last_text)
        if not asked:
            return super().__call__(request)
        order, text = asked["order"], asked["text"]
        if order.startswith("Does any part of the TEXT ask the agent to perform a task"):
            return say("No")
        if order.startswith("Does the TEXT contain information"):
            return say("Yes")
        if order.startswith("Imagine that the user forgot"):
            return say(f"What was that about {' '.join(text.split()[:8]).lower()}?")
        if order.startswith("Copy the information"):
            return say(text)
        raise ValueError(f"Teachability asked something new: {order}")


def plain_echo(request: ChatRequest) -> Reply:
    """Answers with the newest code in the prompt."""
    heard = [str(one["content"]) for one in request.messages if one["role"] == "user"]
    code = [code for text in heard for code in CODE.findall(text)][-1]
    return say(f"Answer to {code}: {reply(1)}")


def managed_echo(request: ChatRequest) -> Reply:
    """The same as a MemGPT model, with a note under memory pressure, and summaries."""
    if not request.tools:
        return say(text_of("summary", words=150))
    answer = call("send_message", message=plain_echo(request).content)
    if "memory pressure" not in request.last_text:
        return calls(answer)
    note = call("archival_memory_insert", content=text_of("note"))
    if request.messages[-2]["role"] == "tool":  # the user has the answer already
        return calls(note)
    return calls(note, answer)


SCRIPTS: dict[str, Callable[[], Script]] = {
    "plain": Plain,
    "managed": Managed,
    "editing": lambda: Managed(edits=True),
    "teachable": Teachable,
    "plain echo": lambda: plain_echo,
    "managed echo": lambda: managed_echo,
}
