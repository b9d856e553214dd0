"""The providers: what each checks, in its order, and how it answers.

The words, the statuses and the sources of the refusals are in `refusals.json`;
docs/providers.md shows them all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from . import messages as said
from . import parameters as asked
from .profile import Find, Overflow, Profile, Rule

_REFUSALS = json.loads(files(__package__).joinpath("refusals.json").read_text("utf-8"))

FILTERED = "FORBIDDEN"  # the text that Azure's content filter refuses here

_SYSTEM_FIRST = said.roles(lambda roles: any(role in said.SYSTEM for role in roles[1:]))
_NO_USER = said.roles(lambda roles: "user" not in roles)
_ONE_CALL = said.message(lambda message: len(said.calls_of(message)) > 1)
_NO_IMAGES = said.images(lambda address: True)
_NO_EMPTY_TEXT = said.text(lambda text: not text)


def _profile(
    name: str, rules: Mapping[str, Find], options: Mapping[str, Find], **manner: Any
) -> Profile:
    told = _REFUSALS[name]

    def made(finds: Mapping[str, Find]) -> tuple[Rule, ...]:
        return tuple(Rule(rule, find, **told["rules"][rule]) for rule, find in finds.items())

    overflow = Overflow(**told["overflow"])
    return Profile(name, made(rules), made(options), overflow, about=told["about"], **manner)


_OPENAI_RULES: dict[str, Find] = {
    "call ids of at most 40 characters": said.call_ids("(?s).{0,40}"),
    "at most 128 tools": asked.tool_count(128),
}
_OPENAI_OPTIONS: dict[str, Find] = {
    "no max_tokens": asked.unsupported("max_tokens"),
    "no temperature": asked.unsupported("temperature", but=1),
    "no parallel_tool_calls": asked.unsupported("parallel_tool_calls"),
    "no images": _NO_IMAGES,
}
OPENAI = _profile("openai", _OPENAI_RULES, _OPENAI_OPTIONS, lists_window=True)

AZURE = _profile(
    "azure", {**_OPENAI_RULES, "content filter": said.contains(FILTERED)}, _OPENAI_OPTIONS
)

# Both the compatibility layer and what stands before Claude elsewhere: Bedrock, LiteLLM.
ANTHROPIC = _profile(
    "anthropic",
    {
        "calls are answered": said.unanswered,
        "results are asked for": said.unasked,
        "call ids of letters, digits, _ and -": said.call_ids("[a-zA-Z0-9_-]+"),
        "arguments are JSON objects": said.bad_arguments,
        "no empty text": _NO_EMPTY_TEXT,
        "no blank text": said.text(str.isspace),
        "the user begins": said.roles(lambda roles: said.spoken(roles)[:1] != ["user"]),
        "the assistant is not last": said.ends_with_assistant,
        "no white space at the end": said.space_at_end,
        "tools beside calls": said.calls_without_tools,
        "temperature or top_p": asked.together("temperature", "top_p"),
        "no alternatives at a schema's top": asked.schemas(
            asked.keyword("oneOf", "allOf", "anyOf"), below=False
        ),
        "images of at most 5 MB": said.images(lambda address: said.data_size(address) > 5_242_880),
        "requests of at most 32 MB": asked.request_bytes(32_000_000),
    },
    {"no temperature": asked.unsupported("temperature", but=1)},
    no_arguments="",
)

GEMINI = _profile(
    "gemini",
    {
        "as many results as calls": said.unanswered,
        "results are asked for": said.unasked,
        "calls follow the user or a result": said.misplaced_calls,
        "thought signatures come back": said.unsigned_calls,
        "not only system messages": said.roles(lambda roles: not said.spoken(roles)),
        "no empty text": _NO_EMPTY_TEXT,
        "function names begin with a letter": asked.names("[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}"),
        "schemas of known keywords": asked.schemas(
            asked.keyword("$schema", "$defs", "additionalProperties", "propertyNames", "const")
        ),
        "one type for each schema": asked.schemas(asked.list_of_types),
        "enums of strings": asked.schemas(asked.enum_of_others),
        "no seed, no penalty": asked.unsupported("seed", "frequency_penalty"),
    },
    {
        "no empty objects": asked.schemas(asked.empty_object),
        "no parallel_tool_calls": asked.unsupported("parallel_tool_calls"),
    },
    envelope="list",
    finish_with_calls="stop",
    signs_calls=True,
)

MISTRAL = _profile(
    "mistral",
    {
        "known parameters and fields": asked.unknown(
            "model messages temperature top_p max_tokens stream stream_options stop random_seed"
            " metadata response_format tools tool_choice presence_penalty frequency_penalty n"
            " prediction parallel_tool_calls prompt_mode reasoning_effort safe_prompt",
            {
                "system": "role content",
                "user": "role content",
                "assistant": "role content tool_calls prefix",
                "tool": "role content tool_call_id name",
            },
        ),
        "no user right after a result": said.order(
            {
                "system": "user assistant system",
                "user": "assistant system user",
                "assistant": "assistant user tool",
                "tool": "assistant tool",
            }
        ),
        "the assistant is not last": said.ends_with_assistant,
        "call ids of nine letters and digits": said.call_ids("[a-zA-Z0-9]{9}"),
        "as many results as calls": lambda body: said.unanswered(body) or said.unasked(body),
    },
    {
        "content or calls": said.message(
            lambda message: bool(message.get("content") and said.calls_of(message))
        )
    },
    envelope="flat",
    call_ids="nine",
    content_beside_calls="",
)

DEEPSEEK = _profile(
    "deepseek",
    {
        "known roles": said.message(lambda message: message["role"] in ("developer", "function")),
        "no images": _NO_IMAGES,
        "calls are answered": said.unanswered,
        "some content or calls": said.message(
            lambda message: (
                message["role"] == "assistant"
                and not (message.get("content") or said.calls_of(message))
            )
        ),
        "thoughts come back": said.thoughts_missing,
        "no call is demanded": asked.forced_choice,
    },
    {  # deepseek-reasoner as it was in 2025
        "no tools": asked.tools,
        "no two messages of one role": said.order(
            {"user": "assistant system", "assistant": "user tool system"}
        ),
        "thoughts stay out": said.message(lambda message: "reasoning_content" in message),
    },
    thought="What is asked of me?",
)

OLLAMA = _profile(
    "ollama",
    {
        "arguments are JSON objects": said.bad_arguments,
        "images in the request": said.images(lambda address: not address.startswith("data:")),
    },
    {
        "no null beside calls": said.message(
            lambda message: bool(message.get("content") is None and said.calls_of(message))
        ),
        "no tools": asked.tools,
        "no images": _NO_IMAGES,
    },
    truncates=True,
    thinks="reasoning",
    content_beside_calls="",
)

# No template is as strict as those of Mistral's and Qwen's models together.
LLAMA_CPP = _profile(
    "llama.cpp",
    {
        "one assistant at the end": said.roles(lambda roles: roles[-2:] == ["assistant"] * 2),
        "user and assistant alternate": said.not_alternating,
        "the system is first": _SYSTEM_FIRST,
        "there is a user": _NO_USER,
        "arguments are JSON objects": said.bad_arguments,
    },
    {
        "the assistant is not last": said.ends_with_assistant,
        "one call at once": _ONE_CALL,
        "no tools": asked.tools,
        "no images": _NO_IMAGES,
    },
)

VLLM = _profile(
    "vllm",
    {
        "user and assistant alternate": said.not_alternating,
        "the system is first": _SYSTEM_FIRST,
        "there is a user": _NO_USER,
        "arguments are JSON objects": said.bad_arguments,
    },
    {
        "no names of users": said.message(
            lambda message: message["role"] == "user" and "name" in message
        ),
        "one call at once": _ONE_CALL,
        "no tools": asked.tools,
        "no images": _NO_IMAGES,
    },
    lists_window=True,
)

_ALL = (OPENAI, AZURE, ANTHROPIC, GEMINI, MISTRAL, DEEPSEEK, OLLAMA, LLAMA_CPP, VLLM)
PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in _ALL})


def profile_of(profile: str | Profile) -> Profile:
    """A profile, or that of the provider named; ValueError where there is none."""
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise ValueError(f"there is no profile {profile!r}; there are {', '.join(PROFILES)}")
    return PROFILES[profile]
