"""The seam: where AutoGen's own model reply stands in an agent, the memory's reply is put."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from autogen import Agent, ConversableAgent, OpenAIWrapper

from memgpt_autogen.errors import ConfigurationError

# The messages to which an asynchronous reply said nothing, by seam.
_SILENT: ContextVar[tuple[object, list[dict[str, Any]] | None] | None] = ContextVar(
    "memgpt_autogen_silent", default=None
)

Reply = tuple[bool, str | dict[str, Any] | None]

# AutoGen 0.14 pairs the sync and the async reply by these names.
SYNC, ASYNC = "generate_oai_reply", "a_generate_oai_reply"

# What AutoGen passed to the message hooks, by seam: the transforms' input.
_UNALTERED: ContextVar[tuple[object, list[dict[str, Any]]] | None] = ContextVar(
    "memgpt_autogen_unaltered", default=None
)


@dataclass(frozen=True)
class Request:
    """What AutoGen asks of a reply function.

    Attributes:
        messages: the chat as message transforms left it; None: as AutoGen keeps it.
        sender: whose chat it is.
        client: in the place of the agent's own.
        unaltered: the chat before the transforms, where there were any.
        tools: beside the agent's own, in the OpenAI `tools` format, for others to run.
    """

    messages: list[dict[str, Any]] | None = None
    sender: Agent | None = None
    client: OpenAIWrapper | None = None
    unaltered: list[dict[str, Any]] | None = None
    tools: Sequence[Mapping[str, Any]] = ()

    def with_messages(self, chats: Mapping[Agent, list[dict[str, Any]]]) -> Request:
        """The request, with the messages that AutoGen keeps where it names none."""
        return self if self.messages is not None else replace(self, messages=chats[self.sender])

    def of_now(self, chats: Mapping[Agent, list[dict[str, Any]]]) -> Request:
        """The request with lists of its own: the chat may go on before it is its turn."""
        request = self.with_messages(chats)
        messages = list(request.messages or ())
        unaltered = request.unaltered
        if unaltered is not None:
            unaltered = messages if unaltered is request.messages else list(unaltered)
        return replace(request, messages=messages, unaltered=unaltered)


class ReplyFunction(functools.partial[Any]):
    """A reply function that AutoGen takes for the one whose place it has.

    AutoGen finds reply functions by comparing them (`replace_reply_func`, `exclude=`), so
    what users say of the one that was there goes on having its effect. A partial of a
    coroutine function counts as a coroutine function everywhere.
    """

    replaced: Callable[..., Any]

    def __eq__(self, other: object) -> bool:
        return self is other or other == self.replaced

    def __hash__(self) -> int:
        return hash(self.replaced)


class Seam:
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
        self._mark = object()  # in a context, it keeps neither agent nor seam alive
        self._found = {
            name: [one for one in functions if getattr(one, "__name__", "") == name]
            for name in (SYNC, ASYNC)
        }
        missing = [name for name, found in self._found.items() if not found]
        if missing:
            raise ConfigurationError(
                f"{agent.name} has no reply function named {' or '.join(missing)}, in whose place"
                " the memory answers: give the functions of its own model reply these names, or"
                " take a ConversableAgent"
            )

    def fill(
        self, reply: Callable[[Request], Reply], a_reply: Callable[[Request], Awaitable[Reply]]
    ) -> None:
        """Let these answer from now on."""

        def generate_oai_reply(
            _recipient: ConversableAgent,
            messages: list[dict[str, Any]] | None = None,
            sender: Agent | None = None,
            config: OpenAIWrapper | None = None,
            **further: Any,
        ) -> Reply:
            unaltered = self._noted()
            if self._was_silent(messages):
                return False, None
            tools = further.get("tools") or ()
            return reply(Request(messages, sender, config, unaltered, tools))

        async def a_generate_oai_reply(
            _recipient: ConversableAgent,
            messages: list[dict[str, Any]] | None = None,
            sender: Agent | None = None,
            config: OpenAIWrapper | None = None,
            **further: Any,
        ) -> Reply:
            tools = further.get("tools") or ()
            found = await a_reply(Request(messages, sender, config, self._noted(), tools))
            _SILENT.set(None if found[0] else (self._mark, messages))
            return found

        for function in (generate_oai_reply, a_generate_oai_reply):
            for replaced in self._found[function.__name__]:
                ours = ReplyFunction(function)
                functools.update_wrapper(ours, function)
                ours.replaced = replaced
                self._agent.replace_reply_func(replaced, ours)
        self._agent.register_hook("process_all_messages_before_reply", self._note)

    def _was_silent(self, messages: list[dict[str, Any]] | None) -> bool:
        """Whether the asynchronous reply to these messages has just said nothing.

        AutoGen would then ask the synchronous one: a second turn, on the event loop.
        """
        silent = _SILENT.get()
        _SILENT.set(None)
        return silent is not None and silent[0] is self._mark and silent[1] is messages

    def before_clearing(self, absorb: Callable[[Agent | None], None]) -> None:
        """Let `absorb` have a chat, or all with None, before AutoGen clears its history."""
        clear = self._agent.clear_history

        def clear_history(
            recipient: Agent | None = None, nr_messages_to_preserve: int | None = None
        ) -> None:
            absorb(recipient)
            clear(recipient, nr_messages_to_preserve)

        self._agent.clear_history = functools.update_wrapper(clear_history, clear)

    def _note(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A hook that comes before those of transforms added later, and changes nothing."""
        _UNALTERED.set((self._mark, messages))
        return messages

    def _noted(self) -> list[dict[str, Any]] | None:
        """What the hook noted for the reply that begins now."""
        noted = _UNALTERED.get()
        _UNALTERED.set(None)
        return noted[1] if noted is not None and noted[0] is self._mark else None
