"""MemGPT: agents with memory for a program that needs no group chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from typing_extensions import Self

from memgpt_autogen.arguments import checked
from memgpt_autogen.client.configuration import DEFAULT_MODEL, entries_of, quickstart
from memgpt_autogen.client.model import OpenAIChatModel
from memgpt_autogen.client.schedules import Schedules
from memgpt_autogen.client.session import Session
from memgpt_autogen.client.twins import AsyncTwins
from memgpt_autogen.engine.engine import Identity
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock, Event, local_now
from memgpt_autogen.model.presets import kept
from memgpt_autogen.model.texts import text_of
from memgpt_autogen.settings import Settings
from memgpt_autogen.steps import Step, Turn
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.storage.journal.blocks import StoredBlock
from memgpt_autogen.storage.store import MEMORY, settled
from memgpt_autogen.upkeep.agents import (
    AgentSummary,
    Deleted,
    agent_at,
    delete_agent,
    list_agents,
)


class MemGPT(AsyncTwins, Schedules):
    """Agents that manage their own memory, asked by a program.

    An agent is the same one that `MemGPTAgent(name, memory=...)` is in a group chat: they take
    turns on one memory. Its id is its name. Every method may be called from any thread.

    Args:
        model: its name; the key comes from OPENAI_API_KEY, another server from OPENAI_BASE_URL.
        llm_config: as AutoGen's agents take it, for OpenAI, Azure or a compatible server.
        config: as in MemGPT's quickstart: openai_api_key, model, model_endpoint,
            model_endpoint_type, azure_*, context_window, and default preset, persona, human.
        memory: a directory, `:memory:`, `http://host:port` of a Chroma server, or `Settings`;
            default `./.memgpt`.
        context_window: tokens the main context may use; default from the model.
        embedder: any Chroma embedding function; default the best at hand.
        clock: tells the time; for tests.
        on_message: is told an agent's id and what it says about a timed event, in a thread.

    Raises:
        ConfigurationError: an argument cannot work.
    """

    @checked
    def __init__(
        self,
        model: str | None = None,
        *,
        llm_config: Any = None,
        config: Mapping[str, Any] | None = None,
        memory: str | Path | Settings | None = None,
        context_window: int | None = None,
        embedder: Any = None,
        clock: Clock = local_now,
        on_message: Callable[[str, str], None] = lambda agent_id, text: None,
    ) -> None:
        if sum(one is not None for one in (model, llm_config, config)) > 1:
            raise ConfigurationError("give one of model=, llm_config= and config=.")
        self._config = config or {}
        if llm_config is None:
            llm_config = {"model": model or DEFAULT_MODEL} if config is None else quickstart(config)
        self.model = OpenAIChatModel(entries_of(llm_config))
        self.settings = settled(memory)
        self._window = context_window or self._config.get("context_window")
        self._embedder = resolve_embedder(embedder)
        self._clock, self._on_message = clock, on_message
        self._sessions: dict[str, Session] = {}

    # --- agents ----------------------------------------------------------------------

    @checked
    def create_agent(
        self,
        name: str | None = None,
        persona: str | Path | None = None,
        human: str | Path | None = None,
        preset: str | Path | None = None,
        system_message: str = "",
    ) -> str:
        """Make an agent; its id. An agent of that name is resumed as it is.

        Args:
            name: default `agent_1` and so on, the first that is free.
            persona: who it is: a name, a file or a text (docs/presets.md); default `sam_pov`.
            human: what it knows of its user, likewise; default `cs_phd`.
            preset: the system instructions, likewise; default by the model.
            system_message: what it is for; not kept with the agent.

        Raises:
            ConfigurationError: a file cannot be read, or there is no such preset.
            StorageError: the storage cannot be used.
        """
        name = self._free_name() if name is None else name
        if not name.strip():
            raise ConfigurationError("name='': give the agent a name.")
        chosen = preset or self._config.get("preset")
        if not self.has_agent(name):
            persona = persona or self._config.get("persona") or "sam_pov"
            human = human or self._config.get("human") or "cs_phd"
        identity = Identity(
            name,
            self.model.name,
            self._window,
            None if chosen is None else kept(chosen),
            None if persona is None else text_of("persona", persona),
            None if human is None else text_of("human", human),
        )
        session = self._sessions.get(name)
        if session is None:
            session = self._session_of(identity, system_message)
        session.identity, session.instructions = identity, system_message
        session.open()
        return name

    def has_agent(self, name: str) -> bool:
        """Whether there is an agent of that name."""
        location = self.settings.location
        here = location != MEMORY and name in names_at(location, "agents")
        return here or name in self._sessions

    def list_agents(self) -> list[AgentSummary]:
        """The agents at the memory's location, whoever made them, with their sizes.

        Raises:
            StorageError: the storage cannot be read.
        """
        if self.settings.location != MEMORY:
            return list_agents(self.settings.location)
        return [
            AgentSummary(name, Path(MEMORY), len(work.recall), len(work.archival))
            for name, work in ((n, s.open().workspace) for n, s in sorted(self._sessions.items()))
        ]

    @checked
    def delete_agent(self, agent_id: str) -> Deleted:
        """Delete an agent with all it remembers; what was deleted. Sources stay.

        Raises:
            ConfigurationError: there is no such agent.
            DirectoryLockedError: another process runs its turns.
            StorageError: a file cannot be deleted.
        """
        session = self.session(agent_id)
        work = session.open().workspace
        sizes = (len(work.recall), len(work.archival))
        session.close()
        del self._sessions[agent_id]
        if self.settings.location == MEMORY:
            return Deleted(agent_id, Path(MEMORY), *sizes, files=0, bytes=0)
        return delete_agent(self.settings.location, agent_id)

    def session(self, agent_id: str) -> Session:
        """An agent's turns, for who needs more than messages.

        Raises:
            ConfigurationError: there is no such agent.
        """
        if agent_id not in self._sessions:
            if self.settings.location == MEMORY:
                raise ConfigurationError(f"there is no agent {agent_id!r}: call create_agent.")
            agent_at(self.settings.location, agent_id)
            self._session_of(Identity(agent_id, self.model.name, self._window), "")
        return self._sessions[agent_id]

    # --- turns -----------------------------------------------------------------------

    @checked
    def user_message(
        self,
        agent_id: str,
        message: str,
        name: str = "user",
        on_step: Callable[[Step], None] = lambda step: None,
    ) -> Turn:
        """Say something to an agent; its turn: the messages it sent, its steps, tokens.

        Args:
            agent_id: from `create_agent`.
            message: what is said.
            name: who says it.
            on_step: is told of each step once it is written.

        Raises:
            ConfigurationError: there is no such agent, or no key.
            DirectoryLockedError: another process runs the agent's turns.
            Exception: errors of the provider, unchanged.
        """
        return self.session(agent_id).say(message, name, on_step=on_step)

    @checked
    def notify(self, agent_id: str, event: Event) -> Turn:
        """Let an agent act on an event: a SystemAlert, a Login, a TimedEvent.

        Raises:
            ConfigurationError: there is no such agent, or no key.
            DirectoryLockedError: another process runs the agent's turns.
            Exception: errors of the provider, unchanged.
        """
        return self.session(agent_id).turn([event])

    # --- memory ----------------------------------------------------------------------

    @checked
    def get_memory(self, agent_id: str) -> dict[str, StoredBlock]:
        """The blocks of core memory by name, each at its version.

        Raises:
            ConfigurationError: there is no such agent.
        """
        core = self.session(agent_id).open().workspace.core
        core.refresh()
        return {
            one.name: StoredBlock(
                one.name, one.value, core.version(one.name), one.limit, one.read_only
            )
            for one in core
        }

    @checked
    def edit_memory(
        self, agent_id: str, block: str, value: str, version: int | None = None
    ) -> StoredBlock:
        """Replace a block's text; it at its new version. The agent is told before it next acts.

        Args:
            agent_id: from `create_agent`.
            block: the block's name.
            value: the new text.
            version: that `get_memory` told; where the text has changed since, nothing is done.

        Raises:
            UnknownBlockError: there is no such block.
            ConfigurationError: there is no such agent, or the text is over the block's limit.
            ConflictError: somebody else changed the block since.
        """
        core = self.session(agent_id).open().workspace.core
        core.refresh()
        core.set(block, value, version=version)
        return self.get_memory(agent_id)[block]

    @checked
    def attach(self, agent_id: str, source: str) -> int:
        """Let an agent search a loaded source, also when it is reopened; its passages.

        Raises:
            ConfigurationError: there is no such agent or source.
            DirectoryLockedError: another process runs the agent's turns.
        """
        with self.session(agent_id).held() as engine:
            return engine.attach(source, writable=False)

    @checked
    def detach(self, agent_id: str, source: str) -> bool:
        """Let an agent search a source no longer; False where it was not attached.

        Raises:
            ConfigurationError: there is no such agent.
            DirectoryLockedError: another process runs the agent's turns.
        """
        with self.session(agent_id).held() as engine:
            return engine.detach(source)

    def close(self) -> None:
        """Write everything and release the storage; agents of `:memory:` are gone then."""
        while self._sessions:
            self._sessions.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MemGPT(model={self.model.name!r}, memory={self.settings.location!r})"

    def _session_of(self, identity: Identity, role: str) -> Session:
        parts = (identity, self.settings, self._embedder, self._clock, self.model, role)
        self._sessions[identity.name] = Session(*parts, partial(self._on_message, identity.name))
        return self._sessions[identity.name]

    def _free_name(self) -> str:
        return next(name for name in map("agent_{}".format, count(1)) if not self.has_agent(name))
