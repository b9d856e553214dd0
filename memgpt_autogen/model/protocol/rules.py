"""Server rules: what a model and its server take, as far as their refusals have shown it.

Nobody can tell from an address which chat template or which model answers behind it, so
the rules are learnt: each kind of refusal has a rule that avoids the next one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

ToolMode = Literal["native", "json", "auto"]


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
    without: tuple[str, ...] = ()

    def having(self, **changed: Any) -> ServerRules:
        """The rules with some of them changed."""
        return self.model_copy(update=changed)


DEFAULT_RULES = ServerRules()
"""Those of OpenAI, by which a server is asked that has refused nothing yet."""

_SYSTEM = re.compile(
    r"system (?:role|message|instruction)s? (?:is |are )?not (?:supported|allowed|enabled)"
    r"|(?:not support|unsupported|invalid).{0,20}(?:system|developer).{0,10}(?:role|message|instr)",
    re.IGNORECASE,
)
_ROLES = re.compile(
    r"alternat|roles? |'role'|jinja|chat.?template|conversation|consecutive|after role"
    r"|(?:first|last|final|next|previous|preceding) (?:\w+ )?(?:message|turn|role)"
    r"|function.?(?:call|response) (?:turn|part)|tool.?calls? at once|single tool|tool_call_ids?"
    r"|prefill|must (?:begin|start|end|be followed)",
    re.IGNORECASE,
)
_NO_TOOLS = re.compile(
    r"not support.{0,30}(?:tool|function)|(?:tool|function).{0,40}(?:not|n't|isn't) "
    r"(?:\w+ )?(?:support|enabled|available|implemented|allowed)|requires --jinja"
    r"|enable-auto-tool-choice"
    r"|tool-call-parser|support tool use|tools?.{0,20}unsupported|unsupported.{0,20}\btools?\b"
    r"|tools param requires|(?:unknown|unrecognized|extra|unexpected).{0,40}['\"`]?\btools\b",
    re.IGNORECASE | re.DOTALL,
)
_SCHEMA = re.compile(
    r"schema|additionalProperties|anyOf|oneOf|\$ref|\$defs|function_declarations|parameters\."
    r"|properties",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"response_format|json_schema|json_object|grammar|structured", re.IGNORECASE)
_FILTERED = re.compile(
    r"content.?filter|content.?management|policy|moderation|safety", re.IGNORECASE
)


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
    if _FILTERED.search(words):
        return
    named = [one for one in parameters if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", words)]
    if named:
        yield rules.having(without=(*rules.without, *named))
    if not rules.tools and rules.response_format != "none" and _FORMAT.search(words):
        lower: Any = "object" if rules.response_format == "schema" else "none"
        yield rules.having(response_format=lower)
    if rules.tools and mode == "auto" and _NO_TOOLS.search(words):
        yield rules.having(tools=False)
    if rules.tools and rules.schema_keywords and _SCHEMA.search(words):
        yield rules.having(schema_keywords=False)
    if rules.system and _SYSTEM.search(words):
        yield rules.having(system=False, alternate=True)
    if not rules.alternate:
        yield rules.having(alternate=True)
    elif rules.system and _ROLES.search(words):
        yield rules.having(system=False)
