"""The commands of the chat, which begin with a slash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memgpt_autogen.cli.chat import views
from memgpt_autogen.cli.chat.conversation import Conversation
from memgpt_autogen.cli.chat.reading import agrees
from memgpt_autogen.engine.queue_manager import PRESSURE
from memgpt_autogen.events import SystemAlert, TimedEvent
from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.store import MEMORY
from memgpt_autogen.upkeep.agent_files.export import memory_of, write_agent_file
from memgpt_autogen.upkeep.agent_files.reader import read_agent_file
from memgpt_autogen.upkeep.agent_files.restore import restore
from memgpt_autogen.upkeep.forgetting.forget import forget
from memgpt_autogen.upkeep.undo import rewrite


class Leave(Exception):  # noqa: N818 - it is no error
    """The person ends the conversation."""


Handler = Callable[[Conversation, str], None]


@dataclass(frozen=True)
class Command:
    """A command: its name, what may follow it, what it does."""

    name: str
    follows: str
    help: str
    run: Handler


COMMANDS: list[Command] = []


def run_command(chat: Conversation, line: str) -> None:
    """Do what a line that begins with a slash says.

    Raises:
        Leave: the person ends the conversation.
        MemGPTError: it cannot be done.
    """
    name, _, argument = line.strip().partition(" ")
    found = [one for one in COMMANDS if one.name == name] or [
        one for one in COMMANDS if one.name.startswith(name)
    ]
    if len(found) != 1:
        chat.screen.fail(f"there is no command {name}: /help lists them")
        return
    found[0].run(chat, argument.strip())


def completions(chat: Conversation) -> Iterator[str]:
    """Lines that can be completed to: the commands, and the names that may follow some."""
    yield from (one.name for one in COMMANDS)
    location = chat.session.settings.location
    workspace = chat.session.open().workspace
    if location != MEMORY:
        yield from (f"/attach {name}" for name in names_at(location, "sources"))
        yield from (f"/load {name}" for name in names_at(location, "agents"))
    yield from (f"/history {block.name}" for block in workspace.core)
    yield from (f"/forget {name}" for name in workspace.recall.speakers())


def _command(name: str, follows: str, help: str) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        COMMANDS.append(Command(name, follows, help, handler))
        return handler

    return add


@_command("/help", "", "This list.")
def _help(chat: Conversation, _: str) -> None:
    for one in COMMANDS:
        chat.screen.note(f"{f'{one.name} {one.follows}':<18} {one.help}")
    chat.screen.note("Alt-Enter begins a new line, Ctrl-C stops a turn, Ctrl-D ends.")


@_command("/exit", "", "End the conversation; everything is saved already.")
def _exit(_chat: Conversation, _: str) -> None:
    raise Leave


@_command("/save", "[FILE]", "Write all the agent remembers to a file.")
def _save(chat: Conversation, file: str) -> None:
    if not file:
        with chat.session.held() as engine:
            engine.own()
            engine.queue.save()
        chat.screen.note("saved, as after every step; /save FILE writes a file to keep or to move")
        return
    with chat.session.held() as engine:
        write_agent_file(file, memory_of(engine))
    chat.screen.note(f"written: {file}")


@_command("/load", "AGENT|FILE", "Go on with another agent, or with one out of a file.")
def _load(chat: Conversation, given: str) -> None:
    if not given:
        chat.screen.fail("/load needs the name of an agent, or a file that /save wrote")
        return
    name = given
    if Path(given).is_file():
        content, session = read_agent_file(given), chat.session
        restore(content, session.settings, session.embedder, clock=session.clock)
        name = content.agent
    chat.switch(chat.open_agent(name))
    chat.screen.note(f"you talk with {name} now")


@_command("/attach", "[SOURCE]", "Let the agent search a loaded source; alone: which there are.")
def _attach(chat: Conversation, source: str) -> None:
    location = chat.session.settings.location
    if not source:
        names = [] if location == MEMORY else names_at(location, "sources")
        chat.screen.note(", ".join(names) or "no sources are loaded")
        return
    with chat.session.held() as engine:
        passages = engine.attach(source, writable=False)
    chat.screen.note(f"attached: {source}, {passages} passages")


@_command("/dump", "[N]", "The latest N entries of the queue, or all, as the model reads them.")
def _dump(chat: Conversation, count: str) -> None:
    with chat.session.held() as engine:
        chat.screen.note(views.dump(engine, _number(count)))


@_command("/memory", "", "Core memory.")
def _memory(chat: Conversation, _: str) -> None:
    chat.screen.note(views.memory(chat.session.open().workspace.core))


@_command("/context", "", "What fills the model's window.")
def _context(chat: Conversation, _: str) -> None:
    with chat.session.held() as engine:
        chat.screen.note(views.context_bar(engine.overview()))


@_command("/pop", "[N]", "Undo the last exchange, or N of them.")
def _pop(chat: Conversation, count: str) -> None:
    done = 0
    for _ in range(_number(count) or 1):
        undone = chat.undo()
        if undone is None:
            break
        done += 1
        for text in undone.left:
            chat.screen.fail(f"not undone: {text}")
    told = f"undone: {done} exchange{'s' * (done != 1)}; /redo brings the last one back"
    chat.screen.note(told if done else "there is nothing in view to undo")


@_command("/redo", "", "Bring back what was undone last.")
def _redo(chat: Conversation, _: str) -> None:
    left = chat.redo()
    for text in left or ():
        chat.screen.fail(f"not redone: {text}")
    chat.screen.note("there is nothing to redo" if left is None else "redone")


@_command("/retry", "", "Let the agent answer the last message again.")
def _retry(chat: Conversation, _: str) -> None:
    if not chat.retry():
        chat.screen.note("there is nothing in view to try again")


@_command("/rewrite", "TEXT", "Put other words in the place of the agent's last message.")
def _rewrite(chat: Conversation, text: str) -> None:
    with chat.session.held() as engine:
        rewrite(engine, text, chat.user)
    chat.screen.note("rewritten")


@_command("/heartbeat", "", "Let the agent act by itself.")
def _heartbeat(chat: Conversation, _: str) -> None:
    chat.act([TimedEvent()])


@_command("/memorywarning", "", "Tell the agent that its window is nearly full.")
def _memory_warning(chat: Conversation, _: str) -> None:
    chat.act([SystemAlert(PRESSURE)])


@_command("/search", "WORDS", "Search all that was said and kept.")
def _search(chat: Conversation, query: str) -> None:
    with chat.session.held() as engine:
        chat.screen.note(views.found(engine, query))


@_command("/history", "[BLOCK]", "How a block of core memory came to be; default human.")
def _history(chat: Conversation, name: str) -> None:
    core = chat.session.open().workspace.core
    chat.screen.show(chat.agent, views.history(core, name or "human"))


@_command("/forget", "NAME", "Erase all that somebody said, and what was learnt from it.")
def _forget(chat: Conversation, name: str) -> None:
    if not name or not agrees(chat.reader, f"Erase {name} from {chat.agent}'s memory for good?"):
        chat.screen.note("nothing was erased")
        return
    with chat.session.held() as engine:
        receipt = forget(name, engine)
    chat.forgot()
    chat.screen.note(
        f"erased: {receipt.recall_messages} messages, {receipt.core_memory_lines} lines of core"
        f" memory, {receipt.archival_passages} passages"
    )
    for remnant in receipt.left:
        chat.screen.note(f"left: {remnant}")


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
