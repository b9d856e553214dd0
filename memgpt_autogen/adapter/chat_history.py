"""What an agent has heard of each AutoGen chat, and what of it is new."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from memgpt_autogen.adapter.digests import OWN, AutoGenMessages, news_in
from memgpt_autogen.adapter.reply_hook import Request
from memgpt_autogen.adapter.translator import Translator
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.loop import TurnRequest
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.errors import StorageError
from memgpt_autogen.events import Clock, Event, MessageEvent, SystemAlert
from memgpt_autogen.steps import Turn, TurnEnd

if TYPE_CHECKING:
    from autogen import ConversableAgent

REMEMBERED = 200

# Ends a call whose result a transform took out of the chat, as AutoGen does with handoffs.
HIDDEN_RESULT = "(done)"
YOUR_TURN = "it is your turn to speak; nobody has said anything new."


class Partner(Protocol):
    """Whose chat it is: the AutoGen agent that sends the messages."""

    @property
    def name(self) -> str:
        """Its name, by which a chat is found again after a restart."""
        ...


@dataclass(frozen=True)
class Template:
    """Fills in what AutoGen lets messages leave open: texts by functions of a context.

    Attributes:
        context: of the last message in the chat; None: each message has its own, if any.
        format_texts: texts are filled by `str.format` too (`allow_format_str_template`).
    """

    context: Mapping[str, Any] | None = None
    format_texts: bool = False

    def filled(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """The message with its content filled in."""
        content = message.get("content")
        filled = self.fill(content, message.get("context"))
        return message if filled is content else {**message, "content": filled}

    def fill(self, content: Any, context: Mapping[str, Any] | None = None) -> Any:
        """A content filled in; `context` counts where the chat has none."""
        values = self.context or context
        if not values:
            return content
        if callable(content):
            return content(values)
        if self.format_texts and isinstance(content, str):
            return content.format(**values)
        return content


class Chat:
    """What an agent has heard of one chat.

    Attributes:
        heard: digests of the latest messages taken in, and a mark for each own reply.
        is_group: the partner speaks for others, as a group chat's manager does.
        known: messages and their digests as of the last time: AutoGen passes the whole
            chat at every turn, in the same objects.
        last: the latest turn whose reply may be cancelled, even after its end.
    """

    def __init__(self, heard: Sequence[str] = ()) -> None:
        self.heard = list(heard)
        self.is_group = False
        self.known: list[tuple[Mapping[str, Any], str]] = []
        self.last: tuple[Turn, Stop] | None = None

    @property
    def answered(self) -> bool:
        """The latest turn in this chat ended with a reply."""
        return bool(self.heard) and self.heard[-1] == OWN

    def take_in(self, present: Sequence[str], start: int) -> None:
        """Remember the digests of a chat whose new messages begin at `start`."""
        heard = [*self.heard, *present[start:]] if start else present
        self.heard = list(heard[-REMEMBERED:])

    def unheard(self) -> Turn | None:
        """The latest turn, if its reply was cancelled, so that nobody has heard it."""
        return self.last[0] if self.last is not None and self.last[1].is_set else None


class ChatHistory:
    """Takes an agent's chats in, with a turn that answers them or without one.

    What a turn said is remembered as said. Where its reply was cancelled nobody heard
    it, so it belongs to the next reply of that chat.

    Args:
        agent: whose chats they are.
        translator: turns messages into events.
        clock: tells when they were heard.
        listen_to: the speakers whose messages are taken in; None: all.
    """

    def __init__(
        self,
        agent: ConversableAgent,
        translator: Translator,
        clock: Clock,
        listen_to: Collection[str] | None = None,
    ) -> None:
        self._agent = agent
        self._name = str(agent.name)
        self._translator = translator
        self._clock = clock
        self._listen_to = None if listen_to is None else frozenset(listen_to)
        self._saved: MutableMapping[str, list[str]] = {}
        # By object in this process: two chats may have partners of one name.
        self._chats: weakref.WeakKeyDictionary[Partner, Chat] = weakref.WeakKeyDictionary()
        self._alone = Chat()  # of messages without a partner
        self._waiting: deque[tuple[Partner, AutoGenMessages]] = deque()

    def turn(
        self,
        request: Request,
        engine: Engine,
        asking: Callable[..., TurnRequest],
        stop: Stop | None = None,
        template: Template | None = None,
    ) -> Turn:
        """A turn about what is new in a chat, and what of it nobody has heard.

        Args:
            request: says which chat; its messages are given.
            engine: takes it.
            asking: makes of events what is asked of the engine.
            stop: is set when the reply is cancelled.
            template: fills in what the messages leave open.
        """
        self._saved = engine.queue.state.chats
        chat = self._chat(request.sender)

        def answered() -> None:
            chat.heard.append(OWN)
            self._save(chat, request.sender)

        before = list(chat.heard)
        unheard = chat.unheard()
        was_whole = unheard is not None and unheard.end is not TurnEnd.STOPPED
        if was_whole and chat.answered:
            chat.heard.pop()
        events, ignored = self._to_answer(chat, request, template or Template())
        with self._unheard_if_unwritten(chat, request.sender, before, engine):
            if unheard is not None and was_whole and not events and not ignored:
                turn = unheard
                answered()
                engine.queue.save()
            else:
                turn = engine.turn(asking(events, answered=answered))
                if unheard is not None:
                    said = (*unheard.messages, *turn.messages)
                    turn = turn.model_copy(update={"messages": said})
        chat.last = None if stop is None else (turn, stop)
        return turn

    def _to_answer(
        self, chat: Chat, request: Request, template: Template
    ) -> tuple[list[Event], int]:
        """What a turn is about: what is new, or that it is the agent's turn; and what not."""
        answered, messages = chat.answered, request.messages
        events, ignored = self._new_in(chat, request.sender, messages, request.unaltered, template)
        own = [isinstance(e, MessageEvent) and e.own and not (e.results and e.text) for e in events]
        nothing_heard = all(own)  # but for results of tools that the chat let it run
        if nothing_heard and (events or ignored or answered or not messages):
            events.append(SystemAlert(timestamp=self._clock(), text=YOUR_TURN))
        return events, ignored

    def keep(self, partner: Partner | None = None) -> None:
        """Keep what stands in a chat, or in all, to be taken in later."""
        chats = self._agent.chat_messages
        partners = list(chats) if partner is None else [partner]
        self._waiting.extend((one, list(chats[one])) for one in partners if chats.get(one))

    def take_in_kept(self, engine: Engine) -> None:
        """Take in what was kept, without a turn."""
        self._saved = engine.queue.state.chats
        while self._waiting:
            partner, messages = self._waiting[0]
            altered = self._agent.process_all_messages_before_reply(messages)
            chat = self._chat(partner)
            before = list(chat.heard)
            events, _ = self._new_in(chat, partner, altered, messages, Template())
            with self._unheard_if_unwritten(chat, partner, before, engine):
                engine.queue.take_in(events)
            self._waiting.popleft()  # only now: what fails comes again

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
        sender = _name(partner)
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
            chat.known = list(zip(whole, marks, strict=True))
            chat.is_group |= not {self._name, sender}.issuperset(speakers.values())
        now = self._clock()
        events: list[Event] = [
            self._translator.to_event(
                template.filled(messages[at]), speaker=who, own=who == self._name, timestamp=now
            ).model_copy(update={"group": chat.is_group and who != sender, "origin": sender})
            for at, who in speakers.items()
            if self._listens_to(who, messages[at])
        ]
        ignored = len(speakers) - len(events)
        hidden = _answered(whole[start:]) - _answered([messages[at] for at in speakers])
        if hidden:
            results = tuple((call_id, HIDDEN_RESULT) for call_id in sorted(hidden))
            events.append(  # own: nobody said anything by it
                MessageEvent(timestamp=now, speaker=self._name, text="", own=True, results=results)
            )
        chat.take_in(marks, start)  # only now: a translator may fail, and the messages come again
        self._save(chat, partner)
        return events, ignored

    @contextmanager
    def _unheard_if_unwritten(
        self, chat: Chat, partner: Partner | None, before: list[str], engine: Engine
    ) -> Iterator[None]:
        """What cannot be written counts as unheard again, as `before`, and comes again."""
        entries, heard = list(engine.queue.context.entries), list(chat.heard)
        try:
            yield
        except StorageError:
            is_taken_in = engine.queue.context.entries != entries  # and only the answer is not
            chat.heard = heard if is_taken_in else before
            self._save(chat, partner)
            raise

    def _listens_to(self, speaker: str, message: Mapping[str, Any]) -> bool:
        """Whether a message is taken in; own ones and results of tools always are."""
        if self._listen_to is None or speaker == self._name or speaker in self._listen_to:
            return True
        return bool(message.get("tool_responses"))

    def _chat(self, partner: Partner | None) -> Chat:
        if partner is None:
            self._alone.heard = list(self._saved.get("", ()))
            return self._alone
        return self._chats.setdefault(partner, Chat(self._saved.get(_name(partner), ())))

    def _save(self, chat: Chat, partner: Partner | None) -> None:
        self._saved[_name(partner)] = list(chat.heard)


def _name(partner: Partner | None) -> str:
    return "" if partner is None else str(partner.name)


def _answered(messages: AutoGenMessages) -> set[str]:
    """The ids of the calls whose results these messages bring."""
    results = (result for message in messages for result in message.get("tool_responses") or ())
    return {str(result.get("tool_call_id")) for result in results}
