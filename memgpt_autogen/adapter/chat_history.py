"""What an agent has heard of each AutoGen chat, and what of it is new."""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from memgpt_autogen.adapter.digests import (
    OWN,
    AutoGenMessages,
    Chat,
    Partner,
    hidden_results,
    name_of,
    news_in,
    partner_key,
)
from memgpt_autogen.adapter.reply_hook import Request
from memgpt_autogen.adapter.translator import Template, Translator
from memgpt_autogen.engine.asking.progress import TurnRequest
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.errors import StorageError
from memgpt_autogen.events import Clock, Event, MessageEvent, SystemAlert
from memgpt_autogen.memory.partners import digest_of
from memgpt_autogen.steps import Turn, TurnEnd

if TYPE_CHECKING:
    from autogen import ConversableAgent

logger = logging.getLogger(__name__)

YOUR_TURN = "it is your turn to speak; nobody has said anything new."
WAITS = "{!r} waits for your answer to what they said last."


class ChatHistory:
    """Takes an agent's chats in, with a turn that answers them or without one.

    What a turn said is remembered as said. Where its reply was cancelled nobody heard
    it, so it belongs to the next reply of that chat.

    Args:
        agent: whose chats they are.
        translator: turns messages into events.
        clock: tells when they were heard.
        listen_to: the speakers whose messages are taken in; None: all.
        apart: whether partners are kept apart.
    """

    def __init__(
        self,
        agent: ConversableAgent,
        translator: Translator,
        clock: Clock,
        listen_to: Collection[str] | None = None,
        *,
        apart: bool = False,
    ) -> None:
        self._agent = agent
        self._name = str(agent.name)
        self._translator = translator
        self._clock = clock
        self._listen_to = None if listen_to is None else frozenset(listen_to)
        self._apart = apart
        self._saved: MutableMapping[str, list[str]] = {}
        # By object in this process: two chats may have partners of one name.
        self._chats: weakref.WeakKeyDictionary[Partner, Chat] = weakref.WeakKeyDictionary()
        self._seen = weakref.WeakKeyDictionary[Partner, tuple[int, Any]]()
        self._alone = Chat()  # of messages without a partner
        self.waiting: deque[tuple[Partner, AutoGenMessages]] = deque()  # to be taken in
        self._coming: list[Partner | None] = []
        self._others: dict[Partner, AutoGenMessages] = {}  # as they stood when a reply began

    def turn(
        self,
        request: Request,
        engine: Engine,
        asking: Callable[..., TurnRequest],
        stop: Stop | None = None,
        template: Template | None = None,
    ) -> Turn:
        """A turn about what is new in a chat, and what of it nobody has heard.

        `asking` makes of events what is asked of the engine.
        """
        self._saved = engine.queue.state.chats
        chat = self._chat(request.sender, request.messages)
        answered = partial(self._answered, chat)
        before = list(chat.heard)
        unheard = chat.unheard()
        again = chat.answered and unheard is not None and unheard.end is not TurnEnd.STOPPED
        if again:
            chat.heard.pop()
        events, ignored = self._asked(chat, request, template or Template())
        with self._in_chat(chat, before, engine):
            if unheard is not None and again and not events and not ignored:
                turn = unheard
                answered()
                engine.queue.save()
            else:
                turn = engine.turn(asking(events, answered=answered, partner=chat.key))
                if unheard is not None:
                    said = (*unheard.messages, *turn.messages)
                    turn = turn.model_copy(update={"messages": said})
        chat.last = None if stop is None else (turn, stop)
        return turn

    def speak_up(
        self,
        partner: Partner,
        engine: Engine,
        asking: Callable[..., TurnRequest],
        events: Collection[Event],
    ) -> Turn:
        """A turn about other events, whose reply is to be sent into a chat; that is taken in."""
        self._saved = engine.queue.state.chats
        chat = self._chat(partner, self._agent.chat_messages[partner])
        answered = partial(self._answered, chat)
        with self._in_chat(chat, list(chat.heard), engine):
            return engine.turn(asking(events, answered=answered, partner=chat.key))

    def _answered(self, chat: Chat) -> None:
        chat.heard.append(OWN)
        self._save(chat)

    def _asked(self, chat: Chat, request: Request, template: Template) -> tuple[list[Event], int]:
        """What a turn is about: what is new, or that it is the agent's turn; and what not."""
        answered, messages = chat.answered, request.messages
        events, ignored = self._new_in(chat, request.sender, messages, request.unaltered, template)
        own = [isinstance(e, MessageEvent) and e.own and not (e.results and e.text) for e in events]
        nothing_heard = all(own)  # but for results of tools that the chat let it run
        if nothing_heard and (events or ignored or answered or not messages):
            events.append(SystemAlert(YOUR_TURN, self._clock()))
        elif nothing_heard and chat.taken_in_early:
            events.append(SystemAlert(WAITS.format(name_of(request.sender)), self._clock()))
        chat.taken_in_early = False
        return events, ignored

    @contextmanager
    def coming(self, partner: Partner | None) -> Iterator[None]:
        """Inside the `with` block a turn in this chat is to come, or runs: it takes its chat in."""
        self._coming.append(partner)
        try:
            yield
        finally:
            self._coming.remove(partner)

    def keep(self, partner: Partner | None = None) -> None:
        """Keep what stands in a chat, or in all, to be taken in later."""
        chats = self._agent.chat_messages
        partners = list(chats) if partner is None else [partner]
        self.waiting.extend((one, list(chats[one])) for one in partners if chats.get(one))

    def look_around(self, own: AutoGenMessages | None = None) -> None:
        """Note what was said in other chats than this one, when a reply is asked for.

        What comes into them later belongs to making the reply: AutoGen's Teachability asks an
        analyzer in a chat of the agent's.
        """
        for partner, messages in list(self._agent.chat_messages.items()):
            seen = self._seen.get(partner)
            is_known = seen and seen[0] == len(messages) and seen[1] is messages[-1]
            if messages and messages is not own and not is_known:
                self._others[partner] = list(messages)

    def take_in_others(self, engine: Engine) -> None:
        """Take in what was noted of all chats but those of which a turn is to come."""
        self.take_in_kept(engine)
        others, self._others = self._others, {}
        for partner in [one for one in others if one not in self._coming]:
            try:
                self._take_in(partner, others[partner], engine)
            except StorageError:
                raise
            except Exception:  # a translator or a hook of the user's: a matter of that chat's turn
                logger.exception("the chat with %s could not be taken in", name_of(partner))
        for partner, messages in list(self._agent.chat_messages.items()):
            if messages and partner not in self._coming:
                self._seen[partner] = (len(messages), messages[-1])

    def take_in_kept(self, engine: Engine) -> None:
        """Take in what was kept, without a turn."""
        while self.waiting:
            self._take_in(*self.waiting[0], engine)
            self.waiting.popleft()  # only now: what fails comes again

    def _take_in(self, partner: Partner, messages: AutoGenMessages, engine: Engine) -> None:
        if self._chats.get(partner, Chat()).has(messages):  # a turn of it came in between
            return
        engine.own()
        self._saved = engine.queue.state.chats
        chat = self._chat(partner, messages)
        hooks = self._agent.process_all_messages_before_reply
        # Without the reply hook's note, which is for a reply.
        altered = getattr(hooks, "__wrapped__", hooks)(messages)
        before = list(chat.heard)
        events, _ = self._new_in(chat, partner, altered, messages, Template())
        if events or chat.heard != before:
            with self._in_chat(chat, before, engine):
                engine.queue.take_in(events)
        chat.taken_in_early |= bool(events)

    def take_in(self, engine: Engine, partner: Partner | None = None) -> None:
        """Take in what was said, in one chat or in all, without a turn."""
        self.keep(partner)
        self.take_in_kept(engine)

    def forget_turns(self) -> None:
        """Say nothing again: it may have been erased."""
        for chat in (self._alone, *self._chats.values()):
            chat.last = None

    def _new_in(
        self,
        chat: Chat,
        partner: Partner | None,
        messages: AutoGenMessages,
        unaltered: AutoGenMessages | None,
        template: Template,
    ) -> tuple[list[Event], int]:
        """The new messages of a chat as events, and how many more were not listened to.

        From now on they count as heard. `unaltered` is the chat before message
        transforms, where there were any.
        """
        sender = name_of(partner)
        whole = messages if unaltered is None else unaltered
        marks, start, speakers = news_in(
            messages,
            unaltered,
            heard=chat.heard,
            own_name=self._name,
            sender=sender,
            known=chat.known,
        )
        if partner is not None:
            chat.is_group |= hasattr(partner, "groupchat")
            chat.look_for_group(self._name, sender, speakers.values())
        now = self._clock()
        events: list[Event] = [
            self._translator.to_event(
                template.filled(messages[at]), speaker=who, own=who == self._name, timestamp=now
            ).model_copy(update={"group": chat.is_group, "origin": chat.key})
            for at, who in speakers.items()
            if self._listens_to(who, messages[at])
        ]
        ignored = len(speakers) - len(events)
        if results := hidden_results(whole[start:], [messages[at] for at in speakers]):
            events.append(  # own: nobody said anything by it
                MessageEvent(timestamp=now, speaker=self._name, text="", own=True, results=results)
            )
        # Only now: a translator may fail, and the messages come again.
        chat.take_in(marks, start)
        chat.known = [] if partner is None else list(zip(whole, marks, strict=True))
        self._save(chat)
        return events, ignored

    @contextmanager
    def _in_chat(self, chat: Chat, before: list[str], engine: Engine) -> Iterator[None]:
        """What cannot be written counts as unheard again, as `before`, and comes again."""
        heard, is_taken_in = list(chat.heard), False
        try:
            with engine.queue.partners.of(chat.key):
                entries = list(engine.queue.context.entries)
                try:
                    yield
                finally:
                    is_taken_in = engine.queue.context.entries != entries
        except StorageError:
            chat.heard = heard if is_taken_in else before  # only the answer is not written
            chat.known = []
            self._save(chat)
            raise

    def _listens_to(self, speaker: str, message: Mapping[str, Any]) -> bool:
        """Whether a message is taken in; own ones and results of tools always are."""
        if self._listen_to is None or speaker == self._name or speaker in self._listen_to:
            return True
        return bool(message.get("tool_responses"))

    def _chat(self, partner: Partner | None, messages: AutoGenMessages) -> Chat:
        key = partner_key(partner, messages, self._name) if self._apart else name_of(partner)
        chat = self._alone if partner is None else self._chats.setdefault(partner, Chat())
        if partner is None or not chat.key:
            chat.heard = list(self._saved.get(self._saved_as(key), ()))
        chat.key = key
        return chat

    def _save(self, chat: Chat) -> None:
        self._saved[self._saved_as(chat.key)] = list(chat.heard)

    def _saved_as(self, key: str) -> str:
        digest = digest_of(key)  # of a partner who was forgotten
        return digest if digest in self._saved else key
