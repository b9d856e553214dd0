"""The model call, over AutoGen's OpenAIWrapper: one request in, one completion out."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from memgpt_autogen.errors import ChatModelError
from memgpt_autogen.model.cache_markers import marked_messages, marked_tools, take_markers
from memgpt_autogen.model.completions import read_completion, said_in
from memgpt_autogen.model.direct import sending_directly
from memgpt_autogen.model.protocol.dialect import shaped
from memgpt_autogen.model.protocol.refusals import overflow_of
from memgpt_autogen.model.protocol.rules import DEFAULT_RULES, ServerRules
from memgpt_autogen.model.safeguards import (
    BLOCKED,
    MODEL_HOOKS,
    guarded_message,
    guarded_prompt,
)
from memgpt_autogen.steps import Completion, FunctionCall

if TYPE_CHECKING:
    from autogen import OpenAIWrapper

_TOOL_KEYS = ("tools", "functions")
_CHOICE_KEYS = ("tool_choice", "parallel_tool_calls")
_TEMPLATE_KEYS = ("allow_format_str_template",)
_ALL_KEYS = (*_TOOL_KEYS, *_CHOICE_KEYS, *_TEMPLATE_KEYS)
# Stands for an answer that no parser reads, so that the model is told of it.
_UNREADABLE = FunctionCall(id="", name="an_answer_nested_too_deeply", arguments="{}")
# Of a config_list's entry, what is no parameter of the request.
_NOT_SENT = {"model", "api_key", "base_url", "api_type", "price", "tags", "messages", "tools"}
_NOTHING: Mapping[str, Any] = {}
_SIGNATURE_TEXT = re.compile(r"unexpected keyword argument|missing \d+ required")


class ChatModel(Protocol):
    """What a turn needs of a model.

    Attributes:
        name: by which its server's rules are remembered.
        parameters: names of what is sent beside messages and tools.
    """

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> Collection[str]: ...

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        rules: ServerRules = ...,
        *,
        further: Mapping[str, Any] = ...,
        heard: bool = ...,
    ) -> Completion:
        """One completion; raises `ContextOverflowError` when the request is too large."""
        ...


class AutoGenChatModel:
    """Calls the model through an agent's client.

    So its config_list fallback, cache, custom model clients and usage summary go on
    working.

    Errors of the provider reach the caller as they are, as with any AutoGen agent;
    only an overflow of the context window becomes `ContextOverflowError`, whichever
    library reports it.

    Args:
        client: the agent's.
        cache: AutoGen's, if any.
        agent: whose replies they are.
        context: of the last message, for a `filter_func` of the configuration.
        options: further arguments for the calls that may use tools, not for summaries.

    Attributes:
        name: the model's.
        parameters: names of what is sent beside messages and tools.
        tools: those of the client's configuration.
        formats_texts: texts are templates for `str.format`, where a message brings a context.
    """

    def __init__(
        self,
        client: OpenAIWrapper,
        *,
        cache: Any = None,
        agent: Any = None,
        context: Any = None,
        options: Mapping[str, Any] | None = None,
        cache_markers: bool = False,
    ) -> None:
        self.tools = tools_of(client, agent)
        self.name = model_of(client)
        self._client = client
        self._cache = cache
        self._agent = agent
        self._configs = configs_of(client)
        self.formats_texts = bool(self._configs[0].get("allow_format_str_template"))
        self._marks = cache_markers and take_markers(self._configs)
        # With a context, AutoGen would take every content for a template, pictures too.
        filters = any(config.get("filter_func") for config in self._configs)
        self._context = context if filters else None
        self._options = options or {}
        sent = {*self._options, *(key for config in self._configs for key in config)}
        self.parameters = frozenset(sent - _NOT_SENT)
        hooks = getattr(agent, "hook_lists", {})
        self._guarded = any(hooks.get(name) for name in MODEL_HOOKS)

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        rules: ServerRules = DEFAULT_RULES,
        *,
        further: Mapping[str, Any] = _NOTHING,
        heard: bool = False,
    ) -> Completion:
        """One completion, of a request shaped by the server's rules.

        Args:
            messages: the prompt.
            tools: that may be called.
            rules: of the server.
            further: parameters of this request alone.
            heard: the words are for others, though no tools are offered; a summary's are not.

        Raises:
            ContextOverflowError: the request is larger than the model's window.
            ChatModelError: the provider's answer is no completion.
        """
        if rules.alternate and "mistral" in self.name:  # AutoGen makes its system message a user's
            rules = rules.having(system=False)
        shown, offered, shape = shaped(messages, tools, rules)
        prompt = guarded_prompt(self._agent, shown) if self._guarded else shown
        if prompt is None:
            if not (tools or heard):  # nobody hears a summary, so it must not be these words
                raise ChatModelError(BLOCKED)
            return Completion(
                text=BLOCKED,
                retrieved={"content": BLOCKED, "role": "assistant"},  # as AutoGen's
            )
        try:
            arguments = self._arguments(prompt, offered)
            response, retrieved = self._answer(rules.without, {**shape, **further}, arguments)
        except RecursionError:
            return Completion(calls=(_UNREADABLE,))
        said = said_in(response, retrieved)
        if self._guarded and said is not None:
            said = guarded_message(self._agent, said)
        found = read_completion(response, said, [one["function"]["name"] for one in tools])
        if not self._marks or found.usage is None:
            return found
        return found.model_copy(update={"usage": found.usage.model_copy(update={"whole": False})})

    def _answer(
        self, without: Collection[str], further: Mapping[str, Any], arguments: Mapping[str, Any]
    ) -> tuple[Any, Any]:
        """The response, and what the client makes of it."""
        try:
            response = self._create(without, further, **arguments)
            return response, self._client.extract_text_or_completion_object(response)
        except (TypeError, IndexError, AttributeError) as problem:
            if _SIGNATURE_TEXT.search(str(problem)):  # of the configuration, or a stand-in
                raise
            # OpenAIWrapper reads the response itself and trips over a malformed one
            raise ChatModelError(f"the model's answer is no completion: {problem}") from problem
        except Exception as problem:
            overflow = overflow_of(problem)
            if overflow is None:
                raise
            raise overflow from problem

    def _arguments(
        self, prompt: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "messages": marked_messages(prompt) if self._marks else list(prompt),
            "cache": self._cache,
            "agent": self._agent,
            "context": self._context,
        }
        if not tools:
            return arguments
        offered = marked_tools(tools, self._configs) if self._marks else list(tools)
        return {**self._options, **arguments, "tools": offered}

    def _create(
        self, without: Collection[str], further: Mapping[str, Any], **arguments: Any
    ) -> Any:
        """`OpenAIWrapper.create` with no other tools than those of this call.

        Args:
            without: parameters that are left out.
            further: parameters that AutoGen would read as something else.
            arguments: of `create`.

        AutoGen lets the tools of the configuration win over those of a call (0.2, 0.9) or
        adds the two up (0.14), so memory functions would be dropped or doubled. It would
        also take the whole main context for templates. The usage is counted in the agent's
        own client.
        """
        # Without tools, providers refuse what is said about the choice of one.
        keys = (*_TOOL_KEYS, *_TEMPLATE_KEYS) if arguments.get("tools") else _ALL_KEYS
        keys = (*keys, *without)
        arguments = {key: value for key, value in arguments.items() if key not in without}
        configs = configs_of(self._client)
        clients = getattr(self._client, "_clients", None)
        if not isinstance(clients, list):  # a stand-in for AutoGen's
            return self._client.create(**arguments)
        bare = copy.copy(self._client)
        bare._config_list = [  # noqa: SLF001 - AutoGen has no way to leave them out
            _config(config, keys, further) for config in configs
        ]
        bare._clients = sending_directly(clients)  # noqa: SLF001 - nor to choose another way
        try:
            return bare.create(**arguments)
        finally:  # the usage, and whose turn it is where the entries take turns
            own = ("_config_list", "_clients")
            kept = {key: value for key, value in vars(bare).items() if key not in own}
            vars(self._client).update(kept)


def _config(
    config: Mapping[str, Any], keys: Collection[str], further: Mapping[str, Any]
) -> dict[str, Any]:
    """An entry of the config_list without these keys, and with further parameters."""
    found = {key: value for key, value in config.items() if key not in keys}
    if "max_tokens" in keys and "max_tokens" in config and "max_completion_tokens" not in keys:
        found["max_completion_tokens"] = config["max_tokens"]
    body = {**(config.get("extra_body") or {}), **further}
    body = {key: value for key, value in body.items() if key not in keys}
    return {**found, "extra_body": body} if body else found


def model_of(client: OpenAIWrapper | None) -> str:
    """The name of the first model of a client's config_list."""
    return "" if client is None else str(configs_of(client)[0].get("model") or "")


def tools_of(client: OpenAIWrapper, agent: Any = None) -> list[dict[str, Any]]:
    """The tools in a client's configuration, old-style functions among them.

    A stand-in for AutoGen's client has none: there the agent's configuration tells.
    """
    config = configs_of(client)[0] or getattr(agent, "llm_config", None) or {}
    tools = [dict(tool) for tool in config.get("tools") or ()]
    functions = [{"type": "function", "function": dict(f)} for f in config.get("functions") or ()]
    return [*tools, *functions]


def configs_of(client: OpenAIWrapper) -> list[dict[str, Any]]:
    """The entries of a client's config_list; one empty entry for a stand-in that has none."""
    configs = getattr(client, "_config_list", None)
    return list(configs) if isinstance(configs, Sequence) and configs else [{}]
