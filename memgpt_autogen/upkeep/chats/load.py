"""Import: chats that were held elsewhere become messages of an agent's recall storage."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from memgpt_autogen.arguments import When, checked
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock, Message, local_now, moment_of
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.directory import path_of
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.text import clean
from memgpt_autogen.upkeep.chats import autogen_chats, chatgpt
from memgpt_autogen.upkeep.chats.chat import Chat
from memgpt_autogen.values import Brief

_NAMES = "conversations*.json"  # large exports are cut into several
UNREADABLE = "chats that cannot be read"
_ALL = 2**31 - 1


@dataclass(frozen=True, repr=False)
class ImportedChats(Brief):
    """What an import came to.

    Attributes:
        chats: how many there were.
        imported: messages that are new in recall storage.
        known: messages that were there already.
        skipped: why something is no message, and how often: instructions, calls of tools and
            their results, thoughts, what has no text, what was hidden.
    """

    chats: int
    imported: int
    known: int
    skipped: Mapping[str, int] = field(default_factory=dict)


@checked
def import_chats(
    chats: Any,
    into: Any,
    *,
    you: str = "user",
    assistant: str | None = None,
    origin: str | None = None,
    timestamp: When | None = None,
    progress: Progress = lambda done, total: None,
    clock: Clock = local_now,
) -> ImportedChats:
    """Import chats that were held elsewhere into an agent's recall storage.

    Of ChatGPT's data export (the ZIP file, its folder, or conversations.json) each conversation
    is taken as it was seen last, under its title. AutoGen's histories are lists of messages: a
    JSON file of one or of several, or in memory a list, a GroupChat, a ChatResult, an agent's
    `chat_messages`. Importing again adds only what is new, and finishes an import that was
    killed. What is imported is found by searches; it does not enter the queue.

    Args:
        chats: a path, or AutoGen's history in memory.
        into: an agent, or its `recall`.
        you: who said what the chat knows as the user's.
        assistant: who said what has no name and is the model's; default "ChatGPT" for its
            export, "assistant" for AutoGen's.
        origin: where it was said; default the conversation's title, or the file's name. Where
            partners are kept apart, a partner's name lets the agent find it in their chats.
        timestamp: when it was said, where the chat does not tell; default the file's time, or
            now.
        progress: is told the number of messages stored and their total.
        clock: says what is now.

    Raises:
        ConfigurationError: there is no such file, or it holds no chats; `into` has no recall.
        StorageError: the storage cannot be used; what was stored before stays.
    """
    recall = getattr(into, "recall", into)
    if not isinstance(recall, RecallStorage):
        raise ConfigurationError(
            f"into={type(into).__name__}: give an agent with a memory, or its recall."
        )
    usual = None if timestamp is None else moment_of(timestamp)
    found: list[Chat] = []
    for content, name, time in _contents(chats):
        for chat in _chats_of(content, you, assistant, origin, name):
            chat.written = usual or time or clock()
            found.append(chat)
    if not found:
        raise _no_chats(str(chats), f"a folder or a ZIP file without {_NAMES}")
    return _store(found, recall, progress)


def _contents(chats: Any) -> Iterator[tuple[Any, str, datetime | None]]:
    """What was given, a name for it, and when it was written."""
    if not isinstance(chats, str | Path):
        yield chats, "import", None
        return
    path = path_of(chats, "chats")
    try:
        for file in sorted(path.glob(_NAMES)) if path.is_dir() else [path]:
            time = datetime.fromtimestamp(file.stat().st_mtime, timezone.utc)
            for text in _texts(file):
                yield json.loads(text), file.stem, time
    except OSError as problem:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {problem}.") from problem
    except (ValueError, RecursionError, zipfile.BadZipFile) as problem:
        raise _no_chats(path, f"no JSON ({problem})") from problem


def _texts(file: Path) -> Iterator[bytes]:
    """What JSON there is in a file."""
    if not zipfile.is_zipfile(file):
        yield file.read_bytes()
        return
    with zipfile.ZipFile(file) as opened:
        names = sorted(opened.namelist())
        yield from (opened.read(one) for one in names if fnmatch(Path(one).name, _NAMES))


def _chats_of(
    content: Any, you: str, assistant: str | None, origin: str | None, name: str
) -> list[Chat]:
    """The chats in what was given."""
    several = content if isinstance(content, list) else [content]
    if any(map(chatgpt.is_conversation, several)):
        return [_conversation(one, you, assistant or "ChatGPT", origin) for one in several]
    lists = list(autogen_chats.lists_in(content, name))
    if not lists:
        raise _no_chats(name, "neither ChatGPT's conversations nor AutoGen's messages")
    about = (you, assistant or "assistant")
    return [autogen_chats.chat_of(messages, origin or one, *about) for one, messages in lists]


def _conversation(one: Any, you: str, assistant: str, origin: str | None) -> Chat:
    try:
        return chatgpt.chat_of(one, you, assistant, origin)
    except (KeyError, TypeError, AttributeError, ValueError):
        return Chat("", skipped=Counter([UNREADABLE]))


def _store(chats: Sequence[Chat], recall: RecallStorage, progress: Progress) -> ImportedChats:
    recall.records.table.index_origins()
    origins = recall.records.origins()
    total = sum(len(chat.said) for chat in chats)
    imported, known = 0, 0
    for chat in chats:
        same = [one for one in origins if chat.mark and one.endswith(clean(chat.mark))]
        fresh = _unknown(chat, recall, same or [clean(chat.origin)])
        known += len(chat.said) - len(fresh)
        if fresh:
            recall.write(fresh, partial(_tell, progress, imported + known, total))
            imported += len(fresh)
        progress(imported + known, total)
    skipped: Counter[str] = sum((chat.skipped for chat in chats), Counter())
    return ImportedChats(len(chats), imported, known, dict(sorted(skipped.items())))


def _tell(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)


def _unknown(chat: Chat, recall: RecallStorage, origins: Sequence[str]) -> list[Message]:
    """The messages of a chat that are not there, each as often as it was said more."""
    where = Where(origins=tuple(origins))
    there = recall.records.table.page(where, limit=_ALL, newest_first=False)
    count = Counter((record.speaker, record.text) for record in there)
    fresh = []
    for speaker, text, time in chat.said:
        key = (clean(speaker), clean(text))
        if count[key]:
            count[key] -= 1
            continue
        fresh.append(
            Message(speaker=speaker, text=text, origin=origins[0], timestamp=time or chat.written)
        )
    return fresh


def _no_chats(what: str | Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{str(what)!r} holds no chats: it is {why}. Give ChatGPT's data export (the ZIP file or"
        " its conversations.json), or a JSON list of AutoGen's messages, each with content and"
        " role or name."
    )
