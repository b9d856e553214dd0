"""AutoGen's group patterns: who speaks next, handoffs, context variables, tools that decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import AssistantAgent, ConversableAgent

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, say, send
from tests.groupchat import speaker
from tests.playing import echo, part, playing, user

pytestmark = pytest.mark.autogen

GROUP = "autogen.agentchat.group"
CHATS = "autogen.agentchat.group.multi_agent_chat"


def feature(value: Any, row: str) -> Any:
    return pytest.param(value, marks=pytest.mark.feature(row))


def pattern_of(name: str, *agents: Any, **kwargs: Any) -> Any:
    pattern = part(f"{GROUP}.patterns", name)
    return pattern(initial_agent=agents[0], agents=list(agents), user_agent=user(), **kwargs)


def run(pattern: Any, message: Any, max_rounds: int = 4) -> Any:
    """The chat's messages as (name, content), and its context variables."""
    chat = part(CHATS, "initiate_group_chat")
    result, variables, _ = chat(pattern=pattern, messages=message, max_rounds=max_rounds)
    return [(m.get("name"), m["content"]) for m in result.chat_history], variables


def next_is_mem(request: ChatRequest) -> Step:
    """Speaks when it has memory functions; as the manager, names the agent that is next."""
    return echo(request) if "send_message" in request.tool_names else say("mem")


@pytest.mark.parametrize(
    "name",
    [
        feature(name, f"group chat, {name}")
        for name in ("DefaultPattern", "AutoPattern", "RoundRobinPattern", "RandomPattern")
    ],
)
def test_every_pattern(tmp_path: Path, name: str) -> None:
    with playing(next_is_mem, tmp_path) as (agent, model):
        ann = speaker("ann", lambda n: f"ann {n}")
        extra: dict[str, Any] = {}
        if name == "AutoPattern":
            extra["group_manager_args"] = {"llm_config": model.llm_config}
        if name == "DefaultPattern":
            target = part(GROUP, "AgentTarget")
            ann.handoffs.set_after_work(target(agent))
            agent.handoffs.set_after_work(target(ann))
        start: Any = "start"
        pattern = pattern_of(name, ann, agent, **extra)
        if name == "RandomPattern":  # among three, chance may pass the agent over
            start = [{"role": "user", "name": "ann", "content": "start"}]
            pattern = type(pattern)(initial_agent=agent, agents=[ann, agent])
        history, _ = run(pattern, start, 6)
        said = [text for who, text in history if who == "mem"]
        assert said and all(text.startswith("heard ") for text in said)
        agent.clear_history()
        heard = [m.text for m in agent.recall.latest(9) if m.speaker != "mem"]
    assert heard == [text for who, text in history if who != "mem" and text]


@pytest.mark.feature("group chat, a_initiate_group_chat")
async def test_an_async_pattern(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, _):
        pattern = pattern_of("RoundRobinPattern", speaker("ann", lambda n: f"ann {n}"), agent)
        chat = part(CHATS, "a_initiate_group_chat")
        result, _, last = await chat(pattern=pattern, messages="start", max_rounds=3)
        assert last is agent
    assert result.chat_history[-1]["content"] == "heard ann 1"


@pytest.mark.feature("group chat, run_group_chat")
def test_a_run_of_a_pattern(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, _):
        pattern = pattern_of("RoundRobinPattern", speaker("ann", lambda n: f"ann {n}"), agent)
        response = part(CHATS, "run_group_chat")(pattern=pattern, messages="start", max_rounds=3)
        assert list(response.events)
        assert response.last_speaker == "mem"
    assert response.messages[-1]["content"] == "heard ann 1"


@pytest.mark.feature("group chat, a_run_group_chat")
async def test_an_async_run_of_a_pattern(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, _):
        pattern = pattern_of("RoundRobinPattern", speaker("ann", lambda n: f"ann {n}"), agent)
        start = part(CHATS, "a_run_group_chat")
        response = await start(pattern=pattern, messages="start", max_rounds=3)
        assert [event async for event in response.events]
        assert await response.last_speaker == "mem"
    assert (await response.messages)[-1]["content"] == "heard ann 1"


@pytest.mark.feature("group chat, run_group_chat_iter")
def test_a_stepped_run_of_a_pattern(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, _):
        pattern = pattern_of("RoundRobinPattern", speaker("ann", lambda n: f"ann {n}"), agent)
        steps = part(CHATS, "run_group_chat_iter")
        texts = [
            event.content.content
            for event in steps(pattern=pattern, messages="start", max_rounds=3)
            if type(event).__name__ == "TextEvent"
        ]
    assert texts[-1] == "heard ann 1"


def hand_over(agent: Any, target: Any, when: str = "Hand over to the painter.") -> None:
    condition = part(GROUP, "OnCondition")
    agent.handoffs.add_llm_condition(
        condition(
            target=part(GROUP, "AgentTarget")(target),
            condition=part(GROUP, "StringLLMCondition")(prompt=when),
        )
    )


@pytest.mark.feature("handoff by the model (OnCondition)")
@pytest.mark.parametrize("transit", [True, False])
def test_the_model_hands_over_and_gets_the_word_back(tmp_path: Path, transit: bool) -> None:
    """With exclude_transit_message AutoGen hides the handoff's result from the agents."""

    def rule(request: ChatRequest) -> Step:
        if request.contains("painted"):
            return send("Thanks, painter.")
        [transfer] = [name for name in request.tool_names if name.startswith("transfer")]
        return calls(call("send_message", message="Painter, please."), call(transfer))

    with playing(rule, tmp_path) as (agent, model):
        painter = speaker("painter", lambda n: "painted it")
        hand_over(agent, painter)
        painter.handoffs.set_after_work(part(GROUP, "AgentTarget")(agent))
        pattern = pattern_of("DefaultPattern", agent, painter, exclude_transit_message=transit)
        history, _ = run(pattern, "paint it", 6)
        names = [name for name, _ in history]
        assert names == ["user", "mem", "_Group_Tool_Executor", "painter", "mem"]
        assert history[-1] == ("mem", "Thanks, painter.")
        agent.clear_history()
        texts = [m.text for m in agent.recall.latest(9)]
    assert not model.requests[-1].contains("(no result has come)")
    assert texts.count("Painter, please.") == 1


@pytest.mark.feature("handoff by the model (OnCondition)")
def test_the_word_may_come_without_a_word(tmp_path: Path) -> None:
    """Another agent hands over silently, so that nothing is new: the agent is prompted still."""

    def triage(request: ChatRequest) -> Step:
        return call(next(name for name in request.tool_names if name.startswith("transfer")))

    with ScriptedModel(triage) as other, playing([send("one"), send("two")], tmp_path) as played:
        agent, model = played
        desk = AssistantAgent("desk", "", other.llm_config)
        hand_over(desk, agent, "Hand over to mem.")
        agent.handoffs.set_after_work(part(GROUP, "AgentTarget")(desk))
        history, _ = run(pattern_of("DefaultPattern", agent, desk), "hello", 5)
        assert [who for who, _ in history] == ["user", "mem", "desk", "_Group_Tool_Executor", "mem"]
    assert "your turn" in model.requests[-1].last_text


@pytest.mark.feature("handoff by context (OnContextCondition)")
def test_a_context_variable_hands_over_before_the_model_is_asked(tmp_path: Path) -> None:
    with playing([], tmp_path) as (agent, _):
        painter = speaker("painter", lambda n: "painted it")
        agent.handoffs = part(GROUP, "Handoffs")()
        agent.handoffs.add_context_condition(
            part(GROUP, "OnContextCondition")(
                target=part(GROUP, "AgentTarget")(painter),
                condition=part(GROUP, "StringContextCondition")(variable_name="urgent"),
            )
        )
        variables = part(GROUP, "ContextVariables")(data={"urgent": True})
        pattern = pattern_of("DefaultPattern", agent, painter, context_variables=variables)
        history, _ = run(pattern, "paint it")
    assert history[-2] == ("mem", "[Handing off to painter]")
    assert history[-1] == ("painter", "painted it")


@pytest.mark.feature("handoff after work")
def test_after_work_goes_on_with_another_agent(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, _):
        painter = speaker("painter", lambda n: "painted it")
        agent.handoffs = part(GROUP, "Handoffs")()
        agent.handoffs.set_after_work(part(GROUP, "AgentTarget")(painter))
        history, _ = run(pattern_of("DefaultPattern", agent, painter), "paint it", 9)
    assert history[1:] == [("mem", "heard paint it"), ("painter", "painted it")]


@pytest.mark.feature("tools that return a ReplyResult")
@pytest.mark.parametrize("own", [False, True], ids=["group", "own"])
def test_a_tools_result_sets_variables_and_the_next_speaker(tmp_path: Path, own: bool) -> None:
    """Also where the agent could run the tool by itself: only the group can hand over."""
    result_of, target = part(GROUP, "ReplyResult"), part(GROUP, "AgentTarget")
    painter = speaker("painter", lambda n: "painted it")

    def choose(colour: Annotated[str, "which"], context_variables: Any) -> Any:
        context_variables["colour"] = colour
        return result_of(
            message=f"It will be {colour}.",
            target=target(painter),
            context_variables=context_variables,
        )

    choose.__annotations__["context_variables"] = part(GROUP, "ContextVariables")
    with playing([call("choose", colour="teal"), send("Nice.")], tmp_path) as (agent, model):
        tool = agent.register_for_llm(name="choose", description="Chooses a colour.")(choose)
        if own:
            agent.register_for_execution()(tool)
        painter.handoffs.set_after_work(target(agent))
        history, variables = run(pattern_of("DefaultPattern", agent, painter), "paint it", 5)
        assert variables["colour"] == "teal"
    assert [name for name, _ in history] == [
        "user",
        "mem",
        "_Group_Tool_Executor",
        "painter",
        "mem",
    ]
    assert model.requests[-1].contains("It will be teal.") == 1


@pytest.mark.feature("UpdateSystemMessage and context variables")
def test_the_system_message_follows_the_context_variables(tmp_path: Path) -> None:
    update = part("autogen", "UpdateSystemMessage")
    variables = part(GROUP, "ContextVariables")(data={"mood": "cheerful"})
    updates = [update("You are {mood} today.")]
    with playing(echo, tmp_path, update_agent_state_before_reply=updates) as (agent, model):
        painter = speaker("painter", lambda n: "painted it")
        pattern = pattern_of("DefaultPattern", agent, painter, context_variables=variables)
        run(pattern, "paint it", 2)
        variables["mood"] = "grumpy"
        run(pattern, "again", 2)
    heads = [request.messages[0]["content"] for request in model.requests]
    assert "You are cheerful today." in heads[0]
    assert "You are grumpy today." in heads[1] and "cheerful" not in heads[1]


@pytest.mark.feature("nested chat as a handoff's target")
def test_a_handoff_to_a_nested_chat(tmp_path: Path) -> None:
    nested = part(GROUP, "NestedChatTarget")
    painter = speaker("painter", lambda n: "painted it")

    def rule(request: ChatRequest) -> Step:
        if request.contains("painted it"):
            return send("Done.")
        return call(next(name for name in request.tool_names if name.startswith("transfer")))

    with playing(rule, tmp_path) as (agent, _):
        queue = [{"recipient": painter, "max_turns": 1, "summary_method": "last_msg"}]
        agent.handoffs.add_llm_condition(
            part(GROUP, "OnCondition")(
                target=nested(nested_chat_config={"chat_queue": queue}),
                condition=part(GROUP, "StringLLMCondition")(prompt="Ask the painter."),
            )
        )
        history, _ = run(pattern_of("DefaultPattern", agent, painter), "paint it", 6)
    assert [text for _, text in history[-2:]] == ["painted it", "Done."]


@pytest.mark.feature("swarm chats")
def test_a_swarm(tmp_path: Path) -> None:
    swarm = "autogen.agentchat.contrib.swarm_agent"
    with playing(echo, tmp_path) as (agent, _):
        part(swarm, "register_hand_off")(
            agent, part(swarm, "AfterWork")(part(swarm, "AfterWorkOption").TERMINATE)
        )
        result, _, last = part(swarm, "initiate_swarm_chat")(
            initial_agent=agent, agents=[agent], messages="go", user_agent=user(), max_rounds=3
        )
        assert last is agent
    assert result.chat_history[-1]["content"] == "heard go"


@pytest.mark.feature("tools, functions=[…] of the constructor")
def test_functions_and_handoffs_of_the_constructor(tmp_path: Path) -> None:
    handoffs = part(GROUP, "Handoffs")()

    def measure(width: Annotated[int, "in cm"]) -> str:
        """Measures."""
        return f"{width} cm wide"

    painter = ConversableAgent("painter", llm_config=False, human_input_mode="NEVER")
    handoffs.set_after_work(part(GROUP, "TerminateTarget")())
    with ScriptedModel([call("measure", width=7), send("It is 7 cm wide.")]) as model:
        with MemGPTAgent(
            "mem",
            llm_config=model.llm_config,
            memory=tmp_path,
            functions=[measure],
            handoffs=handoffs,
        ) as agent:
            history, _ = run(pattern_of("DefaultPattern", agent, painter), "how wide?", 6)
    assert [text for _, text in history] == [
        "how wide?",
        "None",  # AutoGen's word for a call without a text
        "7 cm wide",
        "It is 7 cm wide.",
    ]
