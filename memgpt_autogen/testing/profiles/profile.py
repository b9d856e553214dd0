"""What a provider is made of here: rules that refuse requests, and its manner of answering."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Body = dict[str, Any]
Fields = Mapping[str, Any]
Find = Callable[[Body], Fields | None]

THINKING_OFF = {"type": "disabled"}  # DeepSeek's parameter `thinking`


@dataclass(frozen=True)
class Rule:
    """One thing that a provider refuses, and in which words.

    Attributes:
        name: short, unique in its profile; `Profile.plus` and `minus` go by it.
        find: the first breach in a request, as the fields of `words`; None where there is
            none. A field `size` says how much was too much, `subject` what it was about.
        words: the provider's message, filled with the fields.
        source: where it is documented or was reported: addresses, or issues (owner/name#1).
        status: the HTTP status.
        learnable: a client that knows OpenAI's protocol cannot know the rule before it
            is refused; only not to learn from the refusal is a mistake.
        about: further members of the error, filled too; they go before the profile's.
    """

    name: str
    find: Find
    words: Any
    source: str
    status: int = 400
    learnable: bool = True
    about: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A request that was refused: by which rule, in which words, with which body."""

    rule: Rule
    message: str
    body: Any
    size: int = 0
    subject: str = ""

    def repeats(self, other: Refusal) -> bool:
        """Whether it could have been known from `other`: not less, and about the same."""
        same = (self.rule.name, self.subject) == (other.rule.name, other.subject)
        return same and self.size >= other.size


@dataclass(frozen=True)
class Overflow:
    """How a prompt over the window is refused.

    Attributes:
        words: filled with `prompt`, `window`, `reserved` (for the reply) and `asked`, their sum.
        source: where it was reported.
        with_reply: the words for a prompt that fits, but not with the reply reserved for
            it; None where the reply does not count.
        least_reply: tokens that must be left for the reply in any case.
        about: further members of the error, filled too.
    """

    words: str
    source: str
    with_reply: str | None = None
    least_reply: int = 0
    about: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """A provider behind OpenAI's protocol; change one with `dataclasses.replace`.

    Attributes:
        name: the provider.
        rules: what it refuses, in the order in which it looks.
        options: what only some of its models or set-ups refuse; `plus` puts them in force.
        overflow: how it refuses a prompt over the window.
        envelope: the error inside "error", beside "object": "error", or in a list of one.
        about: the members that each error has beside its message.
        truncates: a prompt over the window is cut, not refused, and nobody is told.
        lists_window: the list of models tells the window.
        thinks: the field that holds a model's thoughts; in the content they stand in <think>.
        thought: what the model thinks where the script does not say; None is nothing.
        calls_in_text: calls arrive as text, for want of a parser.
        call_ids: the form of the ids; "absent" and "empty" also where the script gives one.
        finish_with_calls: the finish_reason of a message with calls.
        content_beside_calls: the content of a message that holds calls only.
        arguments: the type in which a call's arguments arrive.
        no_arguments: what arrives in place of "{}".
        signs_calls: the first call of a message carries a signature that must come back.
        usage: whether the tokens are told; "running" is the sum since the start.
    """

    name: str
    rules: tuple[Rule, ...]
    options: tuple[Rule, ...]
    overflow: Overflow
    envelope: Literal["nested", "flat", "list"] = "nested"
    about: Fields = field(default_factory=dict)
    truncates: bool = False
    lists_window: bool = False
    thinks: Literal["reasoning_content", "reasoning", "content"] = "reasoning_content"
    thought: str | None = None
    calls_in_text: bool = False
    call_ids: Literal["call", "nine", "empty", "absent"] = "call"
    finish_with_calls: str = "tool_calls"
    content_beside_calls: str | None = None
    arguments: Literal["string", "object"] = "string"
    no_arguments: str | None = "{}"
    signs_calls: bool = False
    usage: Literal["right", "absent", "null", "zero", "running"] = "right"

    def plus(self, *rules: str | Rule) -> Profile:
        """The profile with options in force, or with rules of one's own in place of namesakes."""
        added = [self.rule(rule) if isinstance(rule, str) else rule for rule in rules]
        force = {rule.name: rule for rule in (*self.rules, *added)}
        return replace(self, rules=tuple(force.values()))

    def minus(self, *names: str) -> Profile:
        """The profile with these rules as options, out of force."""
        gone = [self.rule(name) for name in names]
        kept = tuple(rule for rule in self.rules if rule not in gone)
        return replace(self, rules=kept, options=(*self.options, *gone))

    def rule(self, name: str) -> Rule:
        """The rule or option of that name; ValueError where there is none."""
        known = {rule.name: rule for rule in (*self.options, *self.rules)}
        if name not in known:
            raise ValueError(f"{self.name} has no rule {name!r}; it has {', '.join(known)}")
        return known[name]

    def refusal(self, body: Body) -> Refusal | None:
        """The first rule that `body` breaks, as the answer to it."""
        for rule in self.rules:
            if (found := rule.find(body)) is not None:
                fields = {"model": body.get("model"), **found}
                message = _filled(rule.words, fields)
                answer = self.error(message, _filled(rule.about, fields))
                size, subject = fields.get("size", 0), fields.get("subject", "")
                return Refusal(rule, str(message), answer, size, subject)
        return None

    def overflow_error(self, window: int, prompt: int, reserved: int) -> Any:
        """The body with which a prompt of that many tokens is refused; None when it fits."""
        words, asked = self.overflow.words, prompt + reserved
        if prompt + self.overflow.least_reply <= window:
            if self.overflow.with_reply is None or asked <= window:
                return None
            words = self.overflow.with_reply
        fields = {"window": window, "prompt": prompt, "reserved": reserved, "asked": asked}
        return self.error(words.format_map(fields), _filled(self.overflow.about, fields))

    def error(self, message: Any, about: Fields | None = None) -> Any:
        """An error body in the provider's form."""
        inner = {"message": message, **self.about, **(about or {})}
        if self.envelope == "flat":
            return {"object": "error", **inner}
        return [{"error": inner}] if self.envelope == "list" else {"error": inner}


def _filled(value: Any, fields: Fields) -> Any:
    """A text with its fields; one that is nothing but a field is that field's value."""
    if isinstance(value, str):
        alone = value[:1] == "{" and value[1:-1] in fields
        return fields[value[1:-1]] if alone else value.format_map(fields)
    if isinstance(value, dict):
        return {key: _filled(inner, fields) for key, inner in value.items()}
    return [_filled(inner, fields) for inner in value] if isinstance(value, list) else value
