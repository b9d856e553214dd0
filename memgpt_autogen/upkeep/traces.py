"""Traces: the texts and files in which something of a speaker's is left."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from memgpt_autogen.steps import Step

_TELLING_BYTES = 12  # a shorter text, such as "yes please", may be anybody's
_CODE = re.compile(r"\d{3}")
_PROBE_BYTES = 400  # a longer text may lie in pieces, on several pages of a file
_CHUNK_BYTES = 1 << 20


class Traces:
    """Tells texts that name a speaker or quote what they said.

    A name is matched as a whole word whatever its case. A text counts as quoted where
    it stands whole in another one and is long enough to be nobody else's; a shorter
    one with a number in it, such as a code, is an echo.
    """

    def __init__(self, speaker: str, texts: Sequence[str]) -> None:
        self._name = _whole_word(speaker)
        flat = {_flat(text): text for text in texts}
        self.originals = [text for short, text in flat.items() if _long(short)]
        self._long = [text for text in flat if _long(text)]
        self._short = [_whole_word(text) for text in flat if not _long(text) and _CODE.search(text)]

    def names(self, text: str) -> bool:
        return self._name.search(text) is not None

    def quotes(self, text: str) -> bool:
        flat = _flat(text)
        return any(one in flat for one in self._long)

    def touch(self, text: str) -> bool:
        """Whether a text names or quotes the speaker."""
        return self.names(text) or self.quotes(text)

    def echo(self, text: str) -> bool:
        """Whether it may come from the speaker: for what can be dropped without a loss."""
        return self.touch(text) or any(one.search(_flat(text)) for one in self._short)


def texts_of(step: Step) -> Iterator[str]:
    """All texts in a step, those in the arguments of its calls too."""
    yield from (step.text, step.reasoning, *step.sent)
    for call in step.calls:
        yield call.arguments
        try:
            yield from _strings(json.loads(call.arguments))
        except ValueError:
            continue  # no JSON: the raw text was looked at
    for result in step.results:
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


def files_with(directory: Path | None, texts: Sequence[str]) -> tuple[str, ...]:
    """The files, relative to the directory, whose bytes hold one of the texts."""
    probes = [probe for text in texts for probe in _probes(text)]
    if not probes or directory is None:
        return ()
    pattern = re.compile(b"|".join(re.escape(probe) for probe in probes))
    return tuple(
        path.relative_to(directory).as_posix()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and _file_holds(path, pattern)
    )


def _probes(text: str) -> set[bytes]:
    """The beginning of a text as files may hold it: plain, or in JSON."""
    forms = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    return {form.encode()[:_PROBE_BYTES] for form in forms}


def _file_holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(_CHUNK_BYTES):
            if pattern.search(tail + chunk):
                return True
            tail = chunk[-_PROBE_BYTES:]
    return False


def _whole_word(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def _long(text: str) -> bool:
    return len(text.encode()) >= _TELLING_BYTES


def _flat(text: str) -> str:
    """A text as it is compared: one case, every gap one space, lines without quotation marks."""
    lines = (line.lstrip().removeprefix("> ") for line in text.splitlines())
    return " ".join(" ".join(lines).casefold().split())
