"""Tools are called and run in the chat as an AssistantAgent's: history, events, other agents."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import ConversableAgent, GroupChat, GroupChatManager
from autogen.io.base import IOStream

from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, empty, say
from tests.differential import Make, Scenario, outcomes, user
from tests.playing import Screen, part

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.feature("the same results as an AssistantAgent"),
]

GROUP = "autogen.agentchat.group"
ASKED = "How many bolts?"


def stock(name: Annotated[str, "of the part"]) -> str:
    """How many of a part are in stock."""
    return f"12 {name}"


def price(name: Annotated[str, "of the part"]) -> str:
    """What a part costs."""
    return f"{name}: 3 euros"


def clerk_rule(request: ChatRequest) -> Step:
    """The clerk looks it up and tells; the manager's model says that the clerk is next."""
    if not request.tools:
        return say("clerk")
    for message in reversed(request.messages):
        if message["role"] == "tool":
            return say("There are 12 bolts.")
        if ASKED in str(message["content"]):
            break
    return call("stock", name="bolts")


def seen(messages: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What a program or another agent sees of messages, without the ids of calls."""
    return [
        (
            message.get("name"),
            message["role"],
            message["content"],
            [one["function"] for one in message.get("tool_calls") or ()],
            [one["content"] for one in message.get("tool_responses") or ()],
        )
        for message in messages
    ]


def told(message: Mapping[str, Any]) -> bool:
    return "There are" in str(message.get("content"))


def clerk_of(make: Make, model: ScriptedModel, *executors: Any, **kwargs: Any) -> Any:
    """A clerk who knows `stock`; it is run by these, or by the clerk where there are none."""
    clerk = make("clerk", llm_config=model.llm_config, **kwargs)
    clerk.register_for_llm(description="Stock.")(stock)
    for executor in executors or (clerk,):
        executor.register_for_execution()(stock)
    return clerk


def group_of(model: ScriptedModel, agents: list[Any], method: Any, **kwargs: Any) -> Any:
    chat = GroupChat(agents, [], speaker_selection_method=method, **kwargs)
    config = model.llm_config if method == "auto" else False
    return GroupChatManager(chat, llm_config=config, silent=True, is_termination_msg=told)


def runner() -> Any:
    return ConversableAgent("runner", llm_config=False, human_input_mode="NEVER")


SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    SCENARIOS.append(function)
    return function


@scenario
def the_group_selects_the_agent_again(make: Make, model: ScriptedModel) -> Any:
    """By each method; only the agent can run it."""
    found = []
    for method in ("clerk", "round_robin", "random", "auto"):
        random.seed(1)
        clerk, asker = clerk_of(make, model), user("asker")
        chosen = (lambda *_, clerk=clerk: clerk) if method == "clerk" else method
        manager = group_of(model, [asker, clerk], chosen, max_round=6)
        found.append(seen(asker.initiate_chat(manager, message=ASKED, silent=True).chat_history))
    return found


@scenario
def another_member_runs_it(make: Make, model: ScriptedModel) -> Any:
    """Alone, or as the next of two who can, or as the only one who may speak next."""
    found = []
    for own, options in (
        (False, {}),
        (True, {}),
        (True, {"allow_repeat_speaker": False}),
        (True, {"allow_repeat_speaker": []}),
        (True, {"func_call_filter": False}),
    ):
        asker, helper = user("asker"), runner()
        clerk = clerk_of(make, model, helper)
        if own:
            clerk.register_for_execution()(stock)
        agents = [asker, clerk, helper]
        manager = group_of(model, agents, "round_robin", max_round=5, **options)
        found.append(seen(asker.initiate_chat(manager, message=ASKED, silent=True).chat_history))
    return found


@scenario
def the_graph_leads_to_who_can_run_it(make: Make, model: ScriptedModel) -> Any:
    asker, helper, other = user("asker"), runner(), user("other")
    clerk = clerk_of(make, model, helper)
    clerk.register_for_execution()(stock)
    agents = [asker, clerk, other, helper]
    graph = {asker: [clerk], clerk: [helper], helper: [clerk], other: []}
    manager = group_of(
        model,
        agents,
        "round_robin",
        func_call_filter=False,
        allowed_or_disallowed_speaker_transitions=graph,
        speaker_transitions_type="allowed",
    )
    return seen(asker.initiate_chat(manager, message=ASKED, silent=True).chat_history)


@scenario
def a_group_of_a_class_of_ones_own(make: Make, model: ScriptedModel) -> Any:
    class Straight(GroupChat):  # type: ignore[misc]
        def select_speaker(self, last_speaker: Any, selector: Any) -> Any:
            return self.agents[1]

    found = []
    for kind in (Straight, GroupChat):
        asker, clerk = user("asker"), clerk_of(make, model)
        group = kind([asker, clerk], [], max_round=6, func_call_filter=False)
        if kind is GroupChat:
            group.select_speaker = partial(Straight.select_speaker, group)  # type: ignore[method-assign]
        manager = GroupChatManager(group, llm_config=False, silent=True, is_termination_msg=told)
        found.append(seen(asker.initiate_chat(manager, message=ASKED, silent=True).chat_history))
    return found


@scenario
def an_async_group(make: Make, model: ScriptedModel) -> Any:
    async def late(name: Annotated[str, "of the part"]) -> str:
        await asyncio.sleep(0)
        return stock(name)

    asker, clerk = user("asker"), make("clerk", llm_config=model.llm_config)
    clerk.register_for_llm(name="stock", description="Stock.")(late)
    clerk.register_for_execution(name="stock")(late)
    manager = group_of(model, [asker, clerk], "round_robin", max_round=6)
    result = asyncio.run(asker.a_initiate_chat(manager, message=ASKED, silent=True))
    return seen(result.chat_history)


@scenario
def other_agents_read_calls_and_results(make: Make, model: ScriptedModel) -> Any:
    critic_requests = []

    def rule(request: ChatRequest) -> Step:
        critic_requests.append(seen(request.messages[1:]))
        return say("I see.")

    with ScriptedModel(rule) as other:
        clerk = clerk_of(make, model)
        critic = ConversableAgent("critic", "", llm_config=other.llm_config)
        asker = user("asker")

        def after(last: Any, group: Any) -> Any:
            return critic if group.messages[-1]["role"] == "tool" or last is asker else clerk

        manager = group_of(model, [asker, clerk, critic], after, max_round=7)
        history = asker.initiate_chat(manager, message=ASKED, silent=True).chat_history
    return seen(history), critic_requests


@scenario
def two_calls_at_once(make: Make, model: ScriptedModel) -> Any:
    clerk, asker = clerk_of(make, model), user("asker")
    clerk.register_for_llm(description="Price.")(price)
    clerk.register_for_execution()(price)
    both = calls(call("stock", name="bolts"), call("price", name="bolts"))

    def rule(request: ChatRequest) -> Step:
        return clerk_rule(request) if request.contains("3 euros") else both

    with ScriptedModel(rule) as twice:
        clerk.client = make("lender", llm_config={**clerk.llm_config, **twice.llm_config}).client
        manager = group_of(model, [asker, clerk], "round_robin", max_round=6)
        return seen(asker.initiate_chat(manager, message=ASKED, silent=True).chat_history)


@scenario
def a_partner_who_can_runs_it(make: Make, model: ScriptedModel) -> Any:
    """Also where the agent could do so itself, in a chat, an async one and a nested one."""
    found = []
    for own in (False, True):
        asker = user("asker", is_termination_msg=told)
        clerk = clerk_of(make, model, asker)
        if own:
            clerk.register_for_execution()(stock)
        found.append(asker.initiate_chat(clerk, message=ASKED, silent=True).chat_history)
        again = asker.a_initiate_chat(clerk, message=ASKED, max_turns=3, silent=True)
        found.append(asyncio.run(again).chat_history)
        outer = user("outer")
        outer.register_nested_chats(
            [{"sender": asker, "recipient": clerk, "max_turns": 3, "message": ASKED}],
            trigger=lambda sender: True,
        )
        outer.generate_reply([{"role": "user", "content": ASKED}], sender=user("boss"))
        found.append(asker.chat_messages[clerk])
    return [seen(history) for history in found]


@scenario
def the_events_of_a_chat(make: Make, model: ScriptedModel) -> Any:
    """Ids and names of runs aside, what AutoGen shows is the same."""
    asker, clerk = user("asker"), clerk_of(make, model)
    manager = group_of(model, [asker, clerk], "round_robin", max_round=6)
    manager._silent = False
    screen = Screen()
    with IOStream.set_default(screen):
        asker.initiate_chat(manager, message=ASKED)
    return [type(event).__name__ for event in screen.events], len(screen.lines)


@scenario
def a_run_with_an_executor(make: Make, model: ScriptedModel) -> Any:
    tool = part("autogen.tools", "Tool")(name="stock", description="Stock.", func_or_tool=stock)
    clerk = make("clerk", llm_config=model.llm_config)
    response = clerk.run(message=ASKED, tools=tool, max_turns=2, user_input=False)
    events = [type(event).__name__ for event in response.events]
    return events, seen(clerk.chat_messages[clerk.run_executor])


@scenario
def hooks_get_what_leaves(make: Make, model: ScriptedModel) -> Any:
    """A call as the message that the client gave, but for the id; a text as a text."""
    leaving: list[Any] = []

    def note(sender: Any, message: Any, recipient: Any, silent: bool) -> Any:
        leaving.append(message)
        return message

    asker = user("asker", is_termination_msg=told)
    clerk = clerk_of(make, model, asker)
    clerk.register_hook("process_message_before_send", note)
    asker.initiate_chat(clerk, message=ASKED, silent=True)
    for message in leaving[:1]:
        for one in message["tool_calls"]:
            assert one.pop("id")
    return leaving


def _given(message: Any, **_: Any) -> Any:
    return message


def _always(step: Step, request: ChatRequest) -> Step:
    return step


@scenario
def a_stand_in_for_the_client_gives_messages(make: Make, model: ScriptedModel) -> Any:
    """Where AutoGen replies with a message, no text, it is one here too."""
    found = []
    for message in ({"content": "Fine."}, {"content": "", "role": "assistant"}, {"content": "  "}):
        one = make("one", llm_config=model.llm_config, default_auto_reply="nothing")
        one.client.create = partial(_given, message)
        one.client.extract_text_or_completion_object = lambda message: [message]
        found.append(one.generate_reply([{"role": "user", "content": "hi"}]))
    return found


@scenario
def a_mute_model(make: Make, model: ScriptedModel) -> Any:
    """No content is no reply, and an empty one an empty reply, in each version its own way."""
    found = []
    for step in (say(""), empty()):
        with ScriptedModel(partial(_always, step)) as mute:
            one = make("one", llm_config=mute.llm_config, default_auto_reply="nothing")
            asked = [{"role": "user", "content": "hi"}]
            found.append(one.generate_reply(asked))
            found.append(asyncio.run(one.a_generate_reply(asked)))
            result = user().initiate_chat(one, message="hi", max_turns=1, silent=True)
            found.append([message["content"] for message in result.chat_history])
    return found


@scenario
def the_executor_of_a_pattern(make: Make, model: ScriptedModel) -> Any:
    variables = part(GROUP, "ContextVariables")(data={"asked": 0})
    pattern = part(f"{GROUP}.patterns", "DefaultPattern")

    def counted(name: Annotated[str, "of the part"], context_variables: Any) -> str:
        context_variables["asked"] = context_variables["asked"] + 1
        return stock(name)

    counted.__annotations__["context_variables"] = part(GROUP, "ContextVariables")
    clerk = make("clerk", llm_config=model.llm_config)
    tool = clerk.register_for_llm(name="stock", description="Stock.")(counted)
    clerk.register_for_execution()(tool)
    chat = part(f"{GROUP}.multi_agent_chat", "initiate_group_chat")
    result, after, _ = chat(
        pattern=pattern(
            initial_agent=clerk,
            agents=[clerk],
            user_agent=user("asker"),
            context_variables=variables,
        ),
        messages=ASKED,
        max_rounds=4,
    )
    return seen(result.chat_history), after.to_dict()


@pytest.mark.parametrize("program", SCENARIOS, ids=[each.__name__ for each in SCENARIOS])
def test_nothing_differs(program: Scenario, tmp_path: Path) -> None:
    plain, ours = outcomes(program, tmp_path / "memory", clerk_rule)
    assert "Error" not in str(plain), "the comparison is of programs that work"
    assert ours == plain
