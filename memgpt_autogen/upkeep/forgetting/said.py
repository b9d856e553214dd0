"""Said: what one speaker said, and what of it is distinctive and theirs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from memgpt_autogen.events import Message
from memgpt_autogen.upkeep.forgetting.distinctive import CAPITAL, Part, distinctive, plain_forms
from memgpt_autogen.upkeep.forgetting.traces import Quotations, flat_of, is_telling

_ANSWERS = 5  # messages, from one of the speaker's on, that may repeat it


@dataclass
class Said:
    """What one speaker said, and what of it is theirs: texts, and distinctive parts by form.

    `take` is to be given the speaker's messages, then `compare` everybody's in their order,
    and `compare_text` what else there is, such as names of others: what was there before is
    not the speaker's.

    Attributes:
        repeated: messages of others that hold a text or an identifier of the speaker, if it
            still counts as theirs once all is compared.
    """

    speaker: str
    is_common: Callable[[str], bool]
    parts: dict[str, Part] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # as written, by how they are compared
    messages: list[Message] = field(default_factory=list)
    repeated: list[Message] = field(default_factory=list)
    _first: dict[str, Message] = field(default_factory=dict)
    _plain: dict[str, set[str]] = field(default_factory=dict)
    _by_message: dict[str, Collection[str]] = field(default_factory=dict)

    def take(self, messages: Iterable[Message]) -> None:
        """Learn what the speaker said."""
        for message in messages:
            self.messages.append(message)
            found = distinctive(message.text, self.is_common)
            for form, part in found.items():
                if form not in self.parts or part.identifies > self.parts[form].identifies:
                    self.parts[form] = part
                self._first.setdefault(form, message)
                self._plain.setdefault(form.lstrip(CAPITAL), set()).add(form)
            self._by_message[message.id] = found.keys()
            flat = flat_of(message.text)
            if flat not in self.texts and is_telling(message.text, found):
                self.texts[flat] = message.text
                self._first.setdefault(f"\n{flat}", message)

    def compare(self, messages: Iterable[Message], agent: str) -> None:
        """Drop what others said before, and of what may be anybody's what others say as well.

        But for the agent, and those who answered right away: they may have it from the speaker.
        """
        quotations = Quotations(self.texts)
        just_said: deque[Collection[str]] = deque(maxlen=_ANSWERS)
        for message in messages:
            just_said.append(self._by_message.get(message.id, ()))
            if message.speaker == self.speaker:
                continue
            held, quoted = self._held(message.text), list(quotations.of(flat_of(message.text)))
            if quoted or any(self.parts[form].identifies for form in held):
                self.repeated.append(message)
            for form in held:
                derived = message.speaker == agent or any(form in one for one in just_said)
                is_earlier = message.id < self._first[form].id
                if is_earlier or not (derived or self.parts[form].identifies):
                    self._drop(form)
            for flat in quoted:
                if message.id < self._first[f"\n{flat}"].id:
                    self.texts.pop(flat, None)

    def compare_text(self, text: str, since: datetime | None = None) -> None:
        """Drop what a text held before it was said, or always without a time."""
        for form in self._held(text):
            if since is None or since < self._first[form].timestamp:
                self._drop(form)

    def _held(self, text: str) -> list[str]:
        return [form for one in plain_forms(text) & self._plain.keys() for form in self._plain[one]]

    def _drop(self, form: str) -> None:
        del self.parts[form]
        plain = form.lstrip(CAPITAL)
        self._plain[plain].discard(form)
