"""Server rules: what a model and its server take, as far as their refusals have shown it.

Nobody can tell from an address which chat template or which model answers behind it, so
the rules are learnt: each kind of refusal has a rule that avoids the next one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

ToolMode = Literal["native", "json", "decide", "auto"]


class ServerRules(BaseModel):
    """How a request must be shaped for one model.

    Attributes:
        alternate: user and assistant must take turns, after one system message at the most.
        system: there may be a system message.
        tools: functions are offered and called natively; without, in the text, as JSON.
        schema_keywords: the functions' schemas may hold more than plain types.
        response_format: what a JSON answer can be held to: a schema, any object, nothing.
        images: so many of the newest pictures pass; None: as many as there are.
        image_bytes: so many bytes of pictures pass; None: as many as the settings allow.
        beside_calls: the content of a message with calls: as it is, never null, or none at all.
        thoughts: the model's thoughts go back with its calls.
        signatures: what came with a call goes back with it.
        without: parameters of the request that are left out.
    """

    model_config = ConfigDict(frozen=True)

    alternate: bool = False
    system: bool = True
    tools: bool = True
    schema_keywords: bool = True
    response_format: Literal["schema", "object", "none"] = "schema"
    images: int | None = None
    image_bytes: int | None = None
    beside_calls: Literal["any", "text", "nothing"] = "any"
    thoughts: bool = False
    signatures: bool = False
    without: tuple[str, ...] = ()

    def having(self, **changed: Any) -> ServerRules:
        """The rules with some of them changed."""
        return self.model_copy(update=changed)


DEFAULT_RULES = ServerRules()
"""Those of OpenAI, by which a server is asked that has refused nothing yet."""


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


_FILTERED = _words(
    "content.?filter",
    "content.?management",
    "policy",
    "moderation",
    "safety",
    "responsible.?ai",
)
_NO_TOOLS = _words(
    r"not support.{0,30}(?:tool|function)",
    r"(?:tool|function).{0,40}(?:not|n't) (?:\w+ )?(?:support|enabled|available|implemented)",
    "requires --jinja|enable-auto-tool-choice|tool-call-parser|support tool use",
    r"tools?.{0,20}unsupported|unsupported.{0,20}\btools?\b",
    r"(?:unknown|unrecognized|extra|unexpected).{0,40}['\"`]?\btools\b",
    r"only (?:[\w'\"`]+,? (?:and |or )?)+roles?\b",  # chat templates that know no role "tool"
    r"(?:unknown|unsupported|invalid|unexpected) (?:message )?role:? ?['\"`]?tool",
)
_TEMPLATE = _words(r"roles?\b|jinja|template|tool")
_FORMAT = _words("response_format|json_schema|json_object|grammar|structured")


class _Lesson(NamedTuple):
    """What a refusal in such words teaches of a server whose rules have these values."""

    having: dict[str, Any]
    words: re.Pattern[str]
    teaches: dict[str, Any]


_LESSONS = (
    _Lesson({"signatures": False}, _words("signature"), {"signatures": True}),
    _Lesson(
        {"thoughts": False},
        _words(r"(?:reasoning|thinking|thought).{0,80}(?:back|missing|required)"),
        {"thoughts": True},
    ),
    _Lesson({"thoughts": True}, _words("reasoning_content|thinking"), {"thoughts": False}),
    _Lesson({"beside_calls": "any"}, _words("not both"), {"beside_calls": "nothing"}),
    _Lesson(
        {"beside_calls": "any"},
        _words(
            "content.{0,60}(?:null|none|nil|empty|required|string)",
            "(?:null|nil|none).{0,40}content",
        ),
        {"beside_calls": "text"},
    ),
    _Lesson(
        {"system": True},
        _words(
            "system (?:role|message|instruction)s? (?:is |are )?not (?:supported|allowed|enabled)",
            r"(?:not support|unsupported|invalid).{0,20}(?:system|developer).{0,10}(?:role|instr)",
        ),
        {"system": False, "alternate": True},
    ),
    _Lesson(
        {"schema_keywords": True},
        _words(
            r"schema|additionalProperties|anyOf|oneOf|\$ref|\$defs|function_?declarations"
            r"|parameters\.|properties"
        ),
        {"schema_keywords": False},
    ),
    _Lesson({"alternate": False}, _words(""), {"alternate": True}),
    _Lesson({"system": True}, _words("role|alternat|jinja|template"), {"system": False}),
)


def is_filtered(words: str) -> bool:
    """Whether a refusal speaks of what is said, not of how it is asked."""
    return _FILTERED.search(words) is not None


def rules_after(
    rules: ServerRules, words: str, *, parameters: Collection[str] = (), mode: ToolMode = "auto"
) -> Iterator[ServerRules]:
    """The rules that may avoid a refusal, the likeliest first.

    Args:
        rules: those by which the refused request was shaped.
        words: the provider's.
        parameters: names of what was sent beside messages and tools.
        mode: whether calls may be written as JSON.
    """
    if is_filtered(words):
        return
    named = [one for one in parameters if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", words)]
    if named:
        yield rules.having(without=(*rules.without, *named))
    if not rules.tools and rules.response_format != "none" and _FORMAT.search(words):
        lower = "object" if rules.response_format == "schema" else "none"
        yield rules.having(response_format=lower)
    may_do_without = rules.tools and mode == "auto"
    if may_do_without and _NO_TOOLS.search(words):
        yield rules.having(tools=False)
    for lesson in _LESSONS:
        known = all(getattr(rules, key) == value for key, value in lesson.having.items())
        if known and lesson.words.search(words):
            yield rules.having(**lesson.teaches)
    if may_do_without and rules.alternate and _TEMPLATE.search(words):  # no other form has helped
        yield rules.having(tools=False)
