"""Traces: by what a text is known to come from a speaker, or to be about them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.steps import Step
from memgpt_autogen.storage.journal.words import STOP_WORDS, asked_words
from memgpt_autogen.upkeep.forgetting.distinctive import (
    CAPITAL,
    Part,
    forms,
    identifiers,
    plain_forms,
)

_TELLING_BYTES = 12  # a shorter text, such as "yes please", may be anybody's
_TELLING_WORDS = 3  # or one of fewer words that say something
_NOTE = 6  # characters of a noted line that may be told from others
_BEGINNINGS = (3, 12)  # characters by which quoted texts are found


class Quotations:
    """Finds which of many texts stand in another one, whatever the number of texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts: dict[str, list[str]] = {}  # by how they begin, the short ones by less
        for text in texts:
            beginning = text[: max(size for size in _BEGINNINGS if size <= len(text))]
            self._texts.setdefault(beginning, []).append(text)
        self._sizes = sorted(set(map(len, self._texts)))

    def of(self, flat: str) -> Iterator[str]:
        """Those that a text holds."""
        for size in self._sizes:
            places = range(len(flat) - size + 1)
            if self._texts.keys().isdisjoint({flat[at : at + size] for at in places}):
                continue
            for at in places:
                for one in self._texts.get(flat[at : at + size], ()):
                    if flat.startswith(one, at):
                        yield one


class Traces:
    """Tells texts that name a speaker, quote them, or hold distinctive parts of what they said.

    A name is matched as a whole word whatever its case. A text counts as quoted where it
    stands whole in another one and is long enough to be nobody else's.

    Args:
        speaker: their name.
        texts: what they said.
        parts: the distinctive parts of it.
        notes: lines that were noted of them.

    Attributes:
        originals: the texts that count as quoted where they stand.
        parts: the distinctive parts by their forms.
    """

    def __init__(
        self,
        speaker: str,
        texts: Sequence[str],
        parts: Mapping[str, Part] | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        self._speaker = speaker
        self._name = re.compile(rf"(?<!\w){re.escape(speaker)}(?!\w)", re.IGNORECASE)
        self.parts = parts or {}
        flat = {flat_of(text): text for text in texts if is_telling(text, self.parts)}
        self.originals = list(flat.values())
        self._quotations = Quotations(flat)
        self._notes = Quotations(line for line in map(flat_of, notes) if len(line) >= _NOTE)

    def names(self, text: str) -> bool:
        return self._name.search(text) is not None

    def quotes(self, text: str) -> bool:
        return next(self._quotations.of(flat_of(text)), None) is not None

    def comes(self, text: str) -> bool:
        """Whether a text plainly comes from the speaker: it quotes or holds an identifier."""
        held = identifiers(text) & self.parts.keys() if self.parts else ()
        return any(self.parts[form].identifies for form in held) or self.quotes(text)

    def touch(self, text: str) -> bool:
        """Whether a text names the speaker or plainly comes from them."""
        return self.names(text) or self.comes(text)

    def echo(self, text: str) -> bool:
        """Whether it may come from the speaker: for what can be dropped without a loss."""
        if self.touch(text) or next(self._notes.of(flat_of(text)), None) is not None:
            return True
        return not self.parts.keys().isdisjoint(plain_forms(text))

    def of(self, text: str) -> tuple[str, ...]:
        """All that a text holds of the speaker: their name, texts and distinctive parts."""
        found = [self._speaker] if self.names(text) else []
        found += self._quotations.of(flat_of(text))
        found += sorted({form.lstrip(CAPITAL) for form in self._held(text)})
        return tuple(dict.fromkeys(found))

    def _held(self, text: str) -> set[str]:
        return forms(text) & self.parts.keys() if self.parts else set()


def texts_of(entry: MessageEvent | Notice | Step) -> Iterator[str]:
    """All texts in an entry of the queue, those in the arguments of its calls too."""
    if not isinstance(entry, Step):
        yield entry.text
        return
    yield from (entry.text, entry.reasoning, *entry.sent)
    for call in entry.calls:
        try:
            yield from _strings(json.loads(call.arguments))
        except ValueError:
            yield call.arguments
    for result in entry.results:
        yield result.text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def is_telling(text: str, parts: Mapping[str, Part]) -> bool:
    """Whether a text is long enough, and says enough, to be nobody else's."""
    if len(flat_of(text).encode()) < _TELLING_BYTES:
        return False
    words = {word for word in asked_words(text) if word not in STOP_WORDS}
    return len(words) >= _TELLING_WORDS or not parts.keys().isdisjoint(plain_forms(text))


def flat_of(text: str) -> str:
    """A text as it is compared: one case, every gap one space, lines without quotation marks."""
    lines = (line.lstrip().removeprefix("> ") for line in text.splitlines())
    return " ".join(" ".join(lines).casefold().split())
