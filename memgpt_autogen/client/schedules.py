"""The client's timed events: listed, added, cancelled."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from datetime import timedelta
from typing import Any

from memgpt_autogen.arguments import When, checked
from memgpt_autogen.client.session import Session
from memgpt_autogen.engine.scheduling.timetable import Timetable
from memgpt_autogen.events import Schedule


class Schedules:
    """What a client tells its agents later, once or again and again."""

    @abstractmethod
    def session(self, agent_id: str) -> Session:
        """An agent's turns."""

    @checked
    def schedules(self, agent_id: str) -> tuple[Schedule, ...]:
        """When an agent's timed events come; what is due first comes first.

        Raises:
            ConfigurationError: there is no such agent.
        """
        return Timetable(self.session(agent_id).open()).schedules

    @checked
    def schedule(
        self,
        agent_id: str,
        text: str,
        *,
        every: timedelta | None = None,
        cron: str | None = None,
        at: When | None = None,
        name: str | None = None,
    ) -> Schedule:
        """Let a timed event come, also after the agent is reopened.

        The agent acts on it in a turn of its own, within a second, while a program has it open
        with its model; what it says there, the program's `on_message` is told. What was missed
        comes once.

        Args:
            agent_id: from `create_agent`.
            text: what the agent is told.
            every: the time between two, a second or more; the first comes after it.
            cron: five fields, as in a crontab (`0 9 * * mon-fri`), in the agent's time zone.
            at: the moment, or the day that begins then, in the agent's zone where it names none.
            name: a schedule of the same name is replaced; default one that is free.

        Raises:
            ConfigurationError: there is no such agent; or not one of `every`, `cron` and `at` is
                given, or it is no time.
            DirectoryLockedError: another process runs the agent's turns.
        """
        session = self.session(agent_id)
        return session.schedule(text, every=every, cron=cron, at=at, name=name)

    @checked
    def unschedule(self, agent_id: str, name: str) -> bool:
        """Let a timed event come no more; False if there is none of that name.

        Raises:
            ConfigurationError: there is no such agent.
            DirectoryLockedError: another process runs the agent's turns.
        """
        return self.session(agent_id).unschedule(name)

    async def a_schedules(self, agent_id: str) -> tuple[Schedule, ...]:
        """`schedules` in a thread."""
        return await asyncio.to_thread(self.schedules, agent_id)

    async def a_schedule(self, agent_id: str, text: str, **when: Any) -> Schedule:
        """`schedule` in a thread."""
        return await asyncio.to_thread(self.schedule, agent_id, text, **when)

    async def a_unschedule(self, agent_id: str, name: str) -> bool:
        """`unschedule` in a thread."""
        return await asyncio.to_thread(self.unschedule, agent_id, name)
