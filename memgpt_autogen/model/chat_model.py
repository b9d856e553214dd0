"""The model call, over AutoGen's OpenAIWrapper: one request in, one completion out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memgpt_autogen.errors import ChatModelError
from memgpt_autogen.model.cache_markers import marked_messages, marked_tools, take_markers
from memgpt_autogen.model.client import ToollessClient, configs_of
from memgpt_autogen.model.completions import read_completion, said_in
from memgpt_autogen.model.overflow import overflow_of
from memgpt_autogen.model.safeguards import BLOCKED, guarded_message, guarded_prompt
from memgpt_autogen.steps import Completion

if TYPE_CHECKING:
    from autogen import OpenAIWrapper

_SIGNATURE_TEXT = re.compile(r"unexpected keyword argument|missing \d+ required")


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
        self._client = ToollessClient(client)
        self._cache = cache
        self._agent = agent
        self._configs = configs_of(client)
        self._marks = cache_markers and take_markers(self._configs)
        # With a context, AutoGen would take every content for a template, pictures too.
        filters = any(config.get("filter_func") for config in self._configs)
        self._context = context if filters else None
        self._options = options or {}

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> Completion:
        """One completion.

        Raises:
            ContextOverflowError: the request is larger than the model's window.
            ChatModelError: the provider's answer is no completion.
        """
        prompt = guarded_prompt(self._agent, messages)
        if prompt is None:
            if not tools:  # nobody hears a summary, so it must not be these words
                raise ChatModelError(BLOCKED)
            return Completion(text=BLOCKED)
        try:
            response = self._client.create(**self._arguments(prompt, tools))
            retrieved = self._client.extract_text_or_completion_object(response)
        except (TypeError, IndexError) as problem:
            if _SIGNATURE_TEXT.search(str(problem)):  # of the configuration, or a stand-in
                raise
            # OpenAIWrapper reads the response itself and trips over a malformed one
            raise ChatModelError(f"the model's answer is no completion: {problem}") from problem
        except Exception as problem:
            overflow = overflow_of(problem)
            if overflow is None:
                raise
            raise overflow from problem
        said = guarded_message(self._agent, said_in(response, retrieved))
        found = read_completion(response, said)
        if not self._marks or found.usage is None:
            return found
        return found.model_copy(update={"usage": found.usage.model_copy(update={"whole": False})})

    def _arguments(
        self, prompt: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "messages": marked_messages(prompt) if self._marks else prompt,
            "cache": self._cache,
            "agent": self._agent,
            "context": self._context,
        }
        if not tools:
            return arguments
        offered = marked_tools(tools, self._configs) if self._marks else list(tools)
        return {**self._options, **arguments, "tools": offered}


def model_of(client: OpenAIWrapper | None) -> str:
    """The name of the first model of a client's config_list."""
    return "" if client is None else str(configs_of(client)[0].get("model") or "")
