"""What an agent has heard so far of each AutoGen chat, and what of it is new."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple, Protocol

from memgpt_autogen.adapter.cursor import OWN, Cursor, digest, first_new, kept_by_transform
from memgpt_autogen.adapter.translator import Template, Translator, speaker_of
from memgpt_autogen.events import Clock, Event, MessageEvent

AutoGenMessages = Sequence[Mapping[str, Any]]

# Ends a call whose result a transform took out of the chat, as AutoGen does with handoffs.
HIDDEN_RESULT = "(done)"


class Partner(Protocol):
    """Whose chat it is: the AutoGen agent that sends the messages."""

    @property
    def name(self) -> str:
        """Its name, by which a chat is found again after a restart."""
        ...


class Heard(NamedTuple):
    """What is new in a chat.

    Attributes:
        ignored: how many new messages were of speakers that the agent does not listen to.
    """

    events: list[Event]
    ignored: int


class Conversations:
    """The chats of one agent, each with its cursor.

    Args:
        own_name: the agent's name.
        translator: turns messages into events.
        clock: tells when they were heard.
        saved: the cursors by the partner's name, as the state record keeps them;
            changed in place.
        listen_to: the speakers whose messages are taken in; None: all.
    """

    def __init__(
        self,
        own_name: str,
        translator: Translator,
        clock: Clock,
        saved: MutableMapping[str, list[str]],
        listen_to: Collection[str] | None = None,
    ) -> None:
        self._own_name = own_name
        self._translator = translator
        self._clock = clock
        self._saved = saved
        self._listen_to = None if listen_to is None else frozenset(listen_to)
        self._groups: weakref.WeakSet[Partner] = weakref.WeakSet()
        self._cursors: weakref.WeakKeyDictionary[Partner, Cursor] = weakref.WeakKeyDictionary()
        # AutoGen passes the whole chat at every turn, in the same message objects.
        self._known: weakref.WeakKeyDictionary[Partner, list[tuple[Mapping[str, Any], str]]]
        self._known = weakref.WeakKeyDictionary()

    def go_on_in(self, saved: MutableMapping[str, list[str]]) -> None:
        """Keep the cursors in another record from now on."""
        self._saved = saved

    def answered(self, partner: Partner | None) -> bool:
        """Whether the latest turn in this chat ended with a reply."""
        return self._cursor(partner).answered

    def take(
        self,
        partner: Partner | None,
        messages: AutoGenMessages,
        unaltered: AutoGenMessages | None = None,
        template: Template | None = None,
    ) -> Heard:
        """The new messages of a chat as events; from now on they are known.

        Args:
            partner: whose chat it is; None for messages without one.
            messages: the chat as message transforms left it.
            unaltered: the chat before the transforms, where there were any.
            template: fills in what the messages leave open.
        """
        template = template or Template()
        whole = messages if unaltered is None else unaltered
        before = self._marks(whole, partner)
        marks = before if messages is whole else self._fresh_marks(messages, partner)
        cursor = self._cursor(partner)
        start = first_new(cursor.taken, before)
        now = self._clock()
        fresh = kept_by_transform(before, start, marks)
        speakers = {index: self._speaker(messages[index], partner) for index in fresh}
        group = self._is_group(partner, speakers.values())
        heard = [
            index
            for index in fresh
            if marks[index] == OWN or self._wanted(messages[index], partner)
        ]
        events: list[Event] = [
            self._translator.to_event(
                template.filled(messages[index]),
                speaker=speakers[index],
                own=marks[index] == OWN,
                timestamp=now,
            ).model_copy(update={"group": group and speakers[index] != _name(partner)})
            for index in heard
        ]
        hidden = _answered(whole[start:]) - _answered([messages[index] for index in fresh])
        if hidden:
            results = tuple((call_id, HIDDEN_RESULT) for call_id in sorted(hidden))
            events.append(  # own: nobody said anything by it
                MessageEvent(
                    timestamp=now, speaker=self._own_name, text="", own=True, results=results
                )
            )
        cursor.advance(before)  # only now: a translator may fail, and the messages come again
        self._save(partner, cursor)
        return Heard(events, ignored=len(speakers) - len(heard))

    def _is_group(self, partner: Partner | None, speakers: Iterable[str]) -> bool:
        """Whether the partner speaks for others, as a group chat's manager does."""
        if partner is None:
            return False
        if partner not in self._groups and not {self._own_name, _name(partner)}.issuperset(
            speakers
        ):
            self._groups.add(partner)
        return partner in self._groups

    def _wanted(self, message: Mapping[str, Any], partner: Partner | None) -> bool:
        """Whether a message is listened to; results of tools always are."""
        return (
            self._listen_to is None
            or bool(message.get("tool_responses"))
            or self._speaker(message, partner) in self._listen_to
        )

    def replied(self, partner: Partner | None) -> None:
        """The agent's reply follows what was taken."""
        cursor = self._cursor(partner)
        cursor.replied()
        self._save(partner, cursor)

    def unanswered(self, partner: Partner | None) -> None:
        """The latest reply never got there."""
        cursor = self._cursor(partner)
        cursor.not_replied()
        self._save(partner, cursor)

    def _speaker(self, message: Mapping[str, Any], partner: Partner | None) -> str:
        return speaker_of(message, own_name=self._own_name, sender=_name(partner) or None)

    def _marks(self, messages: AutoGenMessages, partner: Partner | None) -> list[str]:
        """The digests of a chat; those of the last time are kept for the same messages."""
        if partner is None:
            return self._fresh_marks(messages, partner)
        known = self._known.get(partner, [])
        same = 0
        for message, (old, _) in zip(messages, known, strict=False):
            if message is not old:
                break
            same += 1
        marks = [mark for _, mark in known[:same]]
        marks += self._fresh_marks(messages[same:], partner)
        self._known[partner] = list(zip(messages, marks, strict=True))
        return marks

    def _fresh_marks(self, messages: AutoGenMessages, partner: Partner | None) -> list[str]:
        speakers = [self._speaker(message, partner) for message in messages]
        return [
            digest(message, own=speaker == self._own_name, speaker=speaker)
            for message, speaker in zip(messages, speakers, strict=True)
        ]

    def _cursor(self, partner: Partner | None) -> Cursor:
        """By object in this process: two chats may have partners of one name."""
        if partner is None:
            return Cursor(self._saved.get(_name(None), ()))
        if partner not in self._cursors:
            self._cursors[partner] = Cursor(self._saved.get(_name(partner), ()))
        return self._cursors[partner]

    def _save(self, partner: Partner | None, cursor: Cursor) -> None:
        self._saved[_name(partner)] = list(cursor.taken)


def _name(partner: Partner | None) -> str:
    return "" if partner is None else str(partner.name)


def _answered(messages: AutoGenMessages) -> set[str]:
    """The ids of the calls whose results these messages bring."""
    results = (result for message in messages for result in message.get("tool_responses") or ())
    return {str(result.get("tool_call_id")) for result in results}
