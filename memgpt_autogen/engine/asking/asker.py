"""The asker: one completion of the main context, whatever the provider says to it.

What is too large is made to fit; what the model's server does not take is learnt as a rule,
and asked in another form; what it refuses for what it holds is set aside, so that a prompt
that is refused once is not refused for ever.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from memgpt_autogen.engine.asking.withheld import changes_of, without_pictures
from memgpt_autogen.engine.deciding.decider import Decider
from memgpt_autogen.engine.main_context import Queued
from memgpt_autogen.engine.queue_manager import QueueManager, Room, Schemas
from memgpt_autogen.errors import ContextOverflowError
from memgpt_autogen.model.chat_model import ChatModel
from memgpt_autogen.model.protocol.refusals import (
    gist,
    is_too_large,
    refusal_of,
    takes_no_pictures,
)
from memgpt_autogen.model.protocol.rules import DEFAULT_RULES, ServerRules, rules_after
from memgpt_autogen.model.reports import Reports
from memgpt_autogen.steps import Completion

logger = logging.getLogger(__name__)

OVERFLOW_RETRIES = 4
_RULES = 6  # kinds of refusal that one request may meet, one after another

# Any client may stand behind AutoGen's, with errors of its own.
FAILURES = (Exception,)


class _RefusedError(Exception):
    """The provider refuses the request for what it is; `why` is its own error."""

    def __init__(self, why: Exception) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(eq=False)
class Asker:
    """Asks the model.

    Attributes:
        queue: whose main context is asked about.
        decider: knows how functions are offered, and asks small models.
    """

    queue: QueueManager
    decider: Decider
    _reports: Reports = field(default_factory=Reports)
    _accepted: list[Queued] = field(default_factory=list)  # the queue of the last answer
    _accepted_bytes: int = 0  # of its pictures
    _refused_pictures: int = 0
    _partner: str | None = None  # whose queue it was
    _head: tuple[str, str] | None = None  # core memory and summary as they were then

    def ask(self, model: ChatModel, room: Room) -> Completion:
        """The model's completion of the main context, made to fit its window.

        Raises:
            ConfigurationError: the window does not even hold the fixed parts.
            ContextOverflowError: the provider refuses even the smallest prompt.
            Exception: errors of the provider, unchanged.
        """
        self._turn_to_partner()
        try:
            completion = self._fitting(model, room)
        except _RefusedError as refused:
            completion = self._without(model, room, refused.why)
        context = self.queue.context
        self._accepted, self._head = list(context.entries), context.fixed
        self._accepted_bytes = sum(one.image_bytes for one in context.pictured())
        return completion

    def _turn_to_partner(self) -> None:
        """Forget what was accepted for another partner, from whom this one is kept apart."""
        partners = self.queue.partners
        present = partners.partner if partners.apart else None
        if present != self._partner:
            self._partner, self._accepted, self._accepted_bytes = present, [], 0
            self._head = None

    def summarized(self, model: ChatModel, system: str, text: str) -> str:
        """What the model makes of a text, without functions, by the rules that were learnt."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        completion = model.complete(messages, (), self._rules(model))
        self.queue.state.counters.count_call(completion.usage)
        return completion.text

    @property
    def _learnt(self) -> dict[str, ServerRules]:
        """The rules of servers, by the model's name; kept with the agent's state."""
        return self.queue.state.server_rules

    def _rules(self, model: ChatModel) -> ServerRules:
        rules = self._learnt.get(model.name, DEFAULT_RULES)
        if self.decider.tool_mode == "auto" and not self.decider.decides(model.name):
            return rules
        return rules.having(tools=self.decider.tool_mode == "native")

    def _keep(self, model: ChatModel, rules: ServerRules) -> None:
        """Remember rules; what the settings say about tools is none of the server's."""
        if self.decider.tool_mode != "auto" or self.decider.decides(model.name):
            rules = rules.having(tools=self._learnt.get(model.name, DEFAULT_RULES).tools)
        self._learnt[model.name] = rules

    # --- too large ---------------------------------------------------------------

    def _fitting(self, model: ChatModel, room: Room) -> Completion:
        queue = self.queue
        for _ in range(OVERFLOW_RETRIES):
            queue.make_room(room)
            try:
                return self._shaped(model, room.tools)
            except ContextOverflowError as problem:
                logger.info("the provider refused the prompt as too large: %s", problem)
                if not queue.overflowed(problem, room):
                    raise
        queue.make_room(room)
        return self._shaped(model, room.tools)

    # --- in another form -------------------------------------------------------------

    def _shaped(self, model: ChatModel, tools: Schemas, *, known_words: str = "") -> Completion:
        """A completion by the rules that were learnt, or by those that the refusals teach.

        Args:
            model: is asked.
            tools: go with the prompt.
            known_words: the gist of a refusal that no other form has avoided.
        """
        known = rules = self._rules(model)
        first: Exception | None = None
        waiting: list[ServerRules] = []
        tried = [rules]
        while True:
            try:
                completion = self._sent(model, tools, rules)
            except ContextOverflowError:
                raise
            except FAILURES as problem:
                words = refusal_of(problem)
                if words is None:
                    raise
                first = first or problem
                pictures = takes_no_pictures(problem) and self.queue.context.pictured()
                if not pictures and gist(words) != known_words:
                    sent, mode = model.parameters, self.decider.tool_mode
                    more = rules_after(rules, words, parameters=sent, mode=mode)
                    waiting = [one for one in (*more, *waiting) if one not in tried]
                if not waiting or len(tried) > _RULES:
                    refused, first = _RefusedError(first), None
                    raise refused from None
                rules = waiting.pop(0)
                tried.append(rules)
            else:
                if rules != known:
                    self._learn(model, rules, str(first))
                first = None  # it holds this frame, and with it the client's connection
                return completion

    def _learn(self, model: ChatModel, rules: ServerRules, why: str) -> None:
        self._keep(model, rules)
        changed = {key: value for key, value in rules if value != getattr(DEFAULT_RULES, key)}
        logger.info("%s is asked in another form (%s): %s", model.name, changed, why[:300])

    def _sent(self, model: ChatModel, tools: Schemas, rules: ServerRules) -> Completion:
        context = self.queue.context
        context.most_images, context.most_image_bytes = rules.images, rules.image_bytes
        if self.decider.decides(model.name):
            return self.decider.complete(model, context, tools, rules)
        counted = context.counted(tools)
        completion = model.complete(context.render(), tools, rules)
        if completion.usage and completion.usage.whole:
            self._heard(counted, completion.usage.prompt_tokens, tools)
        return completion

    def _heard(self, counted: int, reported: int, tools: Schemas) -> None:
        """Learn from the number of tokens that the server reports, as far as it can be true."""
        context = self.queue.context
        expected = context.counter.corrected(counted)
        if not self._reports.is_cut(counted, reported, expected):
            context.counter.learn(counted, reported)
            return
        window = self._reports.window
        if window is None or window >= context.budget.window:
            return
        lowered = context.lower(window, tools)
        logger.warning(
            "The server of %s seems to cut prompts silently: it reports %d tokens for one of about"
            " %d. Let it take more (Ollama: num_ctx, or OLLAMA_CONTEXT_LENGTH; llama.cpp: -c), or"
            " say what it takes (context_window=%d). Until then prompts are kept to %d tokens.",
            context.counter.model, reported, expected, window, lowered,
        )  # fmt: skip

    # --- refused for what it holds -------------------------------------------------------

    def _without(self, model: ChatModel, room: Room, why: Exception) -> Completion:
        """A completion without what entered since the last one, as little of it as will do.

        What was looked up ahead first, then pictures, the newest messages one by one, all of
        them, the results of calls, and core memory and summary as they were. Where even that is
        refused, the fault is another, and all stays as it was.
        """
        context, rules = self.queue.context, self._rules(model)
        whole, head = list(context.entries), context.fixed
        ask = partial(self._shaped, model, room.tools, known_words=gist(refusal_of(why) or ""))
        try:
            if context.prefetched is not None:
                context.show_ahead(None)
                with contextlib.suppress(_RefusedError):
                    return self._told(ask(), "what was looked up in memory", why)
            for fewer, what in self._with_fewer_pictures(rules, why):
                self._keep(model, fewer)
                with contextlib.suppress(_RefusedError):
                    completion = ask()
                    if fewer.images == 0 and not self._is_blind(why):
                        self._keep(model, rules)
                        context.entries[:] = without_pictures(whole, self._suspects(whole))
                    return self._told(completion, what, why)
            self._keep(model, rules)
            what = "new entries of the queue"
            for entries, what in changes_of(whole, self._suspects(whole)):
                context.entries[:] = entries
                with contextlib.suppress(_RefusedError):
                    return self._told(ask(), what, why)
            if self._head is not None and self._head != head:
                context.fixed = self._head
                with contextlib.suppress(_RefusedError):
                    return self._told(ask(), f"{what} and what is new in core memory", why)
        except BaseException:
            self._restore(model, rules, whole, head)
            raise
        self._restore(model, rules, whole, head)
        raise why

    def _restore(
        self, model: ChatModel, rules: ServerRules, entries: list[Queued], head: tuple[str, str]
    ) -> None:
        self._keep(model, rules)
        self.queue.context.entries[:], self.queue.context.fixed = entries, head

    def _suspects(self, entries: Sequence[Queued]) -> list[int]:
        """The places of what entered since the last answer; after a restart all may have."""
        known = {id(entry) for entry in self._accepted}
        return [at for at, entry in enumerate(entries) if id(entry) not in known]

    def _with_fewer_pictures(
        self, rules: ServerRules, why: Exception
    ) -> Iterator[tuple[ServerRules, str]]:
        """The rules with only the newest pictures, then with none; each with what it leaves out."""
        pictured, large = self.queue.context.pictured(), is_too_large(why)
        known = set(map(id, self._accepted))
        if not pictured or not (large or any(id(one) not in known for one in pictured)):
            return
        newest = pictured[0]
        if len(pictured) > 1 and large:
            room = max(newest.image_bytes, self._accepted_bytes)
            yield rules.having(image_bytes=room), "older pictures"
        elif len(pictured) > 1:
            yield rules.having(images=len(newest.images)), "older pictures"
        yield rules.having(images=0, image_bytes=None), "pictures"

    def _is_blind(self, why: Exception) -> bool:
        """Whether the model takes no picture, rather than not this one."""
        self._refused_pictures += 1
        return takes_no_pictures(why) or (self._refused_pictures > 1 and not self._accepted_bytes)

    def _told(self, completion: Completion, what: str, why: Exception) -> Completion:
        """The completion, with what the model was not shown; the program is told once."""
        logger.warning(
            "The provider refused a request of %s: %s. It was answered without %s. Where a message"
            " was at fault, a note stands in its place from now on; recall storage keeps it.",
            self.queue.name, str(why)[:300], what,
        )  # fmt: skip
        return completion.model_copy(update={"withheld": f"{what}: {why}"})
