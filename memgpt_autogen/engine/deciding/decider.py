"""The decider: a small model's completion, a choice under a grammar or words in plain chat.

Measured with a model of 1.5 billion parameters: its choice of a function is right where its
words through that function are not, and its words in plain chat are right where its choice to
say that it does not know is not. So it is asked for each in the way that it does well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from memgpt_autogen import frames
from memgpt_autogen.engine.deciding.choices import (
    ANSWER,
    TALK,
    UNKNOWN,
    Choice,
    Choices,
    described,
    own_tools,
)
from memgpt_autogen.engine.deciding.situation import PERSONA, Line, Situation, situation_of
from memgpt_autogen.engine.deciding.speech import Aim, Voice, is_astray, plainly, retold, speech
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import MainContext
from memgpt_autogen.model.chat_model import ChatModel
from memgpt_autogen.model.presets import is_small
from memgpt_autogen.model.protocol.dialect import response_format
from memgpt_autogen.model.protocol.rules import ServerRules, ToolMode
from memgpt_autogen.model.protocol.written import dumped
from memgpt_autogen.model.safeguards import BLOCKED
from memgpt_autogen.steps import Completion, FunctionCall, Usage

ChatMessage = dict[str, Any]
Tools = Sequence[Mapping[str, Any]]

_SHOWN = 1200  # characters of a message, where a choice is made
_EARLIER = 120  # of what was said before it
_TOOL_CALLS = 4  # of the user's tools, about one message
_SURE = {"temperature": 0}  # a choice is no matter of taste


@dataclass(eq=False)
class Decider:
    """Makes completions of the main context for a small model.

    Attributes:
        work: what functions work on.
        tool_mode: how functions are offered.
        urgent: texts of alerts after which nothing is left but to speak.
        role: AutoGen's system message.
    """

    work: Workspace
    tool_mode: ToolMode
    urgent: Sequence[str] = ()
    role: str = ""

    def decides(self, model: str) -> bool:
        """Whether a model of this name is asked to decide, then to speak."""
        return self.tool_mode == "decide" or (self.tool_mode == "auto" and is_small(model))

    def instructed(self, model: str, role: str, text: str) -> str:
        """The instructions of a model in a role: its preset's text, or those of a choice."""
        self.role = role
        return self._instructions if self.decides(model) else text

    def offers(self, model: str, tools: Tools) -> Tools:
        """The functions that go with a prompt; a choice names only the user's tools."""
        return own_tools(tools) if self.decides(model) else tools

    @property
    def _instructions(self) -> str:
        """What stands at the beginning of each choice."""
        return _text().replace("{name}", self.work.agent)

    def complete(
        self, model: ChatModel, context: MainContext, tools: Tools, rules: ServerRules
    ) -> Completion:
        """The next calls, or the words for those who wait.

        Args:
            model: is asked, once or twice.
            context: whose queue it is about.
            tools: all functions of the turn, in the OpenAI `tools` format.
            rules: how its server is asked.
        """
        situation = self._situation(context)
        if situation.answered:  # a small model has stored what it had to when it was said
            return Completion(usage=Usage(requests=0))
        choices = self._choices(situation, tools)
        asked = _Asked(model, rules)
        choice = self._choice(situation, choices, asked)
        if isinstance(choice, Completion):
            return choice
        calls = choices.calls(choice)
        if not calls:
            text = self._words(situation, choice, asked)
            calls = (FunctionCall(id="", name="send_message", arguments=dumped({"message": text})),)
        return Completion(calls=calls, usage=asked.usage)

    def prompt(self, context: MainContext, tools: Tools) -> list[ChatMessage]:
        """The messages of a choice as it would be made now."""
        return self._asking(self._situation(context), own_tools(tools))

    def _situation(self, context: MainContext) -> Situation:
        return situation_of(
            context.entries, self.work, urgent=self.urgent, shown=context.shown,
            pictured=context.pictured(),
        )  # fmt: skip

    def _choices(self, situation: Situation, tools: Tools) -> Choices:
        own = own_tools(tools)
        names = {tool["function"]["name"] for tool in own}
        if sum(result.name in names for result in situation.results) >= _TOOL_CALLS:
            own = []
        archival = self.work.archival
        return Choices(
            situation,
            own,
            archival.archives,
            archival=bool(archival.count(self.work.origins) or archival.attached),
        )

    def _choice(self, situation: Situation, choices: Choices, asked: _Asked) -> Choice | Completion:
        """What to do; a completion where the model was not let answer."""
        noted = situation.has_stored and "?" not in situation.last.text
        if situation.must_speak or (noted and not choices.tools):
            return Choice(TALK, {})
        further = {**response_format(asked.rules, choices.schema()), **_SURE}
        answer = asked.ask(self._asking(situation, choices.tools), further)
        return answer if answer.text == BLOCKED else choices.read(answer.text)

    def _asking(self, situation: Situation, tools: Tools) -> list[ChatMessage]:
        """The messages of a choice; what changes stands last."""
        lines = [f"{number}. {line.text}" for number, line in enumerate(situation.lines, 1)]
        for said in situation.before[-2:]:
            who = said.speaker or self.work.agent
            lines.append(f'(before) {who} said: "{frames.clip(said.text, _EARLIER)}"')
        for said in situation.heard:
            text = frames.clip(" ".join(said.text.split()), _SHOWN)
            lines.append(f'{said.speaker} says: "{text}"' if said.speaker else text)
        system = "\n\n".join(filter(None, (self._instructions, described(tools))))
        return [
            {"role": "system", "content": system},
            {"role": "user", "content": "\n".join(lines)},
        ]

    def _words(self, situation: Situation, choice: Choice, asked: _Asked) -> str:
        """What is said; what was chosen to be said is held against the words."""
        aim, chosen = _aim(situation, choice)
        core = self.work.core
        persona = core.shown(PERSONA).value if PERSONA in core else ""
        voice = Voice(self.work.agent, self.role, persona)
        text = asked.ask(speech(voice, situation, aim, chosen)).text
        if aim is not Aim.ANSWER or not is_astray(text, situation, chosen):
            return text
        again = asked.ask(retold(voice, situation, chosen), _SURE).text
        return plainly(chosen) if is_astray(again, situation, chosen) else again


@dataclass
class _Asked:
    """A model that is asked more than once for one completion."""

    model: ChatModel
    rules: ServerRules
    usage: Usage | None = field(default=None)

    def ask(
        self, messages: Sequence[ChatMessage], further: Mapping[str, Any] | None = None
    ) -> Completion:
        found = self.model.complete(messages, (), self.rules, further=further or {}, heard=True)
        if found.usage is not None:
            self.usage = found.usage if self.usage is None else self.usage.plus(found.usage)
        return found


def _aim(situation: Situation, choice: Choice) -> tuple[Aim, list[Line]]:
    if choice.name == UNKNOWN:
        return Aim.UNKNOWN, []
    lines, numbers = situation.lines, choice.values.get("lines")
    if choice.name == ANSWER and isinstance(numbers, list):
        chosen = [lines[at - 1] for at in numbers if isinstance(at, int) and 0 < at <= len(lines)]
        return Aim.ANSWER, list(dict.fromkeys(chosen))
    return (Aim.NOTED if situation.has_stored else Aim.TALK), []


@lru_cache
def _text() -> str:
    file = resources.files("memgpt_autogen") / "data" / "decide.txt"
    return file.read_text(encoding="utf-8").strip()
