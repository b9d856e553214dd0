"""The model of a client: openai's own client behind what a turn needs, streamed where watched."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import openai

from memgpt_autogen.client.configuration import Entry
from memgpt_autogen.engine.turn_lock import Stop, TurnStopped
from memgpt_autogen.errors import ChatModelError
from memgpt_autogen.model.completions import read_completion
from memgpt_autogen.model.protocol.dialect import shaped
from memgpt_autogen.model.protocol.refusals import overflow_of, refusal_of
from memgpt_autogen.model.protocol.rules import DEFAULT_RULES, ServerRules
from memgpt_autogen.steps import Completion

_NOTHING: Mapping[str, Any] = {}
_THOUGHTS = ("reasoning_content", "reasoning")


@dataclass
class Growing:
    """An answer as far as it has come; `calls` are pairs of a name and arguments."""

    text: str = ""
    thoughts: str = ""
    calls: list[list[str]] = field(default_factory=list)


Watch = Callable[[Growing], None]


@dataclass(frozen=True)
class OpenAIChatModel:
    """Asks the entries in their order: the next one where one fails.

    Attributes:
        entries: what is asked.
        watch: is told of each piece of what is said to others or called; answers are streamed
            for it.
        stop: once set, no answer is waited for.
    """

    entries: tuple[Entry, ...]
    watch: Watch | None = None
    stop: Stop | None = None

    def during(self, watch: Watch | None, stop: Stop | None) -> OpenAIChatModel:
        """The same model for one turn."""
        return replace(self, watch=watch, stop=stop)

    @property
    def name(self) -> str:
        """The model's."""
        return self.entries[0].model

    @property
    def parameters(self) -> Collection[str]:
        """Names of what is sent beside messages and tools."""
        sent = {key for entry in self.entries for key in entry.parameters}
        return frozenset(sent | ({"stream", "stream_options"} if self.watch else set()))

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

        Raises:
            ContextOverflowError: the request is larger than the model's window.
            ChatModelError: the provider's answer is no completion.
            TurnStopped: nobody waits for it any more.
        """
        shown, offered, shape = shaped(messages, tools, rules)
        body: dict[str, Any] = {**shape, **further, "messages": list(shown)}
        if offered:
            body["tools"] = list(offered)
        is_watched = (bool(tools) or heard) and "response_format" not in body
        watch = self.watch if is_watched and "stream" not in rules.without else None
        for number, entry in enumerate(self.entries, 1):
            try:
                response = self._unless_stopped(partial(_answer, entry, body, rules, watch))
                return read_completion(response, None, [one["function"]["name"] for one in tools])
            except openai.APIError as problem:
                overflow = overflow_of(problem)
                if overflow is not None:
                    raise overflow from problem
                if number == len(self.entries) or refusal_of(problem) is not None:
                    raise
        raise ChatModelError("there is no model to ask")

    def _unless_stopped(self, ask: Callable[[], Any]) -> Any:
        """What `ask` returns; it goes on unheard in its thread where the turn is stopped."""
        stop = self.stop
        if stop is None:
            return ask()
        told: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()

        def work() -> None:
            try:
                response = ask()
            except BaseException as problem:  # noqa: BLE001 - it is raised where it is waited for
                told.put(partial(_raised, problem))
            else:
                told.put(lambda: response)

        with stop.telling(lambda: told.put(None)):
            threading.Thread(target=work, name="memgpt model call", daemon=True).start()
            found = told.get()
        if found is None:
            raise TurnStopped
        return found()


def _raised(problem: BaseException) -> Any:
    raise problem


def _answer(entry: Entry, body: Mapping[str, Any], rules: ServerRules, watch: Watch | None) -> Any:
    """The response of one entry; with the parameters that its server takes."""
    body = {**entry.parameters, **body}
    if "max_tokens" in rules.without and "max_tokens" in body:
        body.setdefault("max_completion_tokens", body["max_tokens"])
    body = {key: value for key, value in body.items() if key not in rules.without}
    # As `extra_body` it passes openai's transform, which is slow, unseen (model/direct.py).
    create = entry.client.chat.completions.create
    if watch is None:
        return create(model=entry.model, messages=[], extra_body=body)
    if "stream_options" not in rules.without:
        body["stream_options"] = {"include_usage": True}
    stream = create(model=entry.model, messages=[], stream=True, extra_body=body)
    with stream:
        return _gathered(stream, watch)


def _gathered(chunks: Iterable[Any], watch: Watch) -> dict[str, Any]:
    """A streamed response as if it had come at once."""
    answer, usage, reason = Growing(), None, None
    ids: list[str] = []
    extras: list[Any] = []
    for chunk in chunks:
        usage = getattr(chunk, "usage", None) or usage
        for choice in (getattr(chunk, "choices", None) or ())[:1]:
            reason = choice.finish_reason or reason
            delta = choice.delta
            answer.text += getattr(delta, "content", None) or getattr(delta, "refusal", None) or ""
            answer.thoughts += next(
                filter(None, (getattr(delta, one, None) for one in _THOUGHTS)), ""
            )
            for piece in getattr(delta, "tool_calls", None) or ():
                at = len(ids) - 1 if piece.index is None else piece.index
                if at >= len(ids) or (piece.id and piece.index is None):
                    ids.append("")
                    extras.append(None)
                    answer.calls.append(["", ""])
                    at = len(ids) - 1
                ids[at] = ids[at] or piece.id or ""
                extras[at] = getattr(piece, "extra_content", None) or extras[at]
                if piece.function is not None:
                    answer.calls[at][0] = answer.calls[at][0] or piece.function.name or ""
                    answer.calls[at][1] += piece.function.arguments or ""
        with suppress(TurnStopped):
            watch(answer)
    calls = [
        {"id": id_, "function": {"name": name, "arguments": text}, "extra_content": extra}
        for id_, (name, text), extra in zip(ids, answer.calls, extras, strict=True)
    ]
    message = {
        "content": answer.text or None,
        "reasoning_content": answer.thoughts or None,
        "tool_calls": calls,
    }
    return {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}
