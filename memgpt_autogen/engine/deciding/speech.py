"""Speech: what a small model is asked when it is to speak, in plain chat and without functions.

The shape matters more than the words: what is known stands in the user's message, before the
quoted words, and the task at its very end. In the system text the same facts are taken for the
model's own ("I lead the data team").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from memgpt_autogen import frames
from memgpt_autogen.engine.deciding.situation import Line, Said, Situation

ChatMessage = dict[str, Any]

_BEFORE = 300  # characters of what somebody said before
_OWN_BEFORE = 1500  # of what the agent said, which may be code to go on with
_WORD = re.compile(r"\w+")
_OWN_VOICE = re.compile(r"\b(?:I|I'm|I've|[Mm]y|[Mm]ine|we|our)\b")
_THEIR_VOICE = re.compile(r"\byou(?:r|rs|'re|'ve)?\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_STEM = 5  # letters by which two forms of a word are told to be one


class Aim(Enum):
    """What the words are for."""

    ANSWER = "say what the chosen lines hold"
    NOTED = "acknowledge what was told"
    UNKNOWN = "say that nothing is known of it"
    TALK = "anything else"


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

    def system(self, speaker: str) -> ChatMessage:
        """The system message of a speech to somebody."""
        you = f'You are talking with {speaker}. Call {speaker} "you".' if speaker else ""
        lines = [f"You are {self.name}.", self.role.strip(), self.persona.strip(), you]
        lines.append(
            "Answer in one or two short sentences, unless code or a long text is asked for."
        )
        return {"role": "system", "content": "\n".join(filter(None, lines))}


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
    last = situation.last
    name = last.speaker or "them"
    parts = [*_facts(situation, aim, chosen), *_earlier(situation.before)]
    parts += [_quoted(one, "says") for one in situation.heard[:-1]]
    parts += [_quoted(last, "says"), _task(aim, name)]
    text = "\n".join(parts)
    content: Any = text
    if situation.pictures:
        content = [{"type": "text", "text": text}, *situation.pictures]
    return [voice.system(last.speaker), {"role": "user", "content": content}]


def retold(voice: Voice, situation: Situation, chosen: Sequence[Line]) -> list[ChatMessage]:
    """The same, asked in another way: for a model that said something else."""
    name = situation.last.speaker or "them"
    facts = "\n".join(f"- {line.text}" for line in chosen)
    text = f'{facts}\nTell {name} this in one sentence. Say "you" for {name}:'
    return [voice.system(situation.last.speaker), {"role": "user", "content": text}]


def plainly(chosen: Sequence[Line]) -> str:
    """The lines themselves, where a model cannot say them."""
    return "This is what I know: " + " ".join(line.text for line in chosen)


def is_astray(words: str, situation: Situation, chosen: Sequence[Line]) -> bool:
    """Whether words that were to say what lines hold say something else.

    They hold none of the words that the lines add to the question, or claim for the agent
    itself what the lines say of others.
    """
    asked = _stems(situation.last.text) | _stems(situation.last.speaker)
    added = {stem for line in chosen for stem in _stems(line.text)} - asked
    if added and not added & _stems(words):
        return True
    return any(
        added & _stems(sentence)
        for sentence in _SENTENCE.split(words)
        if _OWN_VOICE.search(sentence) and not _THEIR_VOICE.search(sentence)
    )


def _facts(situation: Situation, aim: Aim, chosen: Sequence[Line]) -> list[str]:
    """What is known, by whom it is about; of an answer what was chosen, and all on the speaker."""
    if aim is Aim.UNKNOWN:
        return []
    own = situation.blocks.get(situation.last.speaker)
    about = [line.text for line in situation.known if line.block == own]
    others = [line.text for line in chosen if line.block != own]
    name = situation.last.speaker
    found = [f"Known facts about {name}:", *(f"- {text}" for text in about)] if about else []
    if others:
        found += ["Found in memory:", *(f"- {text}" for text in others)]
    return found


def _earlier(before: Sequence[Said]) -> list[str]:
    return [_quoted(one, "said") for one in before]


def _quoted(said: Said, verb: str) -> str:
    if not said.speaker:
        return f'You said: "{frames.clip(said.text, _OWN_BEFORE)}"' if verb == "said" else said.text
    text = frames.clip(said.text, _BEFORE) if verb == "said" else said.text
    return f'{said.speaker} {verb}: "{text}"'


def _task(aim: Aim, name: str) -> str:
    if aim is Aim.ANSWER:
        return f"Your answer to {name}, using the facts:"
    if aim is Aim.NOTED:
        return f"You have stored this. Your short answer to {name}:"
    if aim is Aim.UNKNOWN:
        return (
            "You looked through your notes and all earlier messages and found nothing about it."
            f" Tell {name} in one sentence that you do not know:"
        )
    return f"Your answer to {name}:"


def _stems(text: str) -> set[str]:
    return {
        word.casefold()[:_STEM]
        for word in _WORD.findall(text)
        if len(word) > 2 or any(char.isdigit() for char in word)
    }
