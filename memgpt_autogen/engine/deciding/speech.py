"""Speech: what a small model is asked when it is to speak, in plain chat and without functions.

The shape matters more than the words: what is known stands in the user's message, before the
quoted words. In the system text the same facts are taken for the model's own ("I lead the data
team"). Two examples, as turns of a chat, make it speak to whom it speaks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from memgpt_autogen import frames
from memgpt_autogen.engine.deciding.lines import Line
from memgpt_autogen.engine.deciding.questions import examples
from memgpt_autogen.engine.deciding.situation import Said, Situation
from memgpt_autogen.engine.showing.stems import stems
from memgpt_autogen.storage.record import MONTHS

ChatMessage = dict[str, Any]

_MANNER = (
    'Call whoever speaks to you "you". Answer in one or two short sentences, unless code or a long'
    " text is asked for."
)
_BEFORE = 300  # characters of what somebody said before
_OWN_BEFORE = 1500  # of what the agent said, which may be code to go on with
_OWN_VOICE = re.compile(r"\b(?:I|I'm|I've|[Mm]y|[Mm]ine|[Ww]e|[Oo]ur)\b")
_THEIR_VOICE = re.compile(r"\byou(?:r|rs|'re|'ve)?\b", re.IGNORECASE)
_NAMES = re.compile(r"(?<=[\w,;:] )[A-Z]\w{2,}|\d+")
_DATE = re.compile(r"\b\d{4}-(\d\d)-\d\d\b")
_YES_OR_NO = re.compile(r"(?:yes|no)\b", re.IGNORECASE)
_PROMISE = re.compile(r"\bI(?: will|'ll| have|'ve) (?:remember(?:ed)?|noted?|stored?)\b")
_DENIES = re.compile(r"\b(?:not|never|no longer)\b|n't\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


class Aim(Enum):
    """What the words are for: what lines hold, that it was stored, is not known; a greeting."""

    ANSWER = "answer"
    NOTED = "acknowledge"
    UNKNOWN = "unknown"
    TALK = "talk"
    GREET = "greet"


@dataclass(frozen=True)
class Voice:
    """Who speaks.

    Attributes:
        name: the agent's.
        role: AutoGen's system message.
        persona: the text of the block on itself.
    """

    name: str
    role: str
    persona: str

    def system(self) -> ChatMessage:
        """The system message, the same for all so that the prompt cache holds it."""
        return {"role": "system", "content": self.text}

    @property
    def text(self) -> str:
        """Name, role, persona and manner."""
        lines = [f"You are {self.name}.", self.role.strip(), self.persona.strip(), _MANNER]
        return "\n".join(filter(None, lines))


def speech(
    voice: Voice, situation: Situation, aim: Aim, chosen: Sequence[Line]
) -> list[ChatMessage]:
    """The messages that let a model speak.

    Args:
        voice: who speaks.
        situation: what it is about.
        aim: what for.
        chosen: the lines that hold the answer.
    """
    parts = [*_facts(situation, aim, chosen), *_earlier(situation, aim)]
    text = "\n".join([*parts, _occasion(situation, aim)])
    messages = [voice.system(), *examples(aim.value, text)]
    if situation.pictures:
        messages[-1]["content"] = [{"type": "text", "text": text}, *situation.pictures]
    return messages


def retold(voice: Voice, situation: Situation, chosen: Sequence[Line]) -> list[ChatMessage]:
    """The same with nothing but the chosen lines, for a model that said something else."""
    facts = ["Found in memory:", *(f"- {line.told}" for line in chosen)]
    text = "\n".join([*facts, _quoted(situation.last, "says")])
    return [voice.system(), *examples(Aim.ANSWER.value, text)]


def plainly(aim: Aim, chosen: Sequence[Line]) -> str:
    """The lines themselves, where a model cannot say them."""
    if aim is Aim.GREET:
        return " ".join(["Hello again! I remember:", *(line.told for line in chosen)])
    head = "Noted:" if aim is Aim.NOTED else "From memory:"
    return " ".join([head, *(line.told for line in chosen)]) if chosen else "Noted."


def is_astray(text: str, situation: Situation, aim: Aim, chosen: Sequence[Line]) -> bool:
    """Whether words that were to say what lines hold say something else.

    They hold none of the words that the lines add to the question, unless they say yes or no; or
    a name or a number that nobody said; or claim for the agent itself what the lines say of others;
    or address somebody else; or deny what was stored.
    """
    last = situation.last
    lines = [line.told for line in (*chosen, *situation.known)]
    known = " ".join([*lines, last.speaker, last.text])
    months = [MONTHS[int(month) - 1] for month in _DATE.findall(known) if 0 < int(month) <= 12]
    known = " ".join([known, *months]).casefold()
    if any(name.casefold() not in known for name in _NAMES.findall(text)):
        return True
    others = {one.speaker for one in (*situation.before, *situation.heard)} - {"", last.speaker}
    if _THEIR_VOICE.search(text) and any(_addressed(text, name) for name in others):
        return True
    facts = {stem for line in chosen for stem in stems(line.told)}
    facts -= stems(last.speaker)
    if aim is Aim.NOTED:
        text = _PROMISE.sub(" ", text)
        if _DENIES.search(text) and not any(_DENIES.search(line.told) for line in chosen):
            return True
    else:
        added = facts - stems(last.text)
        if added and not added & stems(text) and not _YES_OR_NO.match(text):
            return True
    return any(
        facts & stems(sentence)
        for sentence in _SENTENCE.split(text)
        if _OWN_VOICE.search(sentence) and not _THEIR_VOICE.search(sentence)
    )


def _addressed(text: str, name: str) -> bool:
    """Whether words are said to somebody by name, at their beginning or end."""
    return re.search(rf"^{re.escape(name)},|, {re.escape(name)}[.!?]*$", text) is not None


def _facts(situation: Situation, aim: Aim, chosen: Sequence[Line]) -> list[str]:
    """What is known of the speaker; of an answer from elsewhere that alone."""
    if aim in (Aim.UNKNOWN, Aim.NOTED):
        return []
    name = situation.last.speaker
    if aim is Aim.GREET:
        own_lines = [f"- {line.text}" for line in chosen]
        return [f"Known facts about {name}:", *own_lines] if own_lines else []
    own = situation.blocks.get(name)
    about = [line.text for line in situation.known if own and line.block == own]
    others = [line.text for line in chosen if line.text not in about]
    if others:  # what else is known would only distract from it
        return ["Found in memory:", *(f"- {text}" for text in others)]
    return [f"Known facts about {name}:", *(f"- {text}" for text in about)] if about else []


def _occasion(situation: Situation, aim: Aim) -> str:
    """What the words are an answer to."""
    if aim is not Aim.GREET:
        return _quoted(situation.last, "says")
    happened = situation.last.text.removeprefix("(login) ")
    return f"{happened} Greet {situation.arrived} first."


def _earlier(situation: Situation, aim: Aim) -> list[str]:
    """What was said before, for small talk and tasks that go on."""
    if aim is not Aim.TALK:
        return []
    return [_quoted(one, "said") for one in situation.before]


def _quoted(said: Said, verb: str) -> str:
    if not said.speaker:
        return f'You said: "{frames.clip(said.text, _OWN_BEFORE)}"' if verb == "said" else said.text
    text = frames.clip(said.text, _BEFORE) if verb == "said" else said.text
    return f'{said.speaker} {verb}: "{text}"'
