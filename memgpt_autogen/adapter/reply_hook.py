"""The reply hook: the memory answers where AutoGen's own model reply stands in an agent."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from autogen import Agent, ConversableAgent, OpenAIWrapper

from memgpt_autogen.adapter.display import shown_from_threads
from memgpt_autogen.errors import ConfigurationError

F = TypeVar("F", bound=Callable[..., Any])

# The messages to which an asynchronous reply said nothing, by reply hook.
_SILENT: ContextVar[tuple[object, list[dict[str, Any]] | None] | None] = ContextVar(
    "memgpt_autogen_silent", default=None
)
# What AutoGen passed to the message hooks, by reply hook: the transforms' input.
_UNALTERED: ContextVar[tuple[object, list[dict[str, Any]]] | None] = ContextVar(
    "memgpt_autogen_unaltered", default=None
)

# Which of the message hooks came first for the reply that begins, by reply hook.
_FIRST: ContextVar[tuple[object, str] | None] = ContextVar("memgpt_autogen_first", default=None)

Reply = tuple[bool, str | dict[str, Any] | None]

# AutoGen 0.14 pairs the sync and the async reply by these names.
SYNC, ASYNC = "generate_oai_reply", "a_generate_oai_reply"

# Its methods that call the message hooks; which comes first differs by version.
LAST, ALL = "process_last_received_message", "process_all_messages_before_reply"

_MARK = "memgpt_autogen_reply"


def with_memory(method: F) -> F:
    """Mark an agent's reply function, sync or async, as one that answers with memory."""
    setattr(method, _MARK, method.__name__)
    return method


@dataclass(frozen=True)
class Request:
    """What AutoGen asks of a reply function.

    Attributes:
        messages: the chat as message transforms left it.
        sender: whose chat it is.
        client: in the place of the agent's own.
        unaltered: the chat before the transforms, where there were any.
        tools: beside the agent's own, in the OpenAI `tools` format; whoever gives some, or an
            empty list, runs all tools. AutoGen's remote agent service does.
        options: further arguments for `OpenAIWrapper.create`.
        recipient: who is to answer, where it is a copy of the agent.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    sender: Agent | None = None
    client: OpenAIWrapper | None = None
    unaltered: list[dict[str, Any]] | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    recipient: ConversableAgent | None = None

    @classmethod
    def of_arguments(
        cls,
        recipient: ConversableAgent,
        messages: list[dict[str, Any]] | None,
        sender: Agent | None,
        client: OpenAIWrapper | None,
        further: Mapping[str, Any],
        unaltered: list[dict[str, Any]] | None = None,
    ) -> Request:
        """What the arguments of a reply function ask for, of AutoGen's history without messages."""
        options = {key: value for key, value in further.items() if key != "tools"}
        tools = further.get("tools")
        if messages is None:
            messages = recipient.chat_messages[sender]
        return cls(messages, sender, client, unaltered, tools, options, recipient)

    def of_now(self) -> Request:
        """The request with lists of its own: the chat may go on before it is its turn."""
        messages, unaltered = list(self.messages), self.unaltered
        if unaltered is not None:
            unaltered = messages if unaltered is self.messages else list(unaltered)
        return replace(self, messages=messages, unaltered=unaltered)


class ReplyFunction(functools.partial[Any]):
    """A reply function that AutoGen takes for the one whose place it has.

    AutoGen finds reply functions by comparing them (`replace_reply_func`, `exclude=`), so
    what users say of the one that was there goes on having its effect. A partial of a
    coroutine function counts as a coroutine function everywhere.
    """

    replaced: Callable[..., Any]

    def __eq__(self, other: object) -> bool:
        if self is other or other == self.replaced:
            return True
        return getattr(other, _MARK, None) == getattr(self, "__name__", "")

    def __hash__(self) -> int:
        return hash(self.replaced)


class ReplyHook:
    """The places of the model reply in an agent's list of reply functions.

    Raises:
        ConfigurationError: the agent has no such reply, or a memory already.
    """

    def __init__(self, agent: ConversableAgent) -> None:
        # AutoGen can only replace a function that one knows; this list alone tells which it is.
        functions = [entry["reply_func"] for entry in agent._reply_func_list]  # noqa: SLF001
        if any(isinstance(function, ReplyFunction) for function in functions):
            raise ConfigurationError(
                f"{agent.name} has a memory already: add one capability to an agent, once"
            )
        self._agent = agent
        # Subclasses of what answers with memory may override it; other agents' own reply is gone.
        classes = type(agent).__mro__
        usual = getattr(agent, SYNC)
        self._usual = (
            None
            if any(_is_marked(vars(one).get(SYNC)) for one in classes)
            else getattr(usual, "__func__", usual)
        )
        self._mark = object()  # in a context, it keeps neither agent nor hook alive
        self._found = {
            name: [one for one in functions if getattr(one, "__name__", "") == name]
            for name in (SYNC, ASYNC)
        }
        # Programs may have put another callable there for every agent, a mock that has no name.
        missing = [
            name
            for name, found in self._found.items()
            if not found and getattr(ConversableAgent, name) not in functions
        ]
        if missing:
            raise ConfigurationError(
                f"{agent.name} has no reply function named {' or '.join(missing)}, in whose place"
                " the memory answers: give the functions of its own model reply these names, or"
                " take a ConversableAgent"
            )

    def fill(
        self,
        reply: Callable[[Request], Reply],
        a_reply: Callable[[Request], Awaitable[Reply]],
        asked: Callable[[list[dict[str, Any]]], None] = lambda messages: None,
    ) -> None:
        """Let these answer from now on; `asked` is told the chat when a reply is asked for."""

        def generate_oai_reply(
            recipient: ConversableAgent,
            messages: list[dict[str, Any]] | None = None,
            sender: Agent | None = None,
            config: OpenAIWrapper | None = None,
            **further: Any,
        ) -> Reply:
            unaltered = self._noted()
            if self._was_silent(messages):
                return False, None
            return reply(
                Request.of_arguments(recipient, messages, sender, config, further, unaltered)
            )

        async def a_generate_oai_reply(
            recipient: ConversableAgent,
            messages: list[dict[str, Any]] | None = None,
            sender: Agent | None = None,
            config: OpenAIWrapper | None = None,
            **further: Any,
        ) -> Reply:
            unaltered = self._noted()
            override = self._override(recipient)
            if override is not None:
                return await _in_thread(
                    override, messages=messages, sender=sender, config=config, **further
                )
            found = await a_reply(
                Request.of_arguments(recipient, messages, sender, config, further, unaltered)
            )
            _SILENT.set(None if found[0] else (self._mark, messages))
            return found

        for function in (generate_oai_reply, a_generate_oai_reply):
            for replaced in self._found[function.__name__]:
                ours = ReplyFunction(function)
                functools.update_wrapper(ours, function)
                ours.replaced = replaced
                self._agent.replace_reply_func(replaced, ours)
        self._before_transforms(asked)

    def _override(self, recipient: ConversableAgent) -> Callable[..., Reply] | None:
        """What was put over the agent's synchronous reply; AutoGen's asynchronous one calls it."""
        method: Callable[..., Reply] = getattr(recipient, SYNC)
        function = getattr(method, "__func__", method)
        return None if function == self._usual or _is_marked(function) else method

    def _was_silent(self, messages: list[dict[str, Any]] | None) -> bool:
        """Whether the asynchronous reply to these messages has just said nothing.

        AutoGen would then ask the synchronous one: a second turn, on the event loop.
        """
        silent = _SILENT.get()
        _SILENT.set(None)
        return silent is not None and silent[0] is self._mark and silent[1] is messages

    def before_clearing(self, take_in: Callable[[Agent | None], None]) -> None:
        """Let `take_in` have a chat, or all with None, before AutoGen clears its history."""
        clear = self._agent.clear_history

        def clear_history(*args: Any, **kwargs: Any) -> None:
            agents = (one for one in (*args, *kwargs.values()) if isinstance(one, Agent))
            take_in(next(agents, None))
            clear(*args, **kwargs)

        self._agent.clear_history = functools.update_wrapper(clear_history, clear)

    def _before_transforms(self, asked: Callable[[list[dict[str, Any]]], None]) -> None:
        """Note what AutoGen passes to the message hooks, of which this is none.

        `asked` is called before the first of them, whichever that is in this version.
        """
        for name in (LAST, ALL):
            process = getattr(self._agent, name)

            def noting(messages: Any, *, process: Any = process, name: str = name) -> Any:
                first = _FIRST.get()
                if first is None or first[0] is not self._mark or first[1] == name:
                    _FIRST.set((self._mark, name))
                    asked(messages)
                else:
                    _FIRST.set(None)  # the second one of this reply
                if name == ALL:
                    _UNALTERED.set((self._mark, messages))
                return process(messages)

            setattr(self._agent, name, functools.update_wrapper(noting, process))

    def _noted(self) -> list[dict[str, Any]] | None:
        """What the hook noted for the reply that begins now."""
        noted = _UNALTERED.get()
        _UNALTERED.set(None)
        return noted[1] if noted is not None and noted[0] is self._mark else None


def _is_marked(function: Any) -> bool:
    return getattr(function, _MARK, None) == SYNC


async def _in_thread(reply: Callable[..., Reply], **arguments: Any) -> Reply:
    with shown_from_threads():
        return await asyncio.to_thread(reply, **arguments)
