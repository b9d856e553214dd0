"""The command `run`: opens the agent, chooses the model, and leads the conversation."""

from __future__ import annotations

import logging
import shlex
import sys
from dataclasses import dataclass

from memgpt_autogen.cli.chat.choosing import Configured, chosen_model
from memgpt_autogen.cli.chat.commands import Leave, completions, run_command
from memgpt_autogen.cli.chat.conversation import Conversation, typed_earlier
from memgpt_autogen.cli.chat.reading import PlainReader, PromptReader, agrees
from memgpt_autogen.cli.chat.screen import Screen
from memgpt_autogen.cli.options import embedder
from memgpt_autogen.client.client import MemGPT
from memgpt_autogen.client.session import Session
from memgpt_autogen.errors import MemGPTError
from memgpt_autogen.storage.directory import agent_directory
from memgpt_autogen.storage.journal.file import FILE
from memgpt_autogen.storage.store import MEMORY, settled
from memgpt_autogen.upkeep.reading.contents import contents


@dataclass(frozen=True)
class Wishes:
    """What the options say; None where they say nothing."""

    agent: str
    persona: str | None = None
    human: str | None = None
    preset: str | None = None
    user: str | None = None
    memory: str | None = None
    model: str | None = None
    endpoint: str | None = None
    verify: bool = True
    first: bool = False
    yes: bool = False
    plain: bool = False
    debug: bool = False


def run(wishes: Wishes, configured: Configured | None = None) -> int:
    """Lead a conversation until the person ends it; the program's exit status."""
    screen = Screen(plain=wishes.plain)
    if wishes.debug:
        logging.basicConfig(stream=sys.stderr)
        logging.getLogger("memgpt_autogen").setLevel(logging.DEBUG)
    try:
        client = _client(wishes, configured, screen)
        with client:
            chat = _conversation(wishes, configured, client, screen)
            _converse(chat, wishes)
            screen.note(f"{chat.agent} remembers this: {_again(chat.agent, wishes.memory)}")
    except MemGPTError as problem:
        if wishes.debug:
            raise
        screen.fail(f"error: {problem}")
        return 1
    return 0


def _converse(chat: Conversation, wishes: Wishes) -> None:
    opens = not wishes.first
    while True:
        try:
            if opens:
                opens = False
                chat.begin(verify=wishes.verify)
            text = chat.reader.read(chat.user)
            if text is None:
                return
            if text.startswith("/"):
                run_command(chat, text)
            elif text.strip():
                chat.say(text)
        except Leave:
            return
        except KeyboardInterrupt:
            chat.screen.note("(Ctrl-D or /exit ends)")
        except MemGPTError as problem:
            chat.fail(problem)


def _client(wishes: Wishes, configured: Configured | None, screen: Screen) -> MemGPT:
    model = chosen_model(
        wishes.model,
        wishes.endpoint,
        configured,
        tell=screen.note,
        agree=lambda question: not _may_ask(wishes) or agrees(PromptReader((), ()), question),
    )
    settings = settled(wishes.memory or (configured.memory if configured else "") or None)
    client = MemGPT(
        llm_config=model,
        memory=settings,
        context_window=(configured.context_window if configured else 0) or None,
        embedder=embedder(
            configured.embedder if configured else "",
            _made_with(settings.location, wishes.agent),
        ),
    )
    client.model.entries[0].client  # noqa: B018 - a key that is missing is told before anything
    return client


def _conversation(
    wishes: Wishes, configured: Configured | None, client: MemGPT, screen: Screen
) -> Conversation:
    def open_agent(name: str) -> Session:
        if client.has_agent(name):  # its blocks are as they were edited since
            made = client.create_agent(name, wishes.persona, wishes.human, wishes.preset)
        else:
            persona, human, preset = (
                getattr(wishes, key) or (getattr(configured, key) if configured else None) or None
                for key in ("persona", "human", "preset")
            )
            made = client.create_agent(name, persona, human or "basic", preset)
        return client.session(made)

    session = open_agent(wishes.agent)
    engine = session.open()
    known, messages = engine.queue.state.only_partner, len(engine.workspace.recall)
    name = wishes.user or known
    if not name and _may_ask(wishes):
        name = PromptReader((), ()).ask("Your name, for the agent to know you by: ")
    user = name or "user"
    place = client.settings.location
    screen.note(
        f"{wishes.agent} ({place}): {messages:,} messages remembered. /help lists the commands."
        if messages
        else f"{wishes.agent} is new ({place}). /help lists the commands."
    )
    chat = Conversation(session, screen, PlainReader(), user, open_agent, wishes.debug)
    if not wishes.plain and sys.stdin.isatty():  # whoever said --yes is there too
        chat.reader = PromptReader(list(completions(chat)), typed_earlier(session, user))
    return chat


def _may_ask(wishes: Wishes) -> bool:
    """Whether the person is there to be asked, and did not say --yes."""
    return not (wishes.yes or wishes.plain) and sys.stdin.isatty()


def _made_with(location: str, agent: str) -> str | None:
    """The embedder that made an agent's vectors, where this machine has any."""
    if location == MEMORY or not (agent_directory(location, agent) / FILE).is_file():
        return None
    return contents(location, "agents", agent).embedder


def _again(agent: str, memory: str | None) -> str:
    """The command that goes on with the conversation."""
    place = f" --memory {shlex.quote(memory)}" if memory else ""
    return f"memgpt-autogen run --agent {shlex.quote(agent)}{place}"
