"""The decider: a small model's completion, made of small questions and then of plain words.

Measured with a model of 1.5 billion parameters: its words through a function, behind pages of
examples, are confused about who is who, and in plain chat they are not; but there it never says
that it does not know. So what to do, and which line answers, is asked first, each by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt_autogen.engine.deciding import deeds, questions
from memgpt_autogen.engine.deciding.lines import Line
from memgpt_autogen.engine.deciding.questions import KEEP, LOOK, NOTE, TALK, Question, own_tools
from memgpt_autogen.engine.deciding.situation import PERSONA, Situation, situation_of
from memgpt_autogen.engine.deciding.speech import Aim, Voice, is_astray, plainly, retold, speech
from memgpt_autogen.engine.functions import Workspace
from memgpt_autogen.engine.main_context import MainContext
from memgpt_autogen.engine.showing.stems import stems
from memgpt_autogen.model.chat_model import ChatModel
from memgpt_autogen.model.presets import is_small
from memgpt_autogen.model.protocol.dialect import response_format
from memgpt_autogen.model.protocol.rules import ServerRules, ToolMode
from memgpt_autogen.model.protocol.written import read_json
from memgpt_autogen.model.safeguards import BLOCKED
from memgpt_autogen.steps import Completion, FunctionCall, Usage
from memgpt_autogen.storage.record import readable

ChatMessage = dict[str, Any]
Tools = Sequence[Mapping[str, Any]]

_LONG = 120  # characters of a message that is worth keeping whole
_SURE = {"temperature": 0}  # what is decided is no matter of taste


class _BlockedError(Exception):
    """A safeguard did not let the model answer."""


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
        """The instructions of a model in a role: its preset's text, or what is asked first."""
        self.role = role
        if not self.decides(model):
            return text
        first = questions.act(self.work.agent, "").messages
        return "\n".join(str(one["content"]) for one in first)

    def offers(self, model: str, tools: Tools) -> Tools:
        """The functions that go with a prompt; where it is decided, the user's tools alone."""
        return own_tools(tools) if self.decides(model) else tools

    def prompt(self, context: MainContext, tools: Tools) -> list[ChatMessage]:
        """The messages of the first question as it would be asked now."""
        return list(self._act(self._situation(context), own_tools(tools)).messages)

    def complete(
        self, model: ChatModel, context: MainContext, tools: Tools, rules: ServerRules
    ) -> Completion:
        """The next calls, or the words for those who wait.

        Args:
            model: is asked, a few times.
            context: whose queue it is about.
            tools: all functions of the turn, in the OpenAI `tools` format.
            rules: how its server is asked.
        """
        situation = self._situation(context)
        if situation.answered:  # a small model has stored what it had to when it was said
            return Completion(usage=Usage(requests=0))
        asked = _Asked(model, rules)
        try:
            calls = self._calls(situation, own_tools(tools), asked)
        except _BlockedError:
            return asked.latest
        return Completion(calls=calls, usage=asked.usage)

    def _situation(self, context: MainContext) -> Situation:
        ahead = context.prefetched
        return situation_of(
            context.entries,
            self.work,
            urgent=self.urgent,
            prefetched="\n".join(ahead.ranked) if ahead else "",
            shown=context.shown,
            pictured=context.pictured(),
        )

    # --- what to do ------------------------------------------------------------------

    def _calls(self, situation: Situation, tools: Tools, asked: _Asked) -> tuple[FunctionCall, ...]:
        if situation.arrived:
            return self._greet(situation, asked)
        if situation.must_speak:
            return self._speak(situation, Aim.TALK, [], asked)
        if situation.has_searched:
            return self._answer(situation, situation.searched, asked) or self._speak(
                situation, Aim.UNKNOWN, [], asked
            )
        if situation.given:
            return self._speak(situation, Aim.ANSWER, situation.given, asked)
        if situation.has_stored and "?" not in situation.last.text:
            return self._speak(situation, Aim.NOTED, [], asked)
        choice = asked.ask(self._act(situation, tools))
        made = self._made(str(choice.get("do")), choice, situation, tools, asked)
        return made or self._speak(
            situation, Aim.NOTED if situation.has_stored else Aim.TALK, [], asked
        )

    def _act(self, situation: Situation, tools: Tools) -> Question:
        last = situation.last
        said = f'{last.speaker} says: "{last.text}"' if last.speaker else last.text
        choices = [LOOK, TALK] if situation.has_stored or not situation.blocks else [NOTE, LOOK]
        if NOTE in choices:
            choices += [KEEP, TALK] if len(last.text) > _LONG else [TALK]
        return questions.act(
            self.work.agent,
            said,
            about=list(situation.blocks),
            archives=self.work.archival.archives,
            choices=choices,
            tools=tools,
        )

    def _made(
        self,
        name: str,
        choice: Mapping[str, Any],
        situation: Situation,
        tools: Tools,
        asked: _Asked,
    ) -> tuple[FunctionCall, ...]:
        """The calls that a choice stands for; none where it is time to speak."""
        if name == NOTE and situation.blocks and not situation.has_stored:
            which = asked.number_of(questions.replace)
            return deeds.notes(situation, choice.get("fact"), choice.get("about"), which)
        if name == LOOK:
            known = self._answer(situation, [*situation.known, *situation.found], asked)
            return known or deeds.searches(situation, self.work)
        if name == KEEP:
            return deeds.kept(situation, choice.get("where"), self.work)
        if name in {tool["function"]["name"] for tool in tools}:
            return (deeds.call(name, choice.get("arguments") or {}),)
        return ()

    # --- what to say -----------------------------------------------------------------

    def _answer(
        self, situation: Situation, lines: Sequence[Line], asked: _Asked
    ) -> tuple[FunctionCall, ...]:
        """The answer that one of some lines holds; nothing where none does."""
        last = situation.last
        about = stems(last.text) - stems(" ".join([last.speaker, *(one.block for one in lines)]))
        question, number = self._picked(situation, lines, asked)
        if not number:
            return ()
        # A line that shares no word with the question is often a wrong one, and what was said
        # once may have been corrected in core memory since.
        shared = len(about & stems(lines[number - 1].text))
        near = [line for line in lines if len(about & stems(line.text)) >= max(shared, 1)]
        if shared:
            near = [] if lines[number - 1].block else [line for line in near if line.block]
        further, other = self._picked(situation, near, asked)
        if other:
            question, number, lines = further, other, near
        line = lines[number - 1]
        day = readable(line.day) if line.day else ""
        text = asked.words(questions.picked(question, number, day, last.speaker))
        if is_astray(text, situation, Aim.ANSWER, lines):
            text = self._retold(situation, [line], asked)
        return (deeds.call("send_message", {"message": text}),)

    def _picked(
        self, situation: Situation, lines: Sequence[Line], asked: _Asked
    ) -> tuple[Question, int]:
        """What was asked, and the number of the line that answers; 0: none does."""
        told = f'{situation.last.speaker} asks: "{situation.last.text}"'
        question = questions.pick([line.text for line in lines], told, self._voice().text)
        return question, asked.number(question, len(lines))

    def _retold(self, situation: Situation, chosen: Sequence[Line], asked: _Asked) -> str:
        """What some lines hold, asked for with nothing but them; else the lines themselves."""
        text = asked.words(retold(self._voice(), situation, chosen), _SURE)
        fine = not is_astray(text, situation, Aim.ANSWER, chosen)
        return text if fine else plainly(Aim.ANSWER, chosen)

    def _voice(self) -> Voice:
        core = self.work.core
        persona = core.shown(PERSONA).value if PERSONA in core else ""
        return Voice(self.work.agent, self.role, persona)

    def _greet(self, situation: Situation, asked: _Asked) -> tuple[FunctionCall, ...]:
        """The opening of a conversation, with what is known of the one who came."""
        own = situation.blocks.get(situation.arrived)
        lines = [line for line in situation.known if own and line.block == own]
        return self._speak(situation, Aim.GREET, lines, asked)

    def _speak(
        self, situation: Situation, aim: Aim, chosen: Sequence[Line], asked: _Asked
    ) -> tuple[FunctionCall, ...]:
        """The call that says it; what was to be said is held against the words."""
        voice = self._voice()
        text = asked.words(speech(voice, situation, aim, chosen))
        if aim is Aim.NOTED:
            chosen = situation.noted
        if aim is Aim.GREET and chosen and is_astray(text, situation, aim, chosen):
            chosen = chosen[-1:]
            text = asked.words(speech(voice, situation, aim, chosen), _SURE)
        said = aim in (Aim.ANSWER, Aim.NOTED) or (aim is Aim.GREET and chosen)
        if said and is_astray(text, situation, aim, chosen):
            again = aim is Aim.ANSWER
            text = self._retold(situation, chosen, asked) if again else plainly(aim, chosen)
        return (deeds.call("send_message", {"message": text}),)


class _Asked:
    """A model that is asked more than once for one completion."""

    def __init__(self, model: ChatModel, rules: ServerRules) -> None:
        self._model, self._rules = model, rules
        self.usage: Usage | None = None
        self.latest = Completion()

    def ask(self, question: Question) -> Mapping[str, Any]:
        """The answer to a question; empty where it is none."""
        form = response_format(self._rules, question.schema)
        value = read_json(self._text(question.messages, {**form, **_SURE}))
        return value if isinstance(value, dict) else {}

    def number_of(self, asking: Callable[..., Question]) -> deeds.Which:
        """Asks which of some lines it is: a number from 1 on, 0 for none."""

        def which(lines: Sequence[str], *about: Any) -> int:
            return self.number(asking(lines, *about), len(lines))

        return which

    def number(self, question: Question, most: int) -> int:
        """The number that answers a question: from 1 to the most there is; 0 for none."""
        number = self.ask(question).get("line") if most else 0
        return number if isinstance(number, int) and 0 < number <= most else 0

    def words(
        self, messages: Sequence[ChatMessage], further: Mapping[str, Any] | None = None
    ) -> str:
        """What it says in plain chat."""
        return self._text(messages, further or {})

    def _text(self, messages: Sequence[ChatMessage], further: Mapping[str, Any]) -> str:
        found = self._model.complete(messages, (), self._rules, further=further, heard=True)
        if found.usage is not None:
            self.usage = found.usage if self.usage is None else self.usage.plus(found.usage)
        self.latest = found
        if found.text == BLOCKED:
            raise _BlockedError
        return found.text
