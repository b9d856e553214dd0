"""Where the user's tools run: in the chat or inside the turn, and what is changed by them there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import openai
import pytest
from autogen import ConversableAgent, GroupChat, GroupChatManager

from memgpt_autogen import Login, MemGPTAgent, Settings
from memgpt_autogen.testing import (
    ChatRequest,
    ScriptedModel,
    Step,
    call,
    calls,
    fail,
    raw_call,
    say,
)
from tests.differential import outcomes
from tests.playing import part, playing, user

pytestmark = pytest.mark.autogen

GROUP = "autogen.agentchat.group"
ASKED = [{"role": "user", "content": "How many bolts?"}]

ORDER: ContextVar[str] = ContextVar("order", default="none")


def stock(name: Annotated[str, "of the part"]) -> str:
    """How many of a part are in stock."""
    ORDER.set(name)
    return f"12 {name}"


async def late_stock(name: Annotated[str, "of the part"]) -> str:
    """How many of a part are in stock."""
    await asyncio.sleep(0)
    return stock(name)


def price(name: Annotated[str, "of the part"]) -> str:
    """What a part costs."""
    return f"{name}: 3 euros"


def offer(agent: Any, function: Any, *executors: Any, name: str = "") -> None:
    name = name or function.__name__
    agent.register_for_llm(name=name, description="Looks it up.")(function)
    for executor in executors:
        executor.register_for_execution(name=name)(function)


def look_up(name: str = "stock") -> list[Step]:
    return [call(name, name="bolts"), say("There are 12 bolts.")]


def contents(history: Any) -> list[Any]:
    return [
        [one["function"]["name"] for one in message.get("tool_calls") or ()] or message["content"]
        for message in history
    ]


ANSWERED = ["How many bolts?", "There are 12 bolts."]
IN_CHAT = ["How many bolts?", ["stock"], "12 bolts", "There are 12 bolts."]
FAILED = ["How many bolts?", ["stock"], "Error: Function stock not found.", "There are 12 bolts."]


@pytest.mark.feature("tools, run by the agent itself")
@pytest.mark.parametrize(
    ("place", "partner_can", "history"),
    [
        ("auto", False, ANSWERED),
        ("auto", True, IN_CHAT),
        ("turn", False, ANSWERED),
        ("turn", True, ANSWERED),
        ("chat", False, FAILED),
        ("chat", True, IN_CHAT),
    ],
)
def test_in_a_chat_of_two(tmp_path: Path, place: Any, partner_can: bool, history: Any) -> None:
    with playing(look_up(), Settings(location=str(tmp_path), tools=place)) as (agent, _):
        person = user(is_termination_msg=lambda m: "There are" in str(m["content"]))
        offer(agent, stock, agent, *([person] if partner_can else []))
        result = person.initiate_chat(agent, message="How many bolts?", silent=True)
    assert contents(result.chat_history) == history


@pytest.mark.feature("the same results as an AssistantAgent")
def test_all_leave_as_with_any_agent_where_the_chat_is_their_place(tmp_path: Path) -> None:
    """Even where nobody can run them, and where nobody hears them."""

    def program(make: Any, model: ScriptedModel) -> Any:
        if make.kind is not MemGPTAgent:
            clerk = make("clerk", llm_config=model.llm_config)
        else:
            settings = Settings(location=str(tmp_path), tools="chat")
            clerk = make("clerk", llm_config=model.llm_config, memory=settings)
        offer(clerk, stock, clerk)
        person = user()
        result = person.initiate_chat(clerk, message="How many bolts?", max_turns=2, silent=True)
        return contents(result.chat_history), clerk.generate_reply(ASKED)["tool_calls"][0]["type"]

    script = look_up()

    def rule(request: ChatRequest) -> Step:
        """By how many results have come since it was asked last."""
        texts = [str(message["content"]) for message in request.messages]
        asked = max(at for at, text in enumerate(texts) if "How many bolts?" in text)
        return script[len([m for m in request.messages[asked:] if m["role"] == "tool"])]

    plain, ours = outcomes(program, tmp_path / "memory", rule)
    assert ours == plain


@pytest.mark.feature("tools, in group chats")
@pytest.mark.parametrize("method", ["round_robin", "random", "auto"])
@pytest.mark.parametrize("place", ["auto", "turn"])
def test_in_a_group_where_nobody_who_can_will_be_selected(
    tmp_path: Path, method: str, place: Any
) -> None:
    """The agent may not speak twice, so the result would never come: it runs inside the turn."""
    with playing(look_up(), Settings(location=str(tmp_path), tools=place)) as (agent, _):
        person, other = user(), user("other")
        offer(agent, stock, agent)
        group = GroupChat(
            [person, agent, other],
            [],
            max_round=2,
            speaker_selection_method=method,
            func_call_filter=False,
            allowed_or_disallowed_speaker_transitions={
                person: [agent],
                agent: [person, other],
                other: [agent],
            },
            speaker_transitions_type="allowed",
        )
        manager = GroupChatManager(group, llm_config=False, silent=True)
        person.initiate_chat(manager, message="How many bolts?", silent=True)
        assert contents(group.messages) == ANSWERED
        assert agent.last_steps[0].results[0].text == "12 bolts"


@pytest.mark.feature("tools, in group chats")
def test_the_answer_comes_where_the_agent_may_not_speak_twice(tmp_path: Path) -> None:
    """AutoGen 0.14 then ends a chat whose only executor called the tool; before, it let it run."""
    with playing(look_up(), tmp_path) as (agent, _):
        person = user()
        offer(agent, stock, agent)
        group = GroupChat(
            [person, agent],
            [],
            max_round=6,
            speaker_selection_method="round_robin",
            allow_repeat_speaker=False,
        )
        manager = GroupChatManager(
            group,
            llm_config=False,
            silent=True,
            is_termination_msg=lambda m: "There are" in str(m["content"]),
        )
        person.initiate_chat(manager, message="How many bolts?", silent=True)
    assert contents(group.messages)[-1] == "There are 12 bolts."


@pytest.mark.feature("tools, in group chats")
def test_in_a_group_that_the_agent_is_not_of(tmp_path: Path) -> None:
    """It asks a group from outside; nobody there has its tool."""
    with playing(look_up(), tmp_path) as (agent, _):
        offer(agent, stock, agent)
        members = [user("one", default_auto_reply="Go on."), user("two")]
        group = GroupChat(members, [], max_round=2, speaker_selection_method="round_robin")
        manager = GroupChatManager(group, llm_config=False, silent=True)
        agent.initiate_chat(manager, message="Anything new?", max_turns=1, silent=True)
        reply = agent.generate_reply(sender=manager)
    assert reply == "There are 12 bolts."


@pytest.mark.feature("tools, several calls in one completion")
def test_what_nobody_can_run_together_is_divided(tmp_path: Path) -> None:
    """AutoGen lets one member run all calls of a message: the rest is run inside the turn."""
    both = calls(
        call("stock", name="bolts"),
        call("core_memory_append", name="human", content="Asks for bolts."),
        call("price", name="bolts"),
    )
    with playing([both, say("12 at 3 euros.")], tmp_path) as (agent, model):
        person, worker = user(), user("worker")
        offer(agent, stock, agent)
        offer(agent, price, worker)
        group = GroupChat(
            [person, agent, worker], [], max_round=5, speaker_selection_method="round_robin"
        )
        manager = GroupChatManager(group, llm_config=False, silent=True)
        person.initiate_chat(manager, message="Bolts?", silent=True)
        said = ["Bolts?", ["price"], "bolts: 3 euros", "", "12 at 3 euros."]
        assert contents(group.messages) == said
        assert agent.core_memory["human"].value == "Asks for bolts."
    results = [m["content"] for m in model.requests[1].messages if m["role"] == "tool"]
    assert results[0] == "12 bolts" and results[2] == "bolts: 3 euros"


@pytest.mark.feature("tools, in group chats")
@pytest.mark.parametrize("reopened", [False, True])
def test_results_that_the_chat_let_it_run_are_the_models_to_read(
    tmp_path: Path, reopened: bool
) -> None:
    """They complete the call; nobody is quoted as having said nothing, and recall holds them."""
    both = calls(
        call("core_memory_append", name="human", content="Asks for bolts."),
        call("stock", name="bolts"),
    )
    with ScriptedModel([both, say("12."), say("Bye.")]) as model:
        agent = MemGPTAgent("mem", "", model.llm_config, memory=tmp_path)
        offer(agent, stock, agent)
        person = user()
        turns = iter([agent, agent, agent, person, agent])

        def select(last: Any, group: Any) -> Any:
            if reopened:
                agent.close()
            return next(turns)

        group = GroupChat([person, agent], [], max_round=6, speaker_selection_method=select)
        manager = GroupChatManager(group, llm_config=False, silent=True)
        person.initiate_chat(manager, message="Bolts?", silent=True)
        heard = [(m.speaker, m.text) for m in agent.recall.latest(9)]
        agent.close()
    assert heard[:3] == [("user", "Bolts?"), ("mem", "(result) 12 bolts"), ("mem", "12.")]
    last = model.requests[1].messages[-3:]
    assert [message["role"] for message in last] == ["assistant", "tool", "tool"]
    assert last[-1]["content"] == "12 bolts"
    assert [one["id"] for one in last[0]["tool_calls"]] == [m["tool_call_id"] for m in last[1:]]
    assert model.requests[2].contains("12 bolts") == 1


@pytest.mark.feature("tools, run by another agent")
def test_arguments_leave_as_the_model_wrote_them(tmp_path: Path) -> None:
    """AutoGen mends what JSON does not allow, such as line breaks in texts."""
    written = '{"name": "long\nbolts"}'
    with playing([raw_call("stock", written), say("12.")], tmp_path) as (agent, model):
        person = user()
        offer(agent, stock, person)
        result = person.initiate_chat(agent, message="Bolts?", max_turns=2, silent=True)
        function = result.chat_history[1]["tool_calls"][0]["function"]
        assert function == {"name": "stock", "arguments": written}
        assert result.chat_history[2]["content"] == "12 long\nbolts"
    quoted = model.requests[1].messages[-2]["tool_calls"][0]["function"]["arguments"]
    assert isinstance(json.loads(quoted), dict), "a provider takes nothing but JSON"


@pytest.fixture
def order() -> Iterator[ContextVar[str]]:
    token = ORDER.set("none")
    yield ORDER
    ORDER.reset(token)


@pytest.mark.feature("async: cancellation, tools on the caller's loop")
@pytest.mark.parametrize("function", [stock, late_stock], ids=["def", "async def"])
async def test_a_context_variable_that_a_tool_sets_is_set_for_the_caller(
    tmp_path: Path, function: Any
) -> None:
    ORDER.set("none")
    with playing([*look_up(), *look_up()], tmp_path) as (agent, _):
        offer(agent, function, agent, name="stock")
        assert await agent.a_generate_reply(ASKED) == "There are 12 bolts."
        assert ORDER.get() == "bolts"
        ORDER.set("none")
        await user().a_initiate_chat(agent, message="How many bolts?", max_turns=1, silent=True)
        assert ORDER.get() == "bolts"


@pytest.mark.parametrize("function", [stock, late_stock], ids=["def", "async def"])
def test_also_in_a_chat_that_is_not_async(
    tmp_path: Path, function: Any, order: ContextVar[str]
) -> None:
    with playing(look_up(), tmp_path) as (agent, _):
        offer(agent, function, agent, name="stock")
        assert agent.generate_reply(ASKED) == "There are 12 bolts."
    assert order.get() == "bolts"


async def test_also_where_the_turn_fails_after_it(tmp_path: Path) -> None:
    ORDER.set("none")
    with playing([look_up()[0], fail(401)], tmp_path) as (agent, _):
        offer(agent, stock, agent)
        with pytest.raises(openai.AuthenticationError):
            await agent.a_generate_reply(ASKED)
    assert ORDER.get() == "bolts"


async def test_two_callers_do_not_share_what_is_set(tmp_path: Path) -> None:
    async def ask(agent: Any, text: str) -> tuple[str, str]:
        ORDER.set(text)
        reply = await agent.a_generate_reply([{"role": "user", "name": text, "content": text}])
        return reply, ORDER.get()

    def rule(request: Any) -> Step:
        if request.last["role"] == "tool":
            return say("done")
        part = request.last_text.rsplit(" ", 1)[-1]
        return call("stock", name=f"{part} bolts") if part == "long" else say("none")

    with playing(rule, tmp_path) as (agent, _):
        offer(agent, stock, agent)
        found = await asyncio.gather(ask(agent, "long"), ask(agent, "short"))
    assert list(found) == [("done", "long bolts"), ("none", "short")]


def tools_with_variables() -> list[Any]:
    """Functions that change AutoGen's context variables, in each way that it knows."""
    variables, result = part(GROUP, "ContextVariables"), part(GROUP, "ReplyResult")

    def in_place(name: Annotated[str, "part"], context_variables: Any) -> str:
        context_variables["asked"] += 1
        return f"12 {name}"

    async def later(name: Annotated[str, "part"], context_variables: Any) -> Any:
        context_variables["asked"] += 1
        return result(message=f"12 {name}", context_variables=context_variables)

    def returned(name: Annotated[str, "part"]) -> Any:
        return result(message=f"12 {name}", context_variables=variables(data={"asked": 1}))

    in_place.__annotations__["context_variables"] = variables
    later.__annotations__["context_variables"] = variables
    later.__annotations__["return"] = returned.__annotations__["return"] = result
    return [in_place, later, returned]


@pytest.mark.feature("tools that return a ReplyResult")
@pytest.mark.parametrize("number", range(3), ids=["in place", "async", "returned"])
@pytest.mark.parametrize("given", [{}, {"context_variables": {}}], ids=["not given", "given"])
def test_autogens_context_variables_are_the_agents_own_inside_a_turn(
    tmp_path: Path, number: int, given: dict[str, Any]
) -> None:
    function = tools_with_variables()[number]
    variables = part(GROUP, "ContextVariables")(data={"asked": 0, "kept": "yes"})
    script = [call(function.__name__, name="bolts", **(given if number < 2 else {})), say("12.")]
    with playing(script, tmp_path, context_variables=variables) as (agent, _):
        offer(agent, function, agent)
        result = user().initiate_chat(agent, message="Bolts?", max_turns=1, silent=True)
        assert result.summary == "12."
        assert agent.last_steps[0].results[0].text == "12 bolts"
        assert agent.context_variables is variables
    assert variables.to_dict() == {"asked": 1, "kept": "yes"}


@pytest.mark.feature("tools that return a ReplyResult")
def test_a_tool_may_ask_for_the_chat_beside_the_variables(tmp_path: Path) -> None:
    context = part("autogen.tools", "ChatContext")
    variables = part(GROUP, "ContextVariables")

    def who(name: Annotated[str, "part"], chat: Any, context_variables: Any) -> str:
        context_variables["seen"] = chat.last_message["content"]
        return f"12 {name}"

    who.__annotations__.update(chat=context, context_variables=variables)
    with playing([call("who", name="bolts"), say("12.")], tmp_path) as (agent, _):
        offer(agent, who, agent)
        user().initiate_chat(agent, message="Bolts?", max_turns=1, silent=True)
        assert agent.last_steps[0].results[0].text == "12 bolts"
        assert agent.context_variables["seen"] == "Bolts?"


@pytest.mark.feature("AutoGen's remote agent service")
@pytest.mark.parametrize("client", [False, True], ids=["model", "stand-in"])
async def test_the_remote_agent_service_runs_the_tools(tmp_path: Path, client: bool) -> None:
    """Its own executor does, with the context that the remote caller gave; and tells the caller."""
    service = part("autogen.agentchat.remote", "AgentService")
    request = part("autogen.agentchat.remote", "RequestMessage")
    function = tools_with_variables()[1]
    script = [call("later", name="bolts", context_variables={}), say("12.")]
    with playing([] if client else script, tmp_path) as (agent, _):
        offer(agent, function, agent)
        if client:
            message = part("autogen.testing", "ToolCall")("later", name="bolts").to_message()
            answers = iter([message, {"content": "12."}])
            agent.client = type("Client", (), {})()
            agent.client.create = lambda **_: next(answers)
            agent.client.extract_text_or_completion_object = lambda answer: [answer]
        asked = request(messages=[{"content": "Bolts?"}], context={"asked": 4})
        found = [one async for one in service(agent)(asked)]
        rows = [(one.message["role"], one.message["content"]) for one in found]
        assert rows == [("assistant", None), ("tool", "12 bolts"), ("assistant", "12.")]
        assert found[-1].context == {"asked": 5}


@pytest.mark.feature("tools, run by the agent itself")
def test_an_event_outside_a_chat_is_offered_only_what_the_agent_can_run(tmp_path: Path) -> None:
    settings = Settings(location=str(tmp_path), tools="chat")
    with playing(look_up(), settings) as (agent, model):
        offer(agent, stock, agent)
        offer(agent, price, user())
        login = Login(timestamp=datetime(2026, 5, 8, tzinfo=timezone.utc), name="Dana")
        assert agent.notify(login) == ("There are 12 bolts.",)
    assert "stock" in model.requests[0].tool_names and "price" not in model.requests[0].tool_names


@pytest.mark.feature("guardrails")
@pytest.mark.parametrize("words", ["Fine.", ""])
def test_an_output_guardrail_is_given_what_autogen_gives(tmp_path: Path, words: str) -> None:
    if not hasattr(ConversableAgent, "register_output_guardrail"):
        pytest.skip("this AutoGen has no guardrails")
    guardrail = part("autogen.agentchat.group.guardrails", "Guardrail")
    result = part("autogen.agentchat.group.guardrails", "GuardrailResult")
    checked: list[Any] = []

    class Noting(guardrail):  # type: ignore[valid-type,misc]
        def __init__(self) -> None:
            self.name = "noting"

        def check(self, context: Any) -> Any:
            checked.append(context)
            return result(activated=False, guardrail=self)

    with playing([], tmp_path) as (agent, _):
        agent.client = type("Client", (), {})()
        agent.client.create = lambda **_: {"content": words}
        agent.client.extract_text_or_completion_object = lambda answer: [answer]
        agent.register_output_guardrail(Noting())
        assert agent.run_output_guardrails(agent.generate_oai_reply(ASKED)[1]) is None
    assert checked == [{"content": words}]
