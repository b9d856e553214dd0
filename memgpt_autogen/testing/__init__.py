"""A scripted model for tests: a real server on loopback that speaks OpenAI's protocol.

    from memgpt_autogen.testing import ScriptedModel, call, send

    script = [call("core_memory_append", name="human", content="Likes tea."), send("Noted.")]
    with ScriptedModel(script, window=4096) as model:
        agent = MemGPTAgent("assistant", llm_config=model.llm_config, memory=tmp_path)
        ...
        assert model.requests[0].contains("I like tea") == 1

The script fails both ways: a request beyond its end and a reply left over each
raise AssertionError when the `with` block ends. `ScriptedModel(script, profile="mistral")`
refuses what Mistral refuses and answers in its manner; docs/providers.md lists the providers.
"""

from __future__ import annotations

from .profiles import PROFILES, Profile
from .replies import (
    Call,
    Failure,
    Malformed,
    Reply,
    Slow,
    Step,
    call,
    calls,
    cut,
    empty,
    fail,
    malformed,
    raw_call,
    reasoning,
    refusal,
    say,
    send,
    slow,
)
from .requests import ChatRequest
from .server import ScriptedModel

__all__ = [
    "PROFILES",
    "Call",
    "ChatRequest",
    "Failure",
    "Malformed",
    "Profile",
    "Reply",
    "ScriptedModel",
    "Slow",
    "Step",
    "call",
    "calls",
    "cut",
    "empty",
    "fail",
    "malformed",
    "raw_call",
    "reasoning",
    "refusal",
    "say",
    "send",
    "slow",
]
