"""The turns of an agent's chats: about what, and whether anybody heard them."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from memgpt_autogen.adapter.conversations import Conversations, Partner
from memgpt_autogen.adapter.reply_hook import Request
from memgpt_autogen.adapter.translator import Template
from memgpt_autogen.engine.queue_manager import QueueManager
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.events import Clock, Event, MessageEvent, SystemAlert
from memgpt_autogen.steps import Turn, TurnEnd

if TYPE_CHECKING:
    from autogen import ConversableAgent

YOUR_TURN = "it is your turn to speak; nobody has said anything new."


class _Nobody:
    """The partner of chats without one."""

    name = ""


class Chats:
    """Lets an agent take its turns in chats.

    What a turn said is remembered as said. Where its reply was cancelled nobody heard
    it, so it belongs to the next reply of that chat.
    """

    def __init__(self, conversations: Conversations, clock: Clock) -> None:
        self._conversations = conversations
        self._clock = clock
        self._nobody = _Nobody()
        self._aside: deque[tuple[Partner, Sequence[dict[str, Any]]]] = deque()
        # The latest turn of each chat whose reply may be cancelled, even after its end.
        self._turns: weakref.WeakKeyDictionary[Partner, tuple[Turn, Stop]]
        self._turns = weakref.WeakKeyDictionary()

    def go_on_in(self, saved: MutableMapping[str, list[str]]) -> None:
        """Keep the cursors in the record of a memory that was opened, perhaps anew."""
        self._conversations.go_on_in(saved)

    def turn(
        self,
        request: Request,
        think: Callable[[list[Event]], Turn],
        stop: Stop | None = None,
        template: Template | None = None,
    ) -> Turn:
        """A turn about what is new in a chat, and what of it nobody has heard.

        Args:
            request: says which chat; its messages are given.
            think: takes a turn about events.
            stop: is set when the reply is cancelled.
            template: fills in what the messages leave open.
        """
        chat = request.sender
        turn = self._turn(request, think, template)
        if turn.end is not TurnEnd.STOPPED:
            self._conversations.replied(chat)
        if stop is None:
            self._turns.pop(chat or self._nobody, None)
        else:
            self._turns[chat or self._nobody] = (turn, stop)
        return turn

    def set_aside(self, agent: ConversableAgent, chat: Partner | None) -> bool:
        """Keep what stands in a chat, or in all, for `take_aside`; False for nothing."""
        chats = agent.chat_messages
        found = [
            (one, list(chats[one]))
            for one in ([chat] if chat is not None else list(chats))
            if chats.get(one)
        ]
        self._aside.extend(found)
        return bool(found)

    def take_aside(self, agent: ConversableAgent, queue: QueueManager) -> None:
        """Take in what was set aside, without a turn."""
        while self._aside:
            chat, messages = self._aside[0]
            altered = agent.process_all_messages_before_reply(messages)
            queue.admit(self._conversations.take(chat, altered, messages).events)
            self._aside.popleft()  # only now: what fails comes again

    def absorb(self, agent: ConversableAgent, queue: QueueManager, chat: Partner | None) -> None:
        """Take in what was said, in one chat or in all, without a turn."""
        self.set_aside(agent, chat)
        self.take_aside(agent, queue)
        queue.flush()

    def forget_turns(self) -> None:
        """Say nothing again: it may have been erased."""
        self._turns.clear()

    def _turn(
        self,
        request: Request,
        think: Callable[[list[Event]], Turn],
        template: Template | None,
    ) -> Turn:
        chat, messages = request.sender, request.messages or []
        unheard = self._unheard(chat)
        was_whole = unheard is not None and unheard.end is not TurnEnd.STOPPED
        if was_whole:
            self._conversations.unanswered(chat)
        answered = self._conversations.answered(chat)
        events, ignored = self._conversations.take(chat, messages, request.unaltered, template)
        if unheard is not None and was_whole and not events and not ignored:
            return unheard
        nothing_heard = all(isinstance(e, MessageEvent) and e.own for e in events)
        if nothing_heard and (events or ignored or answered or not messages):
            events.append(SystemAlert(timestamp=self._clock(), text=YOUR_TURN))
        turn = think(events)
        if unheard is not None:
            turn = turn.model_copy(update={"messages": (*unheard.messages, *turn.messages)})
        return turn

    def _unheard(self, chat: Partner | None) -> Turn | None:
        turn, stop = self._turns.get(chat or self._nobody, (None, None))
        return turn if stop is not None and stop.is_set else None
