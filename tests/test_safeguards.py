"""AutoGen's guardrails and safeguards: rules that watch what an agent hears, thinks and says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import ConversableAgent
from autogen.io.base import IOStream

from memgpt_autogen.errors import ChatModelError
from memgpt_autogen.model.chat_model import AutoGenChatModel
from memgpt_autogen.model.safeguards import BLOCKED
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, say, send
from tests.groupchat import speaker
from tests.playing import Screen, echo, needs, part, playing, user

pytestmark = pytest.mark.autogen

GROUP = "autogen.agentchat.group"
RULES = "autogen.agentchat.group.guardrails"


def ask(agent: Any, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "ann", "content": text}])


def watched(agent: Any, hook: str, check: Any) -> None:
    """Register a safeguard's hook where this AutoGen has them."""
    if hook not in agent.hook_lists:
        pytest.skip(f"this AutoGen has no hook {hook}")
    agent.register_hook(hook, check)


def noting(seen: list[Any]) -> Any:
    """A hook that changes nothing."""

    def note(value: Any) -> Any:
        seen.append(value)
        return value

    return note


def group(agent: Any, clerk: Any) -> list[tuple[str, str]]:
    pattern = part(f"{GROUP}.patterns", "DefaultPattern")(
        initial_agent=agent, agents=[agent, clerk], user_agent=user()
    )
    start = part(f"{GROUP}.multi_agent_chat", "initiate_group_chat")
    result, _, _ = start(pattern=pattern, messages="the password is swordfish", max_rounds=3)
    return [(m["name"], m["content"]) for m in result.chat_history]


@pytest.mark.feature("guardrails")
@pytest.mark.parametrize("side", ["input", "output"])
def test_a_guardrail_of_a_group_chat(tmp_path: Path, side: str) -> None:
    needs(ConversableAgent, f"register_{side}_guardrail")
    rule = part(RULES, "RegexGuardrail")
    with playing(echo, tmp_path) as (agent, model):
        clerk = speaker("clerk", lambda n: "I took over")
        guard = rule("secrets", "swordfish", part(GROUP, "AgentTarget")(clerk), "Not here.")
        getattr(agent, f"register_{side}_guardrail")(guard)
        history = group(agent, clerk)
        assert len(model.requests) == (0 if side == "input" else 1)
    assert history[1][1].startswith("Not here.")
    assert history[2] == ("clerk", "I took over")


@pytest.mark.feature("guardrails")
def test_a_guardrail_that_asks_a_model(tmp_path: Path) -> None:
    needs(ConversableAgent, "register_input_guardrail")
    config = part("autogen", "LLMConfig")
    verdict = '{"activated": true, "justification": "a password"}'
    with ScriptedModel([say(verdict)]) as judge, playing(echo, tmp_path) as (agent, model):
        clerk = speaker("clerk", lambda n: "I took over")
        entry = judge.llm_config["config_list"][0]
        rule = part(RULES, "LLMGuardrail")
        target = part(GROUP, "AgentTarget")(clerk)
        agent.register_input_guardrail(rule("secrets", "no passwords", target, config(entry)))
        assert group(agent, clerk)[2] == ("clerk", "I took over")
        assert not model.requests


@pytest.mark.feature("safeguard hooks around the model")
def test_the_hooks_see_every_prompt_and_every_completion(tmp_path: Path) -> None:
    prompts: list[Any] = []
    answers: list[Any] = []
    script = [call("core_memory_append", name="human", content="x", request_heartbeat=True)]
    with playing([*script, send("hi"), say("plain")], tmp_path) as (agent, model):
        watched(agent, "safeguard_llm_inputs", noting(prompts))
        watched(agent, "safeguard_llm_outputs", noting(answers))
        assert ask(agent, "hello") == "hi"
        assert ask(agent, "again") == "plain"
        assert [request.messages for request in model.requests] == prompts
    names = [a["tool_calls"][0]["function"]["name"] for a in answers[:2]]
    assert names == ["core_memory_append", "send_message"]
    assert answers[2] == "plain"


@pytest.mark.feature("safeguard hooks around the model")
def test_what_the_hooks_change_counts(tmp_path: Path) -> None:
    def mask(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("swordfish", "****")
        if isinstance(value, list):
            return [mask(each) for each in value]
        return (
            {key: mask(each) for key, each in value.items()} if isinstance(value, dict) else value
        )

    with playing([send("swordfish!"), say("swordfish?")], tmp_path) as (agent, model):
        watched(agent, "safeguard_llm_inputs", mask)
        watched(agent, "safeguard_llm_outputs", mask)
        assert ask(agent, "it is swordfish") == "****!"
        assert ask(agent, "again") == "****?"
        assert "swordfish" not in agent.recall.latest(1)[0].text
    assert not any(request.contains("swordfish") for request in model.requests)


@pytest.mark.feature("safeguard hooks around the model")
def test_a_hook_blocks_the_call(tmp_path: Path) -> None:
    with playing([], tmp_path) as (agent, _):
        watched(agent, "safeguard_llm_inputs", lambda messages: None)
        assert ask(agent, "hello") == {"content": BLOCKED, "role": "assistant"}  # as AutoGen's


@pytest.mark.feature("safeguard hooks around the model")
def test_a_blocked_summary_is_no_summary(tmp_path: Path) -> None:
    """The digest that needs no model stands in for it."""

    def only_chats(messages: Any) -> Any:
        return messages if messages[0]["content"].startswith("You are mem") else None

    with playing(echo, tmp_path, context_window=2500) as (agent, model):
        watched(agent, "safeguard_llm_inputs", only_chats)
        for number in range(8):
            ask(agent, f"{number} " + "and so on " * 80)
        summary = agent._memgpt_capability.open().queue.context.summary
        assert agent.context_overview().counters.evictions >= 1
    assert summary and BLOCKED not in summary
    assert all(request.tools for request in model.requests)


@pytest.mark.feature("safeguard hooks around tools")
def test_the_hooks_around_a_tool_that_runs_in_the_loop(tmp_path: Path) -> None:
    def look_up(name: Annotated[str, "whose"]) -> str:
        return f"{name}: swordfish"

    def no_bob(request: dict[str, Any]) -> dict[str, Any] | None:
        return None if "Bob" in request["arguments"] else request

    def mask(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "content": answer["content"].replace("swordfish", "****")}

    script = [call("look_up", name="Ann"), call("look_up", name="Bob"), send("ok")]
    with playing(script, tmp_path) as (agent, model):
        watched(agent, "safeguard_tool_inputs", no_bob)
        watched(agent, "safeguard_tool_outputs", mask)
        tool = agent.register_for_llm(description="Looks up.")(look_up)
        agent.register_for_execution()(tool)
        assert ask(agent, "look them up") == "ok"
        results = [step.results[0] for step in agent.last_steps[:2]]
    assert results[0].text == "Ann: ****" and results[0].ok
    assert "safeguard" in results[1].text and not results[1].ok
    assert not model.requests[-1].contains("swordfish")


def policy(action: str = "mask") -> dict[str, Any]:
    rule = {
        "message_source": "llm",
        "message_destination": "mem",
        "check_method": "regex",
        "pattern": "swordfish",
        "action": action,
    }
    watch = {**rule, "message_source": "mem", "message_destination": "llm", "action": "warning"}
    between = {
        "message_source": "mem",
        "message_destination": "user",
        "check_method": "regex",
        "pattern": "trout",
        "violation_response": "block",
        "activation_message": "No trout.",
    }
    return {
        "inter_agent_safeguards": {"agent_transitions": [between]},
        "agent_environment_safeguards": {"llm_interaction": [rule, watch]},
    }


@pytest.mark.feature("apply_safeguard_policy")
def test_a_policy_watches_the_agent(tmp_path: Path) -> None:
    apply = part(f"{GROUP}.safeguards", "apply_safeguard_policy")
    screen = Screen()
    script = [send("the word is swordfish"), send("try trout")]
    with playing(script, tmp_path) as (agent, _):
        person = user()
        with IOStream.set_default(screen):
            apply(agents=[agent, person], policy=policy())
            result = person.initiate_chat(agent, message="swordfish?", max_turns=1)
            assert result.chat_history[-1]["content"] == "the word is [SENSITIVE_INFO]"
            person.initiate_chat(agent, message="and?", max_turns=1)
    assert "No trout." in person.last_message(agent)["content"]
    kinds = [getattr(getattr(e, "content", None), "event_type", "") for e in screen.events]
    assert kinds.count("violation") >= 3, "in the prompt, in the completion, between the agents"


@pytest.mark.feature("apply_safeguard_policy")
def test_a_policy_that_blocks_what_the_model_says(tmp_path: Path) -> None:
    """The model reads that its call was blocked, and may say something else."""
    apply = part(f"{GROUP}.safeguards", "apply_safeguard_policy")

    def rule(request: ChatRequest) -> Step:
        return send("better not" if request.contains("BLOCKED") else "the word is swordfish")

    with playing(rule, tmp_path) as (agent, _):
        person = user()
        apply(agents=[agent, person], policy=policy("block"))
        assert ask(agent, "the word?") == "better not"


@pytest.mark.feature("safeguard hooks around the model")
def test_a_blocked_call_without_functions_is_an_error(tmp_path: Path) -> None:
    with playing([], tmp_path) as (agent, _):
        watched(agent, "safeguard_llm_inputs", lambda messages: None)
        model = AutoGenChatModel(agent.client, agent=agent)
        with pytest.raises(ChatModelError, match="blocked"):
            model.complete([{"role": "user", "content": "x"}])
