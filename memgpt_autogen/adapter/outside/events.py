"""Events outside chats: what an agent is told, when, and how its turn is stopped."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from autogen import ConversableAgent

from memgpt_autogen.adapter.outside.occasion import Occasion
from memgpt_autogen.arguments import When, checked
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import (
    Event,
    MessageEvent,
    Schedule,
    SystemAlert,
    TimedEvent,
)
from memgpt_autogen.memory.partners import partner_of
from memgpt_autogen.steps import Turn

if TYPE_CHECKING:
    from memgpt_autogen.adapter.capability import MemGPTCapability

GO_ON = "go on with what you were doing when you were stopped."


class OutsideEvents:
    """What a program may tell an agent outside chats: the same on agent and capability."""

    _memgpt_capability: MemGPTCapability

    @checked
    def notify(
        self, event: Event, recipient: ConversableAgent | None = None, *, urgent: bool = False
    ) -> tuple[str, ...]:
        """Let the agent act on an event outside its turns in chats; the messages it sent.

        Without a recipient `on_message` is told them too. With one they are sent into the
        agent's chat with it, as one message that asks for a reply, as `initiate_chat` does
        without clearing it: a group chat's manager goes on with the group's conversation, and
        this returns when that has come to its end. Name no chat that runs meanwhile; what is
        said without a recipient, the agent still knows at its next turn there.

        A MessageEvent is answered as in a chat with its speaker. A TimedEvent while
        `pause_heartbeats` is in force is ignored.

        Args:
            event: what the agent is told.
            recipient: an agent, or the manager of a group chat, who hears what it says.
            urgent: stop the turn that runs, as `stop` does; this one takes up its rest.

        Raises:
            ConfigurationError: the agent has no model.
            DirectoryLockedError: another process runs the agent's turns.
            Exception: errors of the provider, unchanged.
        """
        turns = self._memgpt_capability.turns
        if urgent:
            turns.running.stop()
        return self._said(turns.act(_about(event), recipient), recipient)

    @checked
    async def a_notify(
        self, event: Event, recipient: ConversableAgent | None = None, *, urgent: bool = False
    ) -> tuple[str, ...]:
        """`notify` in the agent's own thread, so that it does not block the event loop.

        The agent's asynchronous tools run on the loop that awaits it. When it is
        cancelled, the turn ends at its next step boundary.

        Raises:
            ReentryError: it is awaited by a tool of the same agent.
        """
        turns = self._memgpt_capability.turns
        if urgent:
            turns.running.stop()
        return await self._a_said(await turns.a_act(_about(event), recipient), recipient)

    def stop(self) -> bool:
        """Let the turn that runs end at its next step, from any thread; False where none does.

        What it did is kept. Its reply is what it has said so far, else the agent's
        `default_auto_reply`. The rest is taken up by `resume`, or by the next turn. A model
        that is being asked is waited for, and none of its calls is run.

        A turn that ended by an exception is resumed in the same way: by a KeyboardInterrupt
        (Ctrl-C), or where its process was killed.
        """
        return self._memgpt_capability.turns.running.stop()

    @checked
    def resume(self, recipient: ConversableAgent | None = None) -> tuple[str, ...]:
        """Take up a turn that was broken off; the messages it sent, as with `notify`.

        Nothing happens where the latest turn came to its end.

        Raises:
            ConfigurationError: the agent has no model.
            DirectoryLockedError: another process runs the agent's turns.
            Exception: errors of the provider, unchanged.
        """
        turns = self._memgpt_capability.turns
        return self._said(turns.act(_rest, recipient), recipient)

    @checked
    async def a_resume(self, recipient: ConversableAgent | None = None) -> tuple[str, ...]:
        """`resume` in the agent's own thread, as `a_notify`."""
        turns = self._memgpt_capability.turns
        return await self._a_said(await turns.a_act(_rest, recipient), recipient)

    # --- timed events ----------------------------------------------------------------

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """When timed events come; what is due first comes first."""
        return Timetable(self._memgpt_capability.open()).schedules

    @checked
    def schedule(
        self,
        event: TimedEvent | str = TimedEvent.model_fields["text"].default,
        *,
        every: timedelta | None = None,
        cron: str | None = None,
        at: When | None = None,
        name: str | None = None,
    ) -> Schedule:
        """Let a timed event come, once or again and again, also after the agent is reopened.

        The agent acts on it in a turn of its own, within a second; where one runs, after that.
        What it says, `on_message` is told. Timed events come while this process runs and has the
        agent open, with its model. What was missed meanwhile, or was held back by
        `pause_heartbeats`, comes once, as soon as it can, and the model is told since when.

        Args:
            event: what the agent is told.
            every: the time between two, a second or more; the first comes after it.
            cron: minute, hour, day of the month, month and weekday, as in a crontab
                (`0 9 * * mon-fri`), in the agent's time zone; all five must fit.
            at: the moment, or the day that begins then, in the agent's zone where it names none.
            name: a schedule of the same name is replaced; default one that is free.

        Raises:
            ConfigurationError: not one of `every`, `cron` and `at` is given, it is no time, or the
                agent has no model.
            DirectoryLockedError: another process runs the agent's turns.
        """
        turns = self._memgpt_capability.turns
        if turns.agent.client is None:
            raise ConfigurationError("the agent has no llm_config, so it cannot act on an event")
        text = event.text if isinstance(event, TimedEvent) else event
        return turns.schedule(text, every=every, cron=cron, at=at, name=name)

    @checked
    def unschedule(self, name: str) -> bool:
        """Let a timed event come no more; False if there is none of that name.

        Raises:
            DirectoryLockedError: another process runs the agent's turns.
        """
        return self._memgpt_capability.turns.unschedule(name)

    # --- who hears it ------------------------------------------------------------------

    def _said(self, turn: Turn, recipient: ConversableAgent | None) -> tuple[str, ...]:
        turns = self._memgpt_capability.turns
        if recipient is None:
            turns.tell(turn)
        elif turn.messages:
            reply = turns.translator.to_reply(turn)
            turns.agent.send(reply, recipient, request_reply=True)
        return turn.messages

    async def _a_said(self, turn: Turn, recipient: ConversableAgent | None) -> tuple[str, ...]:
        turns = self._memgpt_capability.turns
        if recipient is None:
            turns.tell(turn)
        elif turn.messages:
            reply = turns.translator.to_reply(turn)
            await turns.agent.a_send(reply, recipient, request_reply=True)
        return turn.messages


def _about(event: Event) -> partial[Occasion | None]:
    return partial(_occasion, event)


def _occasion(event: Event, engine: Engine) -> Occasion | None:
    if Timetable(engine).holds_back(event):
        return None
    if not isinstance(event, MessageEvent) or event.own or event.origin:
        return Occasion((event,))
    apart = engine.queue.partners.apart
    speaker = partner_of(event.speaker) if apart else event.speaker
    return Occasion((event.model_copy(update={"origin": speaker}),), partner=speaker)


def _rest(engine: Engine) -> Occasion | None:
    """What was broken off, if anything was."""
    partner = engine.queue.state.unfinished
    return None if partner is None else Occasion((SystemAlert(GO_ON),), partner=partner)
